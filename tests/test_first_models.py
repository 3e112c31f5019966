"""benchmarks/first_models.py: each of eight folders comes to a trained model and a report, with no file edited."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from medseg.__main__ import app
from medseg.cohorts.layouts.table import LAYOUTS

LAID_OUT = {
    "pictures": "mask_folders",
    "volumes": "mask_suffixes",
    "table": "path_table",
    "colours": "folder_per_annotator",
    "nnunet": "nnunet",
    "slicer": "mask_folders",
    "qubiq": "qubiq",
    "dicom": "dicom",
}
TINY = ("training.steps.warmup=1", "training.steps.joint=1", "training.steps_per_epoch=1", "training.batch_size=1")
"""Over what is planned, so that a path takes seconds."""


QUICK = ("pictures", "dicom")
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in LAID_OUT if name not in QUICK]


def medseg(words: Sequence[str]) -> str:
    """What the command says; it must not be refused."""
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def first(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    return importlib.import_module("first_models")


def generated(first: Any, name: str, out: Path) -> Path:
    if name == "dicom":
        pytest.importorskip("highdicom", reason="no highdicom is installed (pip install 'medseg[dicom]')")
    return first.generated(name, out, cases=6)


@pytest.mark.parametrize(("name", "layout"), LAID_OUT.items())
def test_each_folder_is_known_by_its_names_and_planned_for(name: str, layout: str, first: Any, tmp_path: Path) -> None:
    assert first.FOLDERS.keys() == LAID_OUT.keys()
    folder = generated(first, name, tmp_path)
    fitting = [each for each, found in LAYOUTS.items() if found.detect(folder)]
    assert ([each for each in fitting if not LAYOUTS[each].general] or fitting) == [layout]
    done = medseg(first.commands(folder, tmp_path / "cohort", tmp_path / "run")["index"])
    assert "6 cases of 6 patients, 5 annotators, 0 crowd slots" in done
    assert "recipe: fused" in medseg(("plan", str(tmp_path / "cohort"), "--out", str(tmp_path / "mine.yaml")))


@pytest.mark.parametrize("name", [*QUICK, *SLOW])
def test_three_commands_lead_from_a_folder_to_its_report(name: str, first: Any, tmp_path: Path) -> None:
    folder, run = generated(first, name, tmp_path), tmp_path / "run"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    commands = first.commands(folder, tmp_path / "cohort", run, TINY)
    for words in commands.values():
        medseg(words)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    (run / first.COSTS).write_text(json.dumps({verb: (2.0, 1.0) for verb in commands}))
    row = first.row(run)
    assert (row["cases"], row["CPU s of train"], row["s"]) == (6, 1, 6)
    assert row["report, MB"] > 0.1 and 0 < row["annotator_dice"] < 1
