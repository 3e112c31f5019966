"""Names that are no plain words, in pictures and on the page."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from medseg.amodal.pictures.completions import CompletionPanel, draw_completions
from medseg.amodal.pictures.objects import ObjectPicture, draw_objects
from medseg.annotators.pictures.page import draw_run
from medseg.evaluation import METRICS
from medseg.reporting import CasePictures, draw_curves, load_runs, write_album, write_page
from medseg.reporting.names import LONGEST, shown_name
from medseg.reporting.plots import draw_comparison
from medseg.training.pictures import draw_matrix

from ..reporting.conftest import drawn_run as drawn_run, make_run as make_run

ODD = (
    "$",
    "$$",
    "a$b$",
    r"$\frac{1}{$",
    r"costs $5 to $\x",
    "_under",
    "x" * 300,
    "two\nlines",
    "<b>&\"'",
    "100 %",
    r"\n",
)


@pytest.fixture(autouse=True)
def no_warning():
    """Of a glyph that is not there, a label that is left out, a layout that failed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


@pytest.mark.parametrize("odd", ODD)
def test_a_run_with_odd_names_is_drawn(drawn_run: Path, odd: str) -> None:
    for path in (drawn_run / "report" / "panels").glob("*.npz"):
        arrays = dict(np.load(path)) | {"annotators": np.array([odd, "ben"]), "classes": np.array(["background", odd])}
        np.savez(path, allow_pickle=False, **arrays)
    quoted = '"' + odd.replace('"', '""') + '"'
    cells = ((o, t) for o in ("background", quoted) for t in ("background", quoted))
    table = "".join(f"{quoted},{o},{t},0.5,0.5\n" for o, t in cells)
    (drawn_run / "confusion.csv").write_text("annotator,observed,true,estimated,empirical\n" + table)
    assert draw_run(drawn_run)[0].stat().st_size > 10_000


@pytest.mark.parametrize("odd", ODD)
def test_curves_recipes_and_matrices_with_odd_names_are_drawn(make_run, drawn_run: Path, odd: str) -> None:
    run = make_run([("c1", "", "cell", "truth_dice", 0.9, "1")], name="odd")
    (run / "metrics.jsonl").write_text((drawn_run / "metrics.jsonl").read_text())
    assert draw_curves(run)[0].exists()
    frame = load_runs([run]).assign(recipe=odd)
    assert draw_comparison(frame, "truth_dice", run / "recipes.png").exists()
    assert draw_matrix(np.eye(2), ["background", odd]).std() > 0


@pytest.mark.parametrize("odd", ODD)
def test_objects_with_odd_names_are_drawn(tmp_path: Path, odd: str) -> None:
    mask, occluder = np.zeros((2, 12, 12), bool)
    mask[2:8, 2:8], occluder[6:9, 1:10] = True, True
    picture = ObjectPicture(name=odd, visible=mask & ~occluder, occluder=occluder, amodal=mask, spacing=(1.0, 1.0))
    assert draw_objects(tmp_path / "objects.png", [picture]).exists()
    row = CompletionPanel(
        name=odd, visible=mask & ~occluder, occluder=occluder, amodal=mask, answer=mask, probs=mask.astype(float),
        samples=np.zeros((0, 12, 12), bool), amodal_iou=1.0, occluded_iou=1.0, spacing=(1.0, 1.0),
    )  # fmt: skip
    assert draw_completions(tmp_path / "completions.png", [row]).exists()


def test_a_long_name_keeps_its_ends() -> None:
    name = "left" + "x" * 300 + "right"
    assert (
        len(shown_name(name)) == LONGEST and shown_name(name).startswith("leftx") and shown_name(name)[-5:] == "right"
    )
    assert shown_name("a" * LONGEST) == "a" * LONGEST
    assert shown_name("two\nlines\0") == "two lines "


def test_names_are_escaped_on_the_page(make_run) -> None:
    odd = "<script>alert(1)</script>"
    rows = [("c1", odd, odd, "annotator_dice", 0.9, "1")]
    run = make_run(rows, name="odd", recipe=odd, experiment=odd, rivals={odd + "2": rows})
    (run / "report" / "alarms.txt").write_text(f"{odd} errs\n")
    (run / "report" / "a&b.png").write_bytes(b"")
    tile = CasePictures(case=odd, slices={0: "data:,"})
    write_album(run / "report", {odd: tile}, ("annotator_dice", [odd]), columns=[odd], legend=[(odd, odd)])
    page = write_page(run, METRICS, pictures={"a&b.png": odd}).read_text()
    assert page.count("<script>") == 1 and page.count("&lt;script&gt;") >= 12
