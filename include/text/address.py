"""Web addresses as people may see them."""

import re

WEB = ("http://", "https://")
_QUERY = re.compile(r"(https?://[^\s?#\"'<>]+)[?#][^\s\"'<>]*", re.IGNORECASE)
_LOGIN = re.compile(r"(https?://)[^\s/?#@]*@", re.IGNORECASE)


def without_signature(text: str) -> str:
    """A text with no query, and no login, in any of its web addresses.

    Whoever has the query of a signed address may read what is behind it: `X-Amz-Signature` of Amazon, `sig` of Azure,
    `X-Goog-Signature` of Google, and whatever others call theirs.
    """
    return _QUERY.sub(r"\1?...", _LOGIN.sub(r"\1", text)) if "://" in text else text
