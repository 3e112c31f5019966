from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from medseg.annotators.loading.records import Record
from medseg.annotators.nouns import Prediction
from medseg.annotators.pictures.album import legend, pictures_of
from medseg.contracts import Case
from medseg.reporting.album import GAP, PICTURE_SIDE, SLICE_SIDE

NAMES, CLASSES = ("ann", "ben"), ("background", "cell")
TRUTH = np.zeros((20, 20, 6), np.int64)
TRUTH[5:15, 5:15, 2:5] = 1
NOBODY = np.full_like(TRUTH, -1)


def certain(labels: np.ndarray) -> np.ndarray:
    return np.stack([labels != 1, labels == 1]).astype(np.float32)


def record(labels: np.ndarray, truth: np.ndarray | None = None) -> Record:
    image = np.zeros((1, *labels.shape[1:]), np.float32)
    case = Case(name="c1", patient="c1", images=(Path("c1.nii"),))
    return Record(case=case, image=image, labels=labels, truth=truth, affine=np.eye(4), spacing_mm=None)


def prediction(truth: np.ndarray) -> Prediction:
    every, joint = np.stack([certain(truth)] * 2), np.zeros((2, 2, 2), np.float32)
    return Prediction(case="c1", truth_probs=certain(truth), annotator_probs=every, joint_probs=joint,
                      affine=np.eye(4), spacing_mm=None)  # fmt: skip


def tiles(uri: str, side: int) -> list[np.ndarray]:
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert pixels.shape == (side, 5 * side + 4 * GAP, 3)
    return [pixels[:, number * (side + GAP) :][:, :side] for number in range(5)]


def test_a_volume_has_every_slice_with_foreground_and_in_it_what_was_drawn_and_recovered():
    nothing = prediction(np.zeros_like(TRUTH))
    found = pictures_of(record(np.stack([TRUTH, NOBODY])), nothing, annotators=NAMES, classes=CLASSES)
    assert tiles(found.slices[3], SLICE_SIDE)[3].max() < 10  # the vote is not the recovered truth
    found = pictures_of(record(np.stack([TRUTH, NOBODY])), prediction(TRUTH), annotators=NAMES, classes=CLASSES)
    assert (found.case, list(found.slices)) == ("c1", [2, 3, 4])
    image, drawn, vote, recovered, unsure = tiles(found.slices[3], SLICE_SIDE)
    assert image.max() < 10 and unsure.max() < 20
    lines = np.abs(drawn).sum(axis=-1) > 60
    assert 0.005 < lines.mean() < 0.05 and not lines[SLICE_SIDE // 2 - 20 : SLICE_SIDE // 2 + 20, SLICE_SIDE // 2].any()
    for shown in (vote, recovered):
        filled = np.abs(shown).sum(axis=-1) > 60
        assert abs(filled.mean() - 0.25) < 0.02  # 10 x 10 of 20 x 20


def test_a_picture_is_larger_and_shows_the_known_truth_in_white():
    flat, elsewhere = TRUTH[..., 3], np.zeros_like(TRUTH[..., 3])
    elsewhere[1:4, 1:4] = 1
    shown = record(flat[None].repeat(2, axis=0), elsewhere)
    found = pictures_of(shown, prediction(flat), annotators=NAMES, classes=CLASSES)
    _, drawn, _, recovered, _ = tiles(found.slices[0], PICTURE_SIDE)
    white = recovered.min(axis=-1) > 180
    assert white.any() and not (drawn.min(axis=-1) > 180).any()
    rows, columns = np.nonzero(white)
    assert max(rows.max(), columns.max()) < PICTURE_SIDE * 5 / 20
    unknown = pictures_of(replace(shown, truth=None), prediction(flat), annotators=NAMES, classes=CLASSES)
    assert not (tiles(unknown.slices[0], PICTURE_SIDE)[3].min(axis=-1) > 180).any()


def test_the_legend_names_everybody_and_the_truth_where_it_is_known():
    assert [name for _, name in legend(NAMES, CLASSES, True)] == ["ann", "ben", "cell", "known truth"]
    assert [name for _, name in legend(NAMES, CLASSES, False)] == ["ann", "ben", "cell"]
