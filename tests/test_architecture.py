"""The law of imports, the forbidden names, the start-up time, the linter and the type checker."""

from __future__ import annotations

import ast
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from . import house

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "medseg"
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
    for node in ast.walk(house.tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def offenders(found: Callable[[Path], object]) -> dict[str, object]:
    """File -> what is wrong in it, of all files in which anything is."""
    wrong = {path.relative_to(PACKAGE).as_posix(): found(path) for path in FILES}
    return {name: what for name, what in wrong.items() if what}


def test_a_room_imports_only_what_the_law_allows() -> None:
    def beyond(path: Path) -> set[str]:
        room = room_of(path)
        modules = {name.removeprefix("medseg.") for name in imports(path) if name.startswith("medseg.")}
        allowed = {room, *LAW[room]}
        return {name for name in modules if not any(f"{name}.".startswith(f"{may}.") for may in allowed)}

    assert not offenders(beyond)


def test_a_room_is_entered_by_its_front_door() -> None:
    """What another room exports stands in its ``__init__``, or in that of an inner room; files are its own affair."""

    def climbed(path: Path) -> list[str]:
        own = "experiment" if path.name == "__main__.py" else room_of(path)
        modules = [
            node.module
            for node in ast.walk(house.tree_of(path))
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("medseg.")
        ]
        return [name for name in modules if name.split(".")[1] != own and not ROOT.joinpath(*name.split(".")).is_dir()]

    assert not offenders(climbed)


def test_no_front_door_shows_a_name_that_one_of_its_files_bears() -> None:
    """After ``import room.train`` the room's ``train`` would be the file."""
    for stub in PACKAGE.rglob("__init__.pyi"):
        shown = {alias.name for node in ast.walk(ast.parse(stub.read_text())) if isinstance(node, ast.ImportFrom)
                 for alias in node.names}  # fmt: skip
        parts = {path.stem for path in stub.parent.glob("*.py")} | {path.parent.name for path in stub.parent.glob("*/")}
        assert not shown & parts


def test_no_call_passes_more_than_four_arguments_by_position() -> None:
    def long(path: Path) -> list[str]:
        calls = [node for node in ast.walk(house.tree_of(path)) if isinstance(node, ast.Call)]
        return [ast.unparse(call) for call in calls if len(call.args) > 4]

    assert not offenders(long)


def test_nouns_are_made_by_keyword() -> None:
    def by_position(path: Path) -> list[str]:
        classes = [node for node in ast.walk(house.tree_of(path)) if isinstance(node, ast.ClassDef)]
        made = [(node.name, ast.unparse(each)) for node in classes for each in node.decorator_list]
        return [name for name, text in made if "dataclass" in text and "kw_only=True" not in text]

    assert not offenders(by_position)


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


def test_no_name_hides_its_purpose() -> None:
    def hiding(path: Path) -> set[str]:
        return {part.removesuffix(".py") for part in path.relative_to(PACKAGE).parts} & FORBIDDEN

    assert not offenders(hiding)


def test_wandb_has_one_wrapper_and_reporting_needs_no_torch() -> None:
    users = {path.relative_to(PACKAGE).as_posix() for path in FILES if "wandb" in imports(path)}
    assert users == {"training/tracking.py", "training/wandb_run.py"}
    for path in FILES:
        if room_of(path) == "reporting":
            assert not {name.split(".")[0] for name in imports(path)} & {"torch", "monai"}


def cpu_seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_takes_less_than_a_second() -> None:
    """Of computing: how long it waits for its turn on a busy machine says nothing about it."""

    def seconds() -> float:
        start = cpu_seconds_of_children()
        done = subprocess.run([sys.executable, "-m", "medseg", "--help"], capture_output=True, text=True, check=True)
        assert "annotators" in done.stdout
        return cpu_seconds_of_children() - start

    assert min(seconds() for _ in range(2)) < 1.0


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, medseg.__main__; print([m for m in ('torch','monai','wandb','numpy.linalg') if m in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert "torch" not in done.stdout and "monai" not in done.stdout and "wandb" not in done.stdout


@pytest.mark.parametrize(("before", "after"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_sleep_unless_the_user_says_otherwise(before: str | None, after: str) -> None:
    code = (
        "import os, sys; from medseg.__main__ import app; app(['config', 'amodal'], standalone_mode=False); "
        "print(os.environ['OMP_WAIT_POLICY'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {"PYTHONPATH": str(ROOT)} | ({"OMP_WAIT_POLICY": before} if before else {})
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == after


@pytest.mark.parametrize("words", ["check", "format --check"])
def test_the_linter_has_nothing_to_say(words: str) -> None:
    program = [str(Path(sys.executable).parent / "ruff"), *words.split()]
    done = subprocess.run([*program, "medseg", "tests", "benchmarks"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]


# --------------------------------------------------------------------------- the type checker, which is started once
READER = "import medseg\nscore: float = medseg.dice(1, 2, 3)\nmedseg.nothing\n"


@pytest.fixture(scope="module")
def type_errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """File -> what the checker says of it: our code without the tests, which are not to its taste, and a reader's."""
    script = tmp_path_factory.mktemp("reader") / "reader.py"
    script.write_text(READER)
    program = [str(Path(sys.executable).parent / "basedpyright"), "--level", "error", "--pythonpath", sys.executable]
    asked = [*program, "--outputjson", "medseg", "benchmarks", str(script)]
    said = json.loads(subprocess.run(asked, cwd=ROOT, capture_output=True, text=True).stdout)
    assert said["summary"]["filesAnalyzed"] > len(FILES)
    found: dict[str, list[str]] = {"reader.py": []}
    for row in said["generalDiagnostics"]:
        path, line = Path(row["file"]), row["range"]["start"]["line"] + 1
        name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
        found.setdefault(name, []).append(f"{line}: {row['message']} ({row.get('rule')})")
    return found


def test_the_type_checker_has_nothing_to_say(type_errors: dict[str, list[str]]) -> None:
    assert set(type_errors) == {"reader.py"}, type_errors


def test_type_checkers_see_the_names(type_errors: dict[str, list[str]]) -> None:
    assert (PACKAGE / "py.typed").is_file()
    said = "\n".join(type_errors["reader.py"])
    assert '"nothing" is not a known attribute' in said
    assert 'cannot be assigned to parameter "a"' in said and "reportMissingImports" not in said
