"""Where each errs, in the frame of the object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medseg.annotators.loading.records import Record
from medseg.annotators.people.space import BINS, SpaceMaps, frame_around
from medseg.contracts import Case

from .conftest import disc


def record_of(labels: np.ndarray, affine: np.ndarray | None = None, spacing: tuple[float, ...] | None = None) -> Record:
    case = Case(name="c", patient="c", images=(Path("c.png"),))
    image = np.zeros((1, *labels.shape[1:]), np.float32)
    affine = np.eye(4) if affine is None else affine
    return Record(case=case, image=image, labels=labels, truth=None, affine=affine, spacing_mm=spacing)


def test_who_always_cuts_the_left_half_shows_it_there_whatever_the_place_and_the_size() -> None:
    space = SpaceMaps(annotators=2, classes=2, dims=2)
    for radius, column in ((8, -6), (12, 5), (16, 0)):
        truth = disc(radius, 64, column=column).astype(np.int16)
        cutter = np.where(np.arange(64) < 31.5 + column, 0, truth)
        space.add(record_of(np.stack([truth, cutter])), np.stack([truth, truth]))
    signed, usual = space.signed()[:, 0], space.inside()[0] > 0.5
    middle = BINS[2] // 2
    assert (signed[0] == 0).all()
    assert signed[1][:, :middle][usual[:, :middle]].mean() < -0.9
    assert (signed[1][:, middle + 2 :] == 0).all()


def test_who_adds_is_above_zero_and_half_of_the_cases_is_one_half() -> None:
    space = SpaceMaps(annotators=1, classes=2, dims=2)
    truth, wide = disc(10, 64).astype(np.int16), disc(15, 64).astype(np.int16)
    for drawn in (truth, wide):
        space.add(record_of(drawn[None]), truth[None])
    signed = space.signed()[0, 0]
    middle, at = BINS[2] // 2, round(1.25 * BINS[2] / 4)
    assert signed[middle, middle + at] == signed[middle - at, middle] == 0.5
    assert signed[middle, middle] == 0 and signed[0, 0] == 0


def test_the_radius_of_a_disc_is_its_own() -> None:
    points = frame_around(disc(12, 64) > 0, record_of(disc(12, 64)[None].astype(np.int16))).points
    assert points[0].max() - points[0].min() == pytest.approx(4 * 12, rel=0.02)


def test_volumes_are_shown_as_the_patient_lies_whichever_way_the_file_runs() -> None:
    """The first voxel axis runs to the left; who cuts its low end cuts on the patient's right."""
    affine = np.diag([-1.0, 1.0, 2.0, 1.0])
    truth = np.zeros((30, 30, 20), np.int16)
    truth[8:22, 8:22, 6:14] = 1
    drawn = truth.copy()
    drawn[:15] = 0
    space = SpaceMaps(annotators=1, classes=2, dims=3)
    space.add(record_of(drawn[None], affine, (1.0, 1.0, 2.0)), truth[None])
    signed = space.signed()[0, 0]
    middle = BINS[3] // 2
    assert np.nanmin(signed[middle + 1 :]) == -1 and (np.nan_to_num(signed[:middle]) == 0).all()
