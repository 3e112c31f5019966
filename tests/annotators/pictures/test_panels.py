from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from medseg.annotators.pictures.panels import COLUMNS, annotator_colours, draw_panels, read_panel


def test_a_panel_comes_back_as_it_was_saved(drawn_run):
    with_truth = read_panel(drawn_run / "report" / "panels" / "c1.npz")
    without = read_panel(drawn_run / "report" / "panels" / "c2.npz")
    assert (with_truth.case, with_truth.annotators, with_truth.aspect) == ("c1", ("ann", "ben"), 1.5)
    assert with_truth.known_truth is not None
    assert without.known_truth is None


def test_every_annotator_has_a_colour_of_his_own():
    for count in (2, 10, 37):
        assert len(set(annotator_colours([f"r{i}" for i in range(count)]).values())) == count


def test_outlines_lie_on_the_masks_and_absent_annotators_have_none(drawn_run):
    panel = read_panel(drawn_run / "report" / "panels" / "c1.npz")
    figure = Figure().subfigures(1, 1)
    draw_panels(figure, [panel], annotator_colours(panel.annotators))
    image, annotators, truth, predicted, _ = figure.axes[: len(COLUMNS)]
    assert [len(axis.lines) for axis in (image, annotators, truth, predicted)] == [0, 1, 2, 2]
    columns, rows = annotators.lines[0].get_data()
    assert (np.min(rows), np.max(rows)) == (7.5, 15.5)
    assert (np.min(columns), np.max(columns)) == (9.5, 21.5)


def test_a_mask_that_touches_the_edge_has_a_closed_outline(drawn_run):
    panel = read_panel(drawn_run / "report" / "panels" / "c1.npz")
    panel.labels[0] = 1
    figure = Figure().subfigures(1, 1)
    draw_panels(figure, [panel], annotator_colours(panel.annotators))
    columns, rows = figure.axes[1].lines[0].get_data()
    assert (rows[0], columns[0]) == (rows[-1], columns[-1])
    assert np.max(rows) == 23.5


def test_the_legend_names_annotators_classes_and_the_known_truth(drawn_run):
    panel = read_panel(drawn_run / "report" / "panels" / "c1.npz")
    figure = Figure().subfigures(1, 1)
    draw_panels(figure, [panel], annotator_colours(panel.annotators))
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["ann", "ben", "cell", "known truth (white)"]
