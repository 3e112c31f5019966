"""The house in numbers: how large each room is, and how much of what only one method uses lies in its folder.

python tests/house.py

A file is only of a method if no other method's files reach it by imports; the verbs and the front door, which name
every method, are not asked. Lines are those of the files, blank ones and docstrings included.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "medseg"
METHODS = ("annotators", "amodal")
ABOVE = ("experiment", "__main__", "__init__")
"""Rooms that name every method."""


@cache
def files() -> list[Path]:
    """Every file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    """A file's syntax, parsed once."""
    return ast.parse(path.read_text("utf-8"))


@cache
def name_of(path: Path) -> str:
    """``medseg.cohorts.splits``; a folder's ``__init__`` bears the folder's name."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def room_of(path: Path) -> str:
    """The first folder below the package, or the file's own name where it lies in none."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def lines_of(path: Path) -> int:
    """Lines of a file."""
    return len(path.read_text("utf-8").splitlines())


@cache
def modules() -> frozenset[str]:
    """Every module of the package."""
    return frozenset(map(name_of, files()))


def imported_by(path: Path) -> set[str]:
    """Modules of the package that a file imports anywhere, names looked up through the front doors of rooms."""
    known = modules()
    found: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "medseg":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in known else behind_the_door(node.module, alias.name))
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "medseg"}
    return found & known


@cache
def behind_the_door(room: str, name: str) -> str:
    """The module from which a room's front door takes a name; the room itself where it has no such stub."""
    stub = PACKAGE.parent.joinpath(*room.split("."), "__init__.pyi")
    if not stub.is_file():
        return room
    for node in ast.walk(tree_of(stub)):
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            return f"{room}.{node.module}"
    return room


@cache
def graph() -> dict[str, set[str]]:
    """Module -> the modules that it imports."""
    return {name_of(path): imported_by(path) - {name_of(path)} for path in files()}


def reached_from(room: str, imports: dict[str, set[str]]) -> set[str]:
    """The modules of a room, and all that they import, directly or not."""
    waiting = [name for name in imports if name.split(".")[1:2] == [room]]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += imports.get(name, ())
    return seen


def sizes() -> dict[str, int]:
    """Folder -> lines of the files that lie in it directly."""
    found: defaultdict[str, int] = defaultdict(int)
    for path in files():
        found[path.parent.relative_to(PACKAGE.parent).as_posix()] += lines_of(path)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def shares() -> dict[str, float]:
    """Method -> the part of the lines that only it uses which lies in its folder."""
    imports = graph()
    reached = {method: reached_from(method, imports) for method in METHODS}
    lines = {name_of(path): lines_of(path) for path in files() if room_of(path) not in ABOVE}
    found = {}
    for method in METHODS:
        others = set().union(*(reached[other] for other in METHODS if other != method))
        own = {name for name in reached[method] - others if name in lines}
        inside = sum(lines[name] for name in own if name.split(".")[1] == method)
        found[method] = inside / sum(lines[name] for name in own)
    return found


def circles() -> list[str]:
    """Modules that reach themselves by imports."""
    imports = graph()
    found = []
    for name in imports:
        waiting, seen = list(imports[name]), set()
        while waiting:
            other = waiting.pop()
            if other == name:
                found.append(name)
                break
            if other not in seen:
                seen.add(other)
                waiting += imports.get(other, ())
    return found


def main() -> None:
    """Print the tables."""
    rooms, total = sizes(), sum(map(lines_of, files()))
    print(f"{total} lines in {len(files())} files")
    for room, lines in rooms.items():
        print(f"{lines:6} {lines / total:5.1%}  {room}")
    for method, share in shares().items():
        print(f"{share:6.1%} of the lines that only {method} uses lie in {method}/")
    longest = max(files(), key=lines_of)
    print(f"longest file: {longest.relative_to(PACKAGE.parent)}, {lines_of(longest)} lines")
    print("circles: " + (", ".join(circles()) or "none"))


if __name__ == "__main__":
    main()
