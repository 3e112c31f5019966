from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from medseg.contracts import Refused
from medseg.reporting.album import (
    GAP,
    MOST_CASES,
    MOST_SLICES,
    Album,
    CasePictures,
    encoded,
    enlarged,
    read_album,
    slices_with,
    worst_first,
    write_album,
)
from medseg.reporting.runs import load_runs


def test_the_worst_case_comes_first_by_the_first_metric_that_is_defined(make_run):
    rows = [
        ("c1", "", "a", "truth_dice", "nan", "1"), ("c2", "", "a", "truth_dice", "nan", "1"),
        ("c1", "ann", "", "annotator_nll", 0.5, "nats"), ("c2", "ann", "", "annotator_nll", 0.25, "nats"),
        ("c2", "ben", "", "annotator_nll", 1.25, "nats"), ("c3", "", "", "ged2_u", 0.5, "1"),
        ("", "ann", "", "confusion_rmse", 0.5, "1"),
    ]  # fmt: skip
    frame = load_runs([make_run(rows)])
    assert worst_first(frame, ("truth_dice", "annotator_nll")) == ("annotator_nll", ["c2", "c1", "c3"])
    assert worst_first(frame, ("truth_dice",)) == ("", ["c1", "c2", "c3"])
    rows = [("c1", "", "a", "truth_dice", 0.9, "1"), ("c2", "", "a", "truth_dice", 0.2, "1")]
    assert worst_first(load_runs([make_run(rows, name="b")]), ("truth_dice",)) == ("truth_dice", ["c2", "c1"])


def test_slices_run_from_the_first_to_the_last_with_foreground():
    foreground = np.zeros((4, 4, 100), bool)
    assert slices_with(foreground[..., 0]) == [0]
    foreground[1, 1, [7, 9]] = True
    assert slices_with(foreground) == [7, 8, 9]
    assert slices_with(np.zeros((2, 2, 3), bool)) == [0, 1, 2]
    foreground[1, 1, 95] = True
    found = slices_with(foreground)
    assert len(found) == MOST_SLICES and (found[0], found[-1]) == (7, 95)


def test_a_tile_keeps_its_shape_in_millimetres():
    tile = np.array([[1, 2, 3], [4, 5, 6]])
    assert enlarged(tile, 6).tolist() == [[1, 1, 2, 2, 3, 3]] * 2 + [[4, 4, 5, 5, 6, 6]] * 2
    assert enlarged(tile, 6, aspect=3.0).shape == (6, 3)
    assert enlarged(np.zeros((40, 20, 3)), 10).shape == (10, 5, 3)


def test_tiles_stand_side_by_side():
    uri = encoded([np.zeros((20, 30, 3)), np.ones((20, 30, 3))])
    with Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/webp;base64,")))) as image:
        pixels = np.asarray(image.convert("L")).astype(int)
    assert pixels.shape == (20, 30 + GAP + 30)
    assert pixels[:, :25].max() < 10 and pixels[:, -25:].min() > 245


def test_an_album_keeps_the_worst_and_refuses_what_is_none(tmp_path):
    cases = [f"c{number}" for number in range(MOST_CASES + 5)]
    pictures = {case: CasePictures(case=case, slices={3: "data:,"}) for case in cases if case != "c0"}
    write_album(tmp_path, pictures, ("truth_dice", cases), columns=("x",), legend=(("red", "ann"),))
    album = read_album(tmp_path)
    assert album is not None and [one.case for one in album.cases] == cases[1 : MOST_CASES + 1]
    assert (album.total, album.legend, album.cases[0].slices) == (len(cases), (("red", "ann"),), {3: "data:,"})
    (tmp_path / "cases.json").write_text("{}")
    with pytest.raises(Refused, match="cases.json: expected what medseg evaluate wrote, got another content"):
        read_album(tmp_path)
    assert read_album(tmp_path / "none") is None


def test_without_scripts_a_volume_shows_its_middle_slice_and_no_slider():
    cases = (
        CasePictures(case="<c1>", slices={3: "data:,a", 5: "data:,b", 9: "data:,c"}),
        CasePictures(case="c2", slices={0: "data:,d"}),
    )
    album = Album(columns=("x",), legend=(), metric="truth_dice", total=7, cases=cases)
    text = album._repr_html_()
    tags = re.findall(r"<(?:img|input)[^>]+>", text)
    assert [tag.split('"')[1] for tag in tags if "hidden" not in tag] == ["data:,b", "data:,d"]
    assert [tag.startswith("<input") for tag in tags].count(True) == 1 and "<output>5</output>" in text
    assert "2 of 7, by truth_dice." in text and "<b>&lt;c1&gt;</b>" in text and "slice by slice" in text
    assert "slice by slice" not in replace(album, cases=cases[1:])._repr_html_()
