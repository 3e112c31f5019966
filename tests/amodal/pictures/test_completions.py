from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from medseg.amodal.pictures import completions
from medseg.amodal.pictures.completions import (
    CompletionPanel,
    draw_completions,
    draw_reconstructions,
    draw_traversals,
)
from medseg.amodal.pictures.objects import COLOURS

BAR = np.zeros((9, 15), dtype=bool)
BAR[3:6] = True
SQUARE = np.zeros_like(BAR)
SQUARE[1:8, 5:10] = True
SEEN = BAR & ~SQUARE
PANEL = CompletionPanel(
    name="c1/rod-1",
    visible=SEEN,
    occluder=SQUARE,
    amodal=BAR,
    answer=BAR,
    probs=BAR.astype(np.float32),
    samples=np.stack([BAR, SEEN]),
    amodal_iou=1.0,
    occluded_iou=float("nan"),
    spacing=(1.0, 1.0),
)


def picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def share(pixels: np.ndarray, name: str) -> float:
    """Of pixels (H,W,3), how many have the colour of occluder, visible or occluded."""
    colour = np.round(255 * np.array(to_rgb(COLOURS[name])))
    return float((np.abs(pixels - colour) <= 1).all(axis=-1).mean())


def column(pixels: np.ndarray, number: int) -> np.ndarray:
    """The part of a page of completions below its heading that belongs to one of the columns."""
    width = pixels.shape[1] * 0.98 / (len(completions.COLUMNS) + 0.06 * (len(completions.COLUMNS) - 1))
    left = 0.01 * pixels.shape[1] + 1.06 * width * number
    top = round(completions.HEADING_HEIGHT * completions.DOTS_PER_INCH)
    return pixels[top:, round(left) + 1 : round(left + width) - 1]


def test_a_row_per_object_in_the_colours_of_what_is_seen_true_and_answered(tmp_path):
    page = picture(draw_completions(tmp_path / "report" / "one.png", [PANEL]))
    two = picture(draw_completions(tmp_path / "two.png", [PANEL, PANEL]))
    assert page.shape[1] == round(completions.SIDE * len(completions.COLUMNS) * completions.DOTS_PER_INCH)
    assert two.shape[0] - page.shape[0] == round(completions.ROW_HEIGHT * completions.DOTS_PER_INCH)
    seen, truth, answer, probability, first, second, third, _ = (column(page, number) for number in range(8))
    assert min(share(seen, "visible"), share(seen, "occluder")) > 0.05 and share(seen, "occluded") == 0
    for grown in (truth, answer, first):
        assert min(share(grown, name) for name in COLOURS) > 0.03
    assert share(second, "occluded") == 0 < share(second, "occluder")
    assert share(probability, "visible") == 0 and len(np.unique(probability.reshape(-1, 3), axis=0)) > 1
    assert (third == 255).all()


def test_what_is_not_known_is_left_white(tmp_path):
    unknown = replace(PANEL, occluder=None, amodal=None, samples=PANEL.samples[:0])
    page = picture(draw_completions(tmp_path / "unknown.png", [unknown]))
    assert share(column(page, 0), "occluder") == 0
    assert not any(share(column(page, 1), name) for name in COLOURS)
    assert share(column(page, 2), "occluded") > 0.03


def test_a_volume_shows_the_slice_in_which_most_is_occluded(tmp_path):
    def volume(*slices: np.ndarray) -> np.ndarray:
        return np.stack(slices, axis=-1)

    nothing = np.zeros_like(BAR)
    deep = replace(
        PANEL,
        visible=volume(BAR, SEEN, BAR),
        occluder=volume(nothing, SQUARE, nothing),
        amodal=volume(BAR, BAR, BAR),
        answer=volume(BAR, BAR, BAR),
        probs=volume(BAR, BAR, BAR).astype(np.float32),
        samples=np.zeros((0, *BAR.shape, 3), dtype=bool),
        spacing=(1.0, 1.0, 3.0),
    )
    flat = picture(draw_completions(tmp_path / "flat.png", [replace(PANEL, samples=PANEL.samples[:0])]))
    assert (picture(draw_completions(tmp_path / "deep.png", [deep])) == flat).all()
    without_truth = picture(draw_completions(tmp_path / "without.png", [replace(deep, amodal=None)]))
    assert (column(without_truth, 0) == column(flat, 0)).all()


def test_reconstructions_lie_below_their_masks(tmp_path):
    masks = np.repeat(BAR[None], 14, axis=0)
    page = picture(draw_reconstructions(tmp_path / "r.png", masks, np.zeros(masks.shape)))
    one_row = picture(draw_reconstructions(tmp_path / "one.png", masks[:1], np.zeros(masks[:1].shape)))
    assert page.shape[1] - one_row.shape[1] == round(
        completions.TILE * (completions.PER_ROW - 1) * completions.DOTS_PER_INCH
    )
    height = completions.TILE * (9 + 2) / (15 + 2) * completions.DOTS_PER_INCH
    bottom = page[-round(4 * height) :, round(completions.MARGIN * completions.DOTS_PER_INCH) :]
    bright = [(bottom[round(k * height) : round((k + 1) * height)] == 255).all(axis=-1).mean() for k in range(4)]
    # twelve masks, their reconstructions (black), the last two masks, theirs
    assert bright[0] > 0.2 and bright[1] == 0 and 0 < bright[2] < bright[0] / 4 and bright[3] == 0


def test_traversals_of_volumes_are_those_of_the_slice_with_most_in_it(tmp_path):
    probs = np.linspace(0, 1, 3 * 5 * BAR.size).reshape(3, 5, *BAR.shape)
    names, steps = ["a", "b", "c"], np.linspace(-2, 2, 5).tolist()
    flat = draw_traversals(tmp_path / "flat.png", probs, names, steps)
    deep = draw_traversals(tmp_path / "deep.png", np.stack([0 * probs, probs], axis=-1), names, steps)
    assert (picture(flat) == picture(deep)).all()
    assert picture(flat).shape[1] == round((completions.MARGIN + 5 * completions.TILE) * completions.DOTS_PER_INCH)
    assert picture(draw_traversals(tmp_path / "plain.png", probs, names)).shape == picture(flat).shape
