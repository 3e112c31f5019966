"""The truth that is believed, and what is said of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from medseg.annotators.fusion import Fusion
from medseg.annotators.simulation.simulators import simulate
from medseg.annotators.truths import LITTLE, doubts_of, fit_truth
from medseg.contracts import UNLABELLED


def squares(cases: int) -> list[np.ndarray]:
    """Rectangles of many sizes in 32 x 32."""
    rng = np.random.default_rng(0)
    truths = []
    for _ in range(cases):
        truth = np.zeros((32, 32), np.int16)
        low, high = rng.integers(6, 11, 2), rng.integers(18, 26, 2)
        truth[low[0] : high[0], low[1] : high[1]] = 1
        truths.append(truth)
    return truths


def panel(names: tuple[str, ...], cases: int = 16) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [np.stack([simulate(truth, name, 2, rng) for name in names]) for truth in squares(cases)]


def heard(labels: list[np.ndarray]) -> Fusion:
    return fit_truth(labels, 2, [])  # nobody looks at an image: two agree, or there are two


def test_what_labels_tell_is_what_those_tell_who_labelled_an_image() -> None:
    """Two who are always right tell all that there is, each; in the other half of the images only one of them did."""
    labels = panel(("good", "good"))
    both = heard(labels)
    assert both.heard == pytest.approx(both.information().sum())
    assert both.heard == pytest.approx(2 * math.log(2), rel=0.1)
    for drawn in labels[::2]:
        drawn[1] = UNLABELLED
    one, other = heard(labels).information()
    assert heard(labels).heard == pytest.approx(one + other / 2) != one + other
    index = [np.arange(1) if number % 2 == 0 else np.arange(2) for number in range(len(labels))]
    present = [drawn[: len(whose)] for drawn, whose in zip(labels, index, strict=True)]
    assert fit_truth(present, 2, [], annotator_index=index, annotators=2).heard == pytest.approx(heard(labels).heard)


def test_of_labels_that_tell_little_it_is_said_and_of_others_not() -> None:
    competent = heard(panel(("jitter:0.5", "jitter:0.5", "jitter:0.5")))
    assert competent.heard > LITTLE and doubts_of(competent) == []
    wavering = heard(panel(("jitter:4", "jitter:4")))
    assert wavering.heard < LITTLE
    (line,) = doubts_of(wavering)
    assert line.startswith(f"labels tell little of the truth: {wavering.heard:.2f} nats of a voxel beside the border")


def test_one_doubt_is_enough_and_what_was_not_counted_is_none() -> None:
    wavering = replace(heard(panel(("jitter:4", "jitter:4"))), reach=2.0, told=0.2)
    (line,) = doubts_of(wavering)
    assert line.startswith("nobody is seen to be right: images tell 0.20 nats")
    assert doubts_of(replace(wavering, reach=0.0, heard=math.nan)) == []


def test_labels_that_are_never_compared_are_not_counted() -> None:
    """One label per image: the alarm would ring for everybody."""
    labels = [drawn[number % 2 :][:1] for number, drawn in enumerate(panel(("good", "good")))]
    index = [np.array([number % 2]) for number in range(len(labels))]
    found = fit_truth(labels, 2, [], annotator_index=index, annotators=2)
    assert math.isnan(found.heard) and doubts_of(found) == []


def test_what_was_heard_is_kept_with_the_fusion_and_older_ones_have_none() -> None:
    found = heard(panel(("good", "over:2")))
    arrays = found.arrays()
    assert Fusion.of(arrays).heard == found.heard
    del arrays["heard"]
    assert math.isnan(Fusion.of(arrays).heard)
