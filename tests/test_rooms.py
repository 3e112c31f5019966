"""Every room, inner ones too, lists what it holds in an order in which each part imports only those above it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "medseg"
ROOMS = sorted(path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)


def listed(room: Path) -> list[str]:
    """What the docstring of a room lists, in its order."""
    return re.findall(r"^``(\w+)``", (room / "__init__.py").read_text(), re.MULTILINE)


def imported(path: Path, room: Path) -> set[str]:
    """The parts of a room that a file imports, function by function as well."""
    start = ".".join(("medseg", *room.relative_to(PACKAGE).parts)) + "."
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    names = [f"{node.module}.{alias.name}" for node in nodes for alias in node.names]
    return {name.removeprefix(start).split(".")[0] for name in names if name.startswith(start)}


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.relative_to(PACKAGE).as_posix())
def test_a_room_lists_all_that_it_holds_from_the_ground_up(room: Path) -> None:
    order = listed(room)
    held = {path.stem for path in room.glob("*.py")} | {path.parent.name for path in room.glob("*/__init__.py")}
    assert len(order) == len(set(order)) and set(order) == held - {"__init__"}
    for path in room.rglob("*.py"):
        part = path.relative_to(room).parts[0].removesuffix(".py")
        if part != "__init__":
            above = {name for name in imported(path, room) & set(order) if order.index(name) > order.index(part)}
            assert not above, f"{path.relative_to(PACKAGE)} imports {above}"
