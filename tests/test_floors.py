"""Arrows between the rooms of `include/` run down only, and so do those between the rooms of its sources."""

import ast
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


SOURCES = INCLUDE / "sources"
# From the ground up too. What several of them share stands beside them, and imports from none.
ROOMS = ("calls", "files", "tickets", "reviews", "tables")


def test_the_rooms_of_sources_import_downwards_and_what_they_share_imports_none() -> None:
    upwards = [
        f"{path.relative_to(SOURCES)} imports {room}"
        for path in SOURCES.rglob("*.py")
        for room in re.findall(r"^\s*(?:from|import) include\.sources\.(\w+)", path.read_text(), re.MULTILINE)
        if room in ROOMS and not _may_import(path.relative_to(SOURCES).parts, room)
    ]
    assert not upwards


def _may_import(place: tuple[str, ...], room: str) -> bool:
    return len(place) > 1 and ROOMS.index(room) <= ROOMS.index(place[0])


def test_each_room_of_sources_says_what_is_in_it_and_where_the_next_one_goes() -> None:
    rooms = {path.parent.name: ast.get_docstring(ast.parse(path.read_text())) for path in SOURCES.glob("*/__init__.py")}
    assert rooms.keys() == set(ROOMS)
    assert [room for room, says in rooms.items() if not re.search("(?i)a new", says or "")] == []
