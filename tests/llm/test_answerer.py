"""There is one way to answer texts: whoever asks opens an `Answerer`, and gets all limits with it."""

import ast
from pathlib import Path

INCLUDE = Path(__file__).parents[2] / "include"


def users_of(*names: str) -> set[str]:
    """Files of which a call of one of these is a part."""
    users = set()
    for path in INCLUDE.rglob("*.py"):
        calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        if any(isinstance(called, ast.Name) and called.id in names for called in calls):
            users.add(path.relative_to(INCLUDE).as_posix())
    return users


def test_nobody_else_puts_together_what_a_request_has_to_pass() -> None:
    assert users_of("Limiter", "Caller", "FanOut", "RunBudget", "Fuse", "Learned", "Terms") == {"llm/answerer.py"}


def test_stages_and_trials_open_it() -> None:
    assert users_of("open_answerer") == {"stages/infer.py", "local/try_prompt.py"}
