"""What the network sees of intensities: sums by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medseg.annotators.config import RunConfig
from medseg.annotators.loading.grid import Grid
from medseg.annotators.loading.intensity import ZSCORE, Intensity
from medseg.annotators.method import Annotators
from medseg.annotators.predicting.predictor import Predictor
from medseg.annotators.simulation.samples import write_samples
from medseg.annotators.sources import build_source
from medseg.cohorts import SplitConfig, apply, load_cohort, split_cases
from medseg.contracts import Volume
from medseg.images.files import read_image

from ..predicting.test_ensembles import changed
from ..predicting.test_predictor import run_folder

RAMP = np.array([[[-1000.0, -150, 50, 2000]]], np.float32)
AS_IT_IS = Grid(mode="patch", size=(1, 4)).place((1, 4), np.eye(4), None)


def test_a_window_clips_and_has_its_middle_at_zero_and_its_ends_at_one() -> None:
    """-160 to 240: middle 40, half width 200."""
    window = Intensity(normalisation="window", window=(-160.0, 240.0))
    np.testing.assert_allclose(window.to_grid(RAMP, AS_IT_IS)[0, 0], [-1, -190 / 200, 10 / 200, 1], rtol=1e-6)
    own = Intensity(normalisation="window", window=(-160.0, 240.0), mean=100.0, deviation=50.0)
    np.testing.assert_allclose(own.to_grid(RAMP, AS_IT_IS)[0, 0], [-5.2, -5, -1, 2.8], rtol=1e-6)


def test_values_are_clipped_before_they_are_interpolated() -> None:
    """Metal beside water: the mean of 240 and 0, not of 2000 and 0."""
    halved = Grid(mode="patch", size=(1, 2), spacing_pixels=(1, 2)).place((1, 4), np.eye(4), None)
    window = Intensity(normalisation="window", window=(-240.0, 240.0))
    metal = window.to_grid(np.array([[[0, 2000, 2000, 0]]], np.float32), halved)
    ceiling = window.to_grid(np.array([[[0, 240, 240, 0]]], np.float32), halved)
    np.testing.assert_array_equal(metal, ceiling)
    assert 0 < metal.max() < 1


def test_a_window_is_for_its_channels_alone() -> None:
    image = np.concatenate([RAMP, [[[1, 2, 3, 6]]]]).astype(np.float32)
    seen = Intensity(normalisation="window", window=(-160.0, 240.0), channels=(0,)).to_grid(image, AS_IT_IS)
    np.testing.assert_allclose(seen[0, 0], [-1, -0.95, 0.05, 1], rtol=1e-5)
    np.testing.assert_array_equal(seen[1], ZSCORE.to_grid(image, AS_IT_IS)[1])


def test_of_a_brain_without_its_skull_only_the_brain_is_counted() -> None:
    """Nine voxels, the hole in their middle is one of them; what lies around them stays 0."""
    image = np.zeros((1, 6, 6), np.float32)
    image[0, 1:4, 1:4] = [[1, 5, 1], [5, 0, 5], [1, 5, 1]]
    grid = Grid(mode="patch", size=(6, 6)).place((6, 6), np.eye(4), None)
    seen = Intensity(normalisation="nonzero").to_grid(image, grid)[0]
    brain = np.array([1, 5, 1, 5, 0, 5, 1, 5, 1])
    np.testing.assert_allclose(seen[1:4, 1:4].ravel(), (brain - brain.mean()) / brain.std(), rtol=1e-5)
    assert (seen[4:] == 0).all() and (seen[:, 4:] == 0).all() and (seen[0] == 0).all()


def test_a_run_predicts_with_the_window_that_it_was_trained_with(tmp_path: Path) -> None:
    """What is added to an image changes nothing by its mean, and something by a window."""
    run = run_folder(tmp_path / "run", mode="patch", size=(16, 16))
    array = np.random.default_rng(0).normal(size=(1, 16, 16)).astype(np.float32)

    def truth(added: float) -> np.ndarray:
        return Predictor.load(run)("c", Volume(array=array + added, affine=np.eye(4), spacing_mm=None)).truth_probs

    np.testing.assert_allclose(truth(1), truth(0), atol=1e-4)
    changed(run, data={"intensity": {"normalisation": "window", "window": [-3.0, 3.0]}})
    assert np.abs(truth(1) - truth(0)).max() > 0.01


def test_training_sees_the_window(tmp_path: Path) -> None:
    place = write_samples(tmp_path / "cohort", seed=0, spatial_dims=2, size=24, cases=6, annotators=("good",))
    cohort = load_cohort(place)
    cohort = apply(cohort, split_cases(cohort.cases, SplitConfig()))
    intensity = {"normalisation": "window", "window": (0, 20000)}
    data = {"cohort": "x", "grid": {"size": (24, 24)}, "intensity": intensity}
    config = RunConfig.model_validate({"experiment": "x", "recipe": "fused", "data": data})
    source, (case, *_) = build_source(config, cohort, ("good",)), cohort.split("train")
    expected = read_image(case.images[0]).array.clip(0, 20000) / 10000.0 - 1
    np.testing.assert_allclose(source.samples.of(case, "annotated").image, expected, atol=1e-5)
    assert (expected == 1).any() and (expected < 1).any()


def test_channels_that_a_cohort_has_not_are_refused(tmp_path: Path) -> None:
    place = write_samples(tmp_path / "cohort", seed=0, spatial_dims=2, size=24, cases=3, annotators=("good",))
    cohort = load_cohort(place)
    intensity = {"normalisation": "window", "window": (0, 1), "channels": (1,)}
    data = {"cohort": "x", "grid": {"size": (24, 24)}, "intensity": intensity}
    config = RunConfig.model_validate({"experiment": "x", "recipe": "fused", "data": data})
    (line,) = Annotators().unfit(config, cohort)
    assert line.startswith("data.intensity.channels: expected 0 to 0 (") and line.endswith(f"got [1] ({cohort.name})")


@pytest.mark.parametrize("shape", [(40, 31), (16, 16, 9)])
def test_by_default_numbers_are_bit_by_bit_those_of_before(shape: tuple[int, ...]) -> None:
    """The formula of version 1, on axes that a scan turns."""
    image = np.random.default_rng(1).normal(50, 9, (2, *shape)).astype(np.float32)
    affine = np.array([[0, -1, 0, 0], [0, 0, 2, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    grid = Grid(mode="patch", size=shape)
    placement = grid.place(shape, affine, (1.0,) * len(shape) if len(shape) == 3 else None)
    turned = image if len(shape) == 2 else np.stack([_turned(channel, placement.orientation) for channel in image])
    axes = tuple(range(1, turned.ndim))
    by_hand = (turned - turned.mean(axes, keepdims=True)) / turned.std(axes, keepdims=True)
    np.testing.assert_array_equal(ZSCORE.to_grid(image, placement)[(slice(None), *placement.inside)], by_hand)


def _turned(channel: np.ndarray, orientation: np.ndarray | None) -> np.ndarray:
    import nibabel as nib

    return nib.orientations.apply_orientation(channel, orientation)
