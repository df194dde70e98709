"""Rich text of Jira, in the Atlassian Document Format, as plain text.

https://developer.atlassian.com/cloud/jira/platform/apis/document/structure
"""

from typing import Any

# Their nodes stand in one line; those of all others have a line each.
_OF_WORDS = ("paragraph", "heading", "codeBlock")


def document_text(node: dict[str, Any]) -> str:
    """The words of a document or a part of it, in their order; of a mention or a link what people see.

    Raises:
        TypeError, AttributeError: it is no such document.
        RecursionError: it is nested more deeply than any that a person has written.
    """
    if node.get("type") == "hardBreak":
        return "\n"
    attributes = node.get("attrs", {})
    words: str = node.get("text") or attributes.get("text") or attributes.get("url") or ""
    parts = map(document_text, node.get("content", ()))
    return words + ("" if node.get("type") in _OF_WORDS else "\n").join(filter(None, parts))
