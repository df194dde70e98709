"""Arrows between the rooms of `include/` run down only."""

import re
from pathlib import Path

INCLUDE = Path(__file__).parents[1] / "include"
# From the ground up: a room imports only from those before it.
FLOORS = (
    *("errors", "text", "limits", "answer", "privacy", "code_version", "sources", "lake", "llm"),
    *("pipelines", "settings", "pages", "quality", "themes", "report", "stages", "local"),
)


def test_no_room_imports_from_a_higher_one() -> None:
    upwards = [
        f"{path.relative_to(INCLUDE)} imports {room}"
        for path in INCLUDE.rglob("*.py")
        for room in re.findall(r"^\s*(?:from|import) include\.(\w+)", path.read_text(), re.MULTILINE)
        if FLOORS.index(room) > FLOORS.index(path.relative_to(INCLUDE).parts[0].removesuffix(".py"))
    ]
    assert not upwards
