"""The notebooks: each a pair of one source, without outputs or definitions, that runs from end to end."""

from __future__ import annotations

import ast
import base64
import io
import os
import re
from dataclasses import replace
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

from medseg.cohorts.cohort import write_cohort
from medseg.experiment.cohorts import indexed as index

ROOT = Path(__file__).parents[1]
NAMES = ["amodal", "annotators", "bring_your_data", "disagreement"]
MOST_CELLS = 14


def read_source(name: str) -> NotebookNode:
    return jupytext.read(ROOT / "notebooks" / f"{name}.py")


def code_of(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def execute(notebook: NotebookNode, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run all cells in a new folder, which must stay empty; return what they print."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # threads that wait for busy cores are slower than one
    monkeypatch.setenv("TMPDIR", str(folder / "temporary"))
    (folder / "temporary").mkdir()
    (folder / "here").mkdir()
    resources = {"metadata": {"path": str(folder / "here")}}
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources=resources).execute()
    assert not list((folder / "here").iterdir())
    return "".join(part.text for part in outputs(notebook) if part.output_type == "stream")


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [part for cell in notebook.cells if cell.cell_type == "code" for part in cell.outputs]


def pictures(notebook: NotebookNode) -> list[np.ndarray]:
    """The figures, as arrays of grey values."""
    encoded = [part.data["image/png"] for part in outputs(notebook) if "image/png" in part.get("data", {})]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("L")) for text in encoded]


@pytest.mark.parametrize("name", NAMES)
def test_the_pair_is_one_notebook_without_outputs(name: str) -> None:
    generated = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    nbformat.validate(generated)
    source = read_source(name)
    assert [(cell.cell_type, cell.source) for cell in generated.cells] == [
        (cell.cell_type, cell.source) for cell in source.cells
    ], f"write it anew: jupytext --to ipynb notebooks/{name}.py; nbstripout notebooks/{name}.ipynb"
    for cell in generated.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


def test_no_notebook_is_left_out() -> None:
    assert sorted(path.stem for path in (ROOT / "notebooks").glob("*.py")) == NAMES
    assert sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_looks_and_defines_nothing(name: str) -> None:
    notebook = read_source(name)
    assert len(notebook.cells) <= MOST_CELLS
    tree = ast.parse("\n".join(code_of(notebook)))
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    assert not [node for node in ast.walk(tree) if isinstance(node, definitions)]


@pytest.mark.parametrize("name", NAMES)
def test_the_first_code_cell_is_the_one_to_change(name: str) -> None:
    lines = code_of(read_source(name))[0].splitlines()
    if name == "bring_your_data":
        assert lines[0] == "FOLDER = None  # or the path of a folder of images and masks"
        return
    assert lines[0] == "COHORT = None  # or the path of a folder with manifest.csv"
    assert lines[1:] == (["RUN = None  # or the folder of an evaluated run"] if name == "annotators" else [])


SHORT = {
    "annotators": [("{{warmup: 275, joint: 385}}", "{{warmup: 3, joint: 3}}"), ("cases=64", "cases=16")],
    "bring_your_data": [("warmup=40", "warmup=2"), ("joint=120", "joint=2")],
    "disagreement": [],
    "amodal": [("{{complete: 10, occluded: 18, visible: 3}}", "{{complete: 1, occluded: 1, visible: 1}}"),
               ("cases=48", "cases=16")],
}  # fmt: skip
"""Of a notebook: what makes it long, and what stands there where all its cells are to be passed in seconds."""


@pytest.mark.parametrize("steps", ["few", pytest.param("all", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("name", "figures", "said"),
    [
        ("annotators", 4, "fractured_over"),
        ("bring_your_data", 1, "cells: 24 cases; annotators good, over, under"),
        ("disagreement", 6, "fractured_over"),
        ("amodal", 5, "occluded test objects"),
    ],
)
def test_a_notebook_runs_on_embedded_data(
    name: str, figures: int, said: str, steps: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = read_source(name)
    if steps == "few":
        for whole, few in SHORT[name]:
            (cell,) = (cell for cell in notebook.cells if cell.cell_type == "code" and whole in cell.source)
            cell.source = cell.source.replace(whole, few)
    printed = execute(notebook, tmp_path, monkeypatch)
    assert said in printed
    if name == "amodal" and steps == "all":  # the star is left as it is; intervals are about as wide as they say
        assert "map/thick_rod-1: left; looks like nothing seen in training" in printed
        held = re.search(r"intervals that hold the truth: (\d+)%", printed)
        assert held and 65 <= int(held[1]) <= 95
    if name == "bring_your_data":  # found in the folder, planned for it
        assert "masks/under/sample_000.png and 23 more" in printed and "classes background, organ; 0 errors" in printed
        assert re.search(r"training.steps: .*# in minutes on two cores", printed)
    if name in ("annotators", "bring_your_data"):  # the cases of the report, with all slices of each
        assert any("data:image/webp;base64," in part.get("data", {}).get("text/html", "") for part in outputs(notebook))
    drawn = pictures(notebook)
    assert len(drawn) == figures
    assert all(picture.std() > 10 for picture in drawn), "a blank figure"


@pytest.mark.slow
@pytest.mark.data
def test_disagreement_of_ten_people_on_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "MEDSEG_DATA" not in os.environ:
        pytest.skip("MEDSEG_DATA is not set: the folder that holds bubil_fibroblast")
    folder = tmp_path / "cohort"
    write_cohort(replace(index(Path(os.environ["MEDSEG_DATA"]) / "bubil_fibroblast"), root=folder))
    notebook = read_source("disagreement")
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.source = re.sub("^COHORT = None", f"COHORT = {str(folder)!r}", first.source)
    printed = execute(notebook, tmp_path, monkeypatch)
    assert "bubil_fibroblast: 47 cases with two annotators or more" in printed
    alpha = re.search(r"Krippendorff's alpha ([\d.]+)", printed)
    assert alpha and 0.7 < float(alpha[1]) < 0.85
    assert len(pictures(notebook)) == 6
