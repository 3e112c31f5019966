"""The page as a browser opens it: alone, whatever the names, with every picture and no word in the console."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medseg.annotators.pictures.page import draw_run
from medseg.annotators.report import PICTURES
from medseg.evaluation import METRICS
from medseg.reporting import draw_curves, encoded, write_album, write_page
from medseg.reporting.album import Album, CasePictures

from .browser import needs_browser, opened

ODD = "<script>console.error('\"called')</script>\"'><img src=nowhere.png>"


@needs_browser
def test_every_picture_is_seen_sliders_move_and_the_console_is_silent(drawn_run: Path, tmp_path: Path) -> None:
    draw_run(drawn_run)
    draw_curves(drawn_run)
    tile = encoded([np.full((8, 8, 3), shade) for shade in (0.2, 0.8)])
    pictures = {
        "c1": CasePictures(case="c1", slices={3: tile, 5: tile, 9: tile}),
        "c2": CasePictures(case="c2", slices={0: tile}),
    }
    write_album(drawn_run / "report", pictures, ("truth_dice", ["c1", "c2"]), columns=("a", "b"), legend=[("red", ODD)])
    found = opened(write_page(drawn_run, METRICS, pictures=PICTURES), tmp_path / "alone")
    assert len(found["widths"]) == 2 + 4 and min(found["widths"]) > 0
    assert (found["before"], found["after"], found["said"]) == (["5", "0"], ["9", "0"], ["9"])
    assert found["sliders"] == 1 and found["scrolled"] == [True, True]
    assert (found["leafed"], found["by_wheel"]) == ([False, True], ["5", "0"])
    assert found["console"] == [] and all(name.startswith("data:") for name in found["fetched"])


@needs_browser
def test_names_do_nothing_but_stand_there(make_run, tmp_path: Path) -> None:
    run = make_run([("c1", "ann", "cell", "annotator_dice", 0.5, "1")], recipe=ODD, experiment=ODD)
    quoted = '"' + ODD.replace('"', '""') + '"'
    head = (run / "scores.csv").read_text().splitlines()[0]
    (run / "scores.csv").write_text(f"{head}\n{quoted},{quoted},{quoted},annotator_dice,0.5,1,higher\n")
    tile = encoded([np.zeros((8, 8, 3))])
    album = {ODD: CasePictures(case=ODD, slices={0: tile})}
    write_album(run / "report", album, ("annotator_dice", [ODD]), columns=(ODD,), legend=[("red", ODD)])
    (run / "report" / "alarms.txt").write_text(f"{ODD} errs\n")
    found = opened(write_page(run, METRICS, pictures={}), tmp_path / "alone")
    assert found["console"] == [] and len(found["widths"]) == 1 and found["title"].startswith(ODD)


@needs_browser
def test_in_a_notebook_each_album_leafs_by_itself(tmp_path: Path) -> None:
    tile = encoded([np.full((8, 8, 3), 0.5)])
    case = CasePictures(case=ODD, slices={1: tile, 2: tile, 4: tile})
    album = Album(columns=(ODD,), legend=(("red", ODD),), metric="", total=1, cases=(case,))
    notebook = tmp_path / "cells.html"
    notebook.write_text(f"<html><body>{album._repr_html_()}{album._repr_html_()}</body></html>")
    found = opened(notebook, tmp_path / "alone")
    assert (found["before"], found["after"], found["by_wheel"]) == (["2", "2"], ["4", "4"], ["2", "4"])
    assert (found["sliders"], found["said"], found["console"]) == (2, ["4", "4"], [])
