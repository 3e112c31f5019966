"""The law of imports, the forbidden names, the start-up time."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from . import house

PACKAGE = Path(__file__).parents[1] / "medseg"
BELOW = {"contracts", "config", "images", "cohorts", "training", "evaluation", "reporting"}
LAW = {  # room -> what it may import of medseg, beside itself
    "contracts": set(),
    "config": {"contracts"},
    "images": {"contracts"},
    "cohorts": {"contracts", "images"},
    "training": {"contracts"},
    "evaluation": {"contracts"},
    "reporting": {"contracts"},
    "annotators": BELOW,
    "amodal": BELOW,
    "experiment": BELOW | {"annotators", "amodal"},
    "__main__": {"contracts", "experiment"},
    "__init__": set(),
}
FORBIDDEN = {"utils", "common", "helpers", "misc", "core", "base", "lib"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_what_the_law_allows(path: Path) -> None:
    room = room_of(path)
    modules = {name.removeprefix("medseg.") for name in imports(path) if name.startswith("medseg.")}
    allowed = {room, *LAW[room]}
    assert not {name for name in modules if not any(f"{name}.".startswith(f"{may}.") for may in allowed)}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_is_entered_by_its_front_door(path: Path) -> None:
    """What another room exports stands in its ``__init__``, or in that of an inner room; files are its own affair."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("medseg."):
            place = PACKAGE.parent.joinpath(*node.module.split("."))
            inside = node.module.split(".")[1] == ("experiment" if path.name == "__main__.py" else room_of(path))
            assert inside or place.is_dir(), node.module


def test_no_front_door_shows_a_name_that_one_of_its_files_bears() -> None:
    """After ``import room.train`` the room's ``train`` would be the file."""
    for stub in PACKAGE.rglob("__init__.pyi"):
        shown = {alias.name for node in ast.walk(ast.parse(stub.read_text())) if isinstance(node, ast.ImportFrom)
                 for alias in node.names}  # fmt: skip
        parts = {path.stem for path in stub.parent.glob("*.py")} | {path.parent.name for path in stub.parent.glob("*/")}
        assert not shown & parts


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_call_passes_more_than_four_arguments_by_position(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert not [ast.unparse(call) for call in calls if len(call.args) > 4]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nouns_are_made_by_keyword(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            made = [ast.unparse(each) for each in node.decorator_list if "dataclass" in ast.unparse(each)]
            assert all("kw_only=True" in each for each in made), node.name


def test_the_mathematics_works_in_anybodys_training_loop() -> None:
    """It imports torch, monai, contracts, the nouns of its method, and itself."""
    for path in [*(PACKAGE / "annotators/mathematics").glob("*.py"), *(PACKAGE / "amodal/network").glob("*.py"),
                 PACKAGE / "amodal/objective.py", PACKAGE / "amodal/stages.py"]:  # fmt: skip
        method = room_of(path)
        own = f"medseg.{method}."
        allowed = ("medseg.contracts", f"{own}nouns", f"{own}mathematics", f"{own}network", f"{own}objective")
        of_medseg = {name for name in imports(path) if name.startswith("medseg.")}
        assert not {name for name in of_medseg if not name.startswith(allowed)}, path


def test_no_room_outgrows_the_house_and_a_method_is_one_folder() -> None:
    """Measured by ``python tests/house.py``."""
    total = sum(map(house.lines_of, FILES))
    assert max(house.sizes().values()) < total / 5
    shares = house.shares()
    assert shares["amodal"] >= 0.6 and shares["annotators"] >= 0.5
    assert not house.circles()
    assert not [path.name for path in FILES if house.lines_of(path) > 220]


def test_every_file_lies_in_a_known_room() -> None:
    assert {room_of(path) for path in FILES} == set(LAW)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_name_hides_its_purpose(path: Path) -> None:
    assert not {part.removesuffix(".py") for part in path.relative_to(PACKAGE).parts} & FORBIDDEN


def test_wandb_has_one_wrapper_and_reporting_needs_no_torch() -> None:
    users = {path.relative_to(PACKAGE).as_posix() for path in FILES if "wandb" in imports(path)}
    assert users == {"training/tracking.py", "training/wandb_run.py"}
    for path in FILES:
        if room_of(path) == "reporting":
            assert not {name.split(".")[0] for name in imports(path)} & {"torch", "monai"}


def test_help_takes_less_than_a_second() -> None:
    def seconds() -> float:
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "medseg", "--help"], capture_output=True, text=True, check=True)
        assert "annotators" in done.stdout
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 1.0


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, medseg.__main__; print([m for m in ('torch','monai','wandb','numpy.linalg') if m in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert "torch" not in done.stdout and "monai" not in done.stdout and "wandb" not in done.stdout


@pytest.mark.parametrize(("before", "after"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_sleep_unless_the_user_says_otherwise(before: str | None, after: str) -> None:
    code = (
        "import os, sys; from medseg.__main__ import app; app(['config', 'amodal'], standalone_mode=False); "
        "print(os.environ['OMP_WAIT_POLICY'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {"PYTHONPATH": str(PACKAGE.parent)} | ({"OMP_WAIT_POLICY": before} if before else {})
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == after


@pytest.mark.parametrize(
    "tool", [["ruff", "check"], ["ruff", "format", "--check"], ["basedpyright", "--level", "error"]]
)
def test_the_tools_have_nothing_to_say(tool: list[str]) -> None:
    program = str(Path(sys.executable).parent / tool[0])
    folders = ["medseg", "tests", "benchmarks"]
    if tool[0] == "basedpyright":  # the tests are not typed to its taste
        tool, folders = [*tool, "--pythonpath", sys.executable], ["medseg", "benchmarks"]
    done = subprocess.run([program, *tool[1:], *folders], cwd=PACKAGE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
