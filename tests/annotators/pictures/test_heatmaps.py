from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from medseg.annotators.pictures.heatmaps import (
    MOST,
    Confusion,
    confusion_height,
    draw_confusion,
    draw_matrix,
    read_confusion,
)


def matrices(name: str, empirical: np.ndarray | None = None) -> Confusion:
    return Confusion(annotator=name, classes=("a", "b"), estimated=np.eye(2), empirical=empirical)


def test_rows_are_observed_and_columns_true(drawn_run):
    ann, ben = read_confusion(drawn_run / "confusion.csv")
    assert ann.classes == ("background", "cell")
    assert ann.estimated.tolist() == [[0.9, 0.3], [0.1, 0.7]]
    assert ann.empirical is not None and ann.empirical[:, 0].tolist() == [0.8, 0.2]
    assert ben.empirical is None


def test_without_a_file_there_is_nothing(tmp_path):
    assert read_confusion(tmp_path / "confusion.csv") == []


def test_every_cell_carries_its_number_where_it_belongs():
    axis = Figure().subplots()
    draw_matrix(axis, np.array([[0.9, np.nan], [0.1, np.nan]]), ["background", "cell"])
    cells = {text.get_position(): text.get_text() for text in axis.texts}
    assert cells == {(0, 0): "0.900", (1, 0): "n/a", (0, 1): "0.100", (1, 1): "n/a"}
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["background", "cell"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("true", "observed")


def test_a_crowd_is_cut_off_and_the_heading_says_so():
    crowd = [matrices(f"r{i}") for i in range(MOST + 2)]
    figure = Figure(figsize=(15, confusion_height(crowd))).subfigures(1, 1)
    draw_confusion(figure, crowd, {})
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert len(titles) == MOST
    assert figure.get_suptitle().endswith(f"; the first {MOST} of {MOST + 2} annotators")


@pytest.mark.parametrize(("known", "titles"), [(None, 1), (np.eye(2), 2)])
def test_what_was_measured_stands_below_what_was_estimated(known, titles):
    confusion = [matrices("ann", known)]
    figure = Figure().subfigures(1, 1)
    draw_confusion(figure, confusion, {"ann": "red"})
    assert [a.get_title() for a in figure.axes if a.get_title()] == ["ann, estimated", "ann, measured"][:titles]
