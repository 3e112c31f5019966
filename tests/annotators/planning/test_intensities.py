"""Who is taken for CT, and the numbers that a plan draws from what annotators drew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medseg.annotators.config import RunConfig
from medseg.annotators.planning.intensities import planned_intensity
from medseg.annotators.planning.plan import planned
from medseg.cohorts import load_cohort
from medseg.config import parse_config
from medseg.contracts import Cohort

from ...conftest import Folder

CT = np.random.default_rng(0).integers(-1000, 400, (6, 8, 4)).astype(np.float32)
CT[:3, :4] = np.array([30, 50])[np.arange(48).reshape(3, 4, 4) % 2]  # what annotators drew: mean 40, deviation 10


def scans(root: Path, image: Callable[[int], np.ndarray], cases: int = 6) -> Cohort:
    """Volumes of so many cases, of which two annotators drew the first quarter."""
    folder = Folder(root, ".nii.gz", (6, 8, 4), 1)
    folder.image = lambda case: image(int(case[1:]))  # type: ignore[method-assign]
    for number in range(cases):
        folder.add(f"c{number}")
    return load_cohort(folder.tables())


def test_air_in_whole_numbers_is_ct_and_the_window_is_that_of_the_foreground(tmp_path: Path) -> None:
    cohort = scans(tmp_path, lambda _: CT)
    (key,) = planned_intensity(cohort, cohort.cases[:3])
    assert key.key == "data.intensity" and key.value["normalisation"] == "window"
    assert key.value["window"] == [30, 50] and set(key.value) == {"normalisation", "window", "mean", "deviation"}
    assert key.value["mean"] == pytest.approx(40, abs=0.3) and key.value["deviation"] == pytest.approx(10, abs=0.01)
    assert key.reason == (
        "CT, by whole numbers down to -500 or less (air) in 5 of 5 images looked at: clipped to the percentiles 0.5 "
        "and 99.5 of what anybody drew in 3 training cases, less its mean, over its deviation, as nnU-Net does: "
        "Hounsfield units mean the same in every image"
    )
    config = parse_config(planned(cohort, "scans").text, "plan", (RunConfig,))
    assert config.data.intensity.window == (30, 50) and config.data.intensity.mean == pytest.approx(40, abs=0.3)


@pytest.mark.parametrize(
    "image",
    [lambda _: CT.clip(-400), lambda _: CT + np.float32(0.5), lambda number: CT if number % 2 else CT.clip(0)],
    ids=["no air", "no whole numbers", "a minority"],
)
def test_what_is_not_ct_for_certain_is_left_to_the_default(image: Callable[[int], np.ndarray], tmp_path: Path) -> None:
    cohort = scans(tmp_path, image, cases=5)
    assert planned_intensity(cohort, cohort.cases) == []
    assert "data.intensity" not in [each.key for each in planned(cohort, "scans").keys]


def test_what_is_called_ct_needs_no_air_but_values_below_zero(tmp_path: Path) -> None:
    cohort = replace(scans(tmp_path / "some", lambda _: CT.clip(-100) + np.float32(0.5)), channels=("CT",))
    (key,) = planned_intensity(cohort, cohort.cases)
    assert key.value["window"] == [30.5, 50.5]
    assert key.reason.startswith(
        "CT, by its name in cohort.yaml, and values below 0 in 5 of 5 images looked at: clipped"
    )
    windowed = replace(scans(tmp_path / "none", lambda _: CT.clip(0, 255)), channels=("ct",))
    (key,) = planned_intensity(windowed, windowed.cases)
    assert key.value == {"normalisation": "zscore"}
    assert key.reason == (
        "called CT, but 5 of 5 images looked at have no value below 0: no Hounsfield units any more, so that each "
        "image has mean 0 and deviation 1"
    )


def test_nobody_drew_anything_or_all_the_same(tmp_path: Path) -> None:
    flat = CT.copy()
    flat[:3, :4] = 40
    cohort = scans(tmp_path, lambda _: flat)
    (key,) = planned_intensity(cohort, cohort.cases)
    assert key.value == {"normalisation": "zscore"} and "what anybody drew in 6 cases tells no window" in key.reason
