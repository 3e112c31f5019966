"""Annotators: specs, what each kind does to 2D, 3D and several classes, and their confusion."""

from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.simulation.mistakes import VoxelConfusion
from medseg.annotators.simulation.simulators import (
    SIMULATORS,
    Spec,
    annotator_names,
    confusion_counts,
    empirical_confusion,
    normalise,
    parse,
    simulate,
)
from medseg.contracts import UNLABELLED, Refused


def nested(dims: int) -> np.ndarray:
    """An organ with a lesion in it, and a second organ: classes 1, 2, 3."""
    labels = np.zeros((24, 24, 16)[:dims], np.uint8)
    inner = (slice(5, 11),) * (dims - 2)
    labels[(slice(3, 15), slice(3, 15), *((slice(3, 13),) * (dims - 2)))] = 1
    labels[(slice(6, 11), slice(6, 11), *inner)] = 2
    labels[(slice(17, 22), slice(8, 20), *inner)] = 3
    return labels


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ------------------------------------------------------------------------------------------ specs
def test_parse_reads_names_and_strengths():
    assert parse(["over", "jitter:1.5", "blank"]) == (
        Spec(name="over", strength=1.0),
        Spec(name="jitter", strength=1.5),
        Spec(name="blank", strength=0.0),
    )


def test_strength_zero_is_a_strength():
    assert parse(["over:0"]) == (Spec(name="over", strength=0.0),)


def test_parse_refuses_everything_wrong_at_once():
    with pytest.raises(Refused) as refused:
        parse(["ovr", "qqq", "over:", "over:-1", "under:wide", "blank:2", "confusion:1.5", "jitter:nan"])
    known = ", ".join(SIMULATORS)
    assert refused.value.complaints == (
        f"annotator: expected one of {known}, got 'ovr'; did you mean 'over'? (ovr)",
        f"annotator: expected one of {known}, got 'qqq' (qqq)",
        "annotator strength: expected a number >= 0, got '' (over:)",
        "annotator strength: expected a number >= 0, got '-1' (over:-1)",
        "annotator strength: expected a number >= 0, got 'wide' (under:wide)",
        "annotator strength: expected none, blank takes no strength, got '2' (blank:2)",
        "annotator strength: expected a number from 0 to 1, got '1.5' (confusion:1.5)",
        "annotator strength: expected a number >= 0, got 'nan' (jitter:nan)",
    )


def test_annotator_names_number_the_repeated_annotators():
    assert annotator_names(["over:1", "good", "over:2", "over:2"]) == ("over", "good", "over_2", "over_3")


# ---------------------------------------------------------------------------------------- annotators
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", SIMULATORS)
def test_every_annotator_is_a_function_of_its_seed(name: str, dims: int):
    labels = nested(dims)
    first, again = simulate(labels, name, 4, rng(3)), simulate(labels, name, 4, rng(3))
    np.testing.assert_array_equal(first, again)
    assert first.shape == labels.shape and first.dtype == labels.dtype and first.max() < 4
    np.testing.assert_array_equal(labels, nested(dims))


@pytest.mark.parametrize("dims", [2, 3])
def test_over_grows_and_under_shrinks_the_organs(dims: int):
    labels = nested(dims)
    over, under = simulate(labels, "over:2", 4, rng()), simulate(labels, "under:1", 4, rng())
    assert (over[labels > 0] > 0).all() and (over > 0).sum() > 1.5 * (labels > 0).sum()
    assert (labels[under > 0] > 0).all() and (under > 0).sum() < 0.8 * (labels > 0).sum()
    assert (over == 2).sum() > (labels == 2).sum() > (under == 2).sum() > 0


def test_over_draws_its_radius_within_the_stated_range():
    point = np.zeros((41, 41), int)
    point[20, 20] = 1
    reach = [np.flatnonzero(simulate(point, "over:8", 2, rng(s)).any(axis=1)).max() - 20 for s in range(30)]
    assert min(reach) >= 6 and max(reach) <= 10 and max(reach) - min(reach) >= 2


def test_good_is_nearly_right_and_jitter_is_unbiased():
    labels = np.zeros((96, 96), int)
    labels[20:76, 20:76] = 1
    good, jitter = simulate(labels, "good", 2, rng()), simulate(labels, "jitter:3", 2, rng(1))
    assert (good != labels).sum() < 0.02 * labels.sum()
    moved = (jitter != labels).sum()
    assert moved > 0.05 * labels.sum()
    areas = [simulate(labels, "jitter:3", 2, rng(s)).sum() / labels.sum() for s in range(20)]
    assert np.mean(areas) == pytest.approx(1, abs=0.05)


def test_fractured_loses_pieces_and_adds_none():
    labels = nested(3)
    cut = simulate(labels, "fractured:3", 4, rng())
    assert set(np.unique(cut[cut != labels])) == {0}
    assert 0.2 < (cut > 0).sum() / (labels > 0).sum() < 0.9


def test_fractured_over_both_adds_and_loses():
    labels = nested(2)
    written = simulate(labels, "fractured_over:2", 4, rng())
    assert ((written > 0) & (labels == 0)).any() and ((written == 0) & (labels > 0)).any()


def test_an_empty_truth_stays_empty_but_for_the_swap():
    empty = np.zeros((9, 9), int)
    for name in SIMULATORS:
        if name not in ("swap", "confusion"):
            assert simulate(empty, name, 2, rng()).sum() == 0, name


def test_blank_and_swap():
    labels = np.array([[0, 1, 2, 3]])
    np.testing.assert_array_equal(simulate(labels, "blank", 4, rng()), [[0, 0, 0, 0]])
    np.testing.assert_array_equal(simulate(labels, "swap", 4, rng()), [[0, 2, 3, 1]])
    np.testing.assert_array_equal(simulate(labels[:, :2], "swap", 2, rng()), [[1, 0]])


def test_displaced_moves_by_about_its_strength():
    point = np.zeros((41, 41), int)
    point[20, 20] = 1
    for seed in range(10):
        (place,) = np.argwhere(simulate(point, "displaced:8", 2, rng(seed)))
        assert 8 * 0.75 - 0.8 <= np.linalg.norm(place - 20) <= 8 * 1.25 + 0.8


# -------------------------------------------------------------------------------------- confusion
def test_counts_by_hand():
    observed, truth = np.array([0, 1, 1, 0, UNLABELLED, 1]), np.array([0, 0, 1, 1, 1, UNLABELLED])
    np.testing.assert_array_equal(confusion_counts(observed, truth, 2), [[1, 1], [1, 1]])
    np.testing.assert_array_equal(confusion_counts(np.array([2]), np.array([0]), 3)[2, 0], 1)


def test_normalise_makes_columns_sum_to_one_and_absent_classes_nan():
    table = normalise(np.array([[3, 0, 0], [1, 2, 0], [0, 2, 0]]))
    np.testing.assert_allclose(table, [[0.75, 0, np.nan], [0.25, 0.5, np.nan], [0, 0.5, np.nan]])


def test_the_confusion_annotator_errs_as_often_as_it_says():
    truth = np.repeat(np.arange(3), 4000).reshape(100, 120)
    table = empirical_confusion(simulate(truth, "confusion:0.2", 3, rng()), truth, 3)
    np.testing.assert_allclose(table, 0.1 + 0.7 * np.eye(3), atol=0.02)


def test_a_given_confusion_is_met():
    confusion = np.array([[0.9, 0.2, 0.0], [0.1, 0.5, 0.3], [0.0, 0.3, 0.7]])
    truth = np.repeat(np.arange(3), 4000).reshape(30, 20, 20)
    written = VoxelConfusion(confusion=confusion, uniforms=rng().random(truth.shape)).apply(truth, 3)
    np.testing.assert_allclose(empirical_confusion(written, truth, 3), confusion, atol=0.025)
