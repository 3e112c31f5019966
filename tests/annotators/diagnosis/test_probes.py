"""A linear property is found, noise is at chance, and scores are those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from medseg.annotators.diagnosis.probes import (
    Gain,
    Property,
    area_under_curve,
    can_be_asked,
    gain,
    probe,
    probe_scores,
)

RNG = np.random.default_rng(0)
FEATURES, OTHERS = RNG.normal(size=(2, 600, 5))
ONCE = np.ones((1, 600))


def score(learned: np.ndarray, asked: np.ndarray) -> float:
    fitted, held_out = (Property(name="planted", values=values) for values in (learned, asked))
    return float(probe_scores(probe(FEATURES, fitted, OTHERS), held_out, ONCE)[0])


def test_a_planted_linear_property_is_found() -> None:
    direction = np.array([1.0, -2, 0.5, 0, 3])
    assert score(FEATURES @ direction > 0, OTHERS @ direction > 0) > 0.99
    assert score((FEATURES @ direction)[:, None], (OTHERS @ direction)[:, None]) > 0.99
    thirds = [np.digitize(features @ direction, [-2, 2]).astype(float) for features in (FEATURES, OTHERS)]
    assert score(*thirds) > 0.8


def test_noise_is_at_chance() -> None:
    noise = RNG.normal(size=(2, 600))
    assert abs(score(noise[0] > 0, noise[1] > 0) - 0.5) < 0.08
    assert abs(score(noise[0][:, None], noise[1][:, None])) < 0.05


def test_what_nobody_asks_is_left_out() -> None:
    planted, asked = (np.where(features[:, 1] > 0, features[:, 0] > 0, np.nan) for features in (FEATURES, OTHERS))
    assert score(planted, asked) > 0.99
    one = Property(name="one", values=np.where(np.isnan(planted), np.nan, 1.0))
    assert not can_be_asked(one, Property(name="two", values=asked)) and can_be_asked(
        Property(name="a", values=planted), Property(name="b", values=asked)
    )


def test_weighted_scores_are_those_of_scikit_learn() -> None:
    said, weights = RNG.integers(0, 9, 600) / 3, RNG.integers(0, 3, (4, 600)).astype(float)
    member = RNG.random(600) < 0.3
    found = area_under_curve(said, member, weights)
    expected = [roc_auc_score(member, said, sample_weight=each) for each in weights]
    np.testing.assert_allclose(found, expected)
    numbers = RNG.normal(size=(600, 2))
    told = numbers + RNG.normal(size=(600, 2))
    r2 = probe_scores(told, Property(name="numbers", values=numbers), weights)
    np.testing.assert_allclose(r2, [r2_score(numbers, told, sample_weight=each) for each in weights])
    assert np.isnan(area_under_curve(said, np.ones(600, bool), weights)).all()


def test_a_change_is_judged_by_its_interval_over_patients() -> None:
    truth = Property(name="side", values=(OTHERS[:, 0] > 0).astype(float))
    sides = np.stack([-OTHERS[:, 0], OTHERS[:, 0]], axis=1)
    noise = RNG.normal(size=(600, 2))
    patients = [f"p{n // 20}" for n in range(600)]
    enhanced = gain(noise, sides, truth, patients)
    assert enhanced.after == 1 and enhanced.low > 0.3 and enhanced.verdict == "enhanced"
    assert gain(sides, noise, truth, patients).verdict == "suppressed"
    same = gain(sides, sides, truth, patients)
    assert (same.low, same.high, same.verdict) == (0, 0, "")
    alone = gain(noise, sides, truth, ["p"] * 600)
    assert np.isnan(alone.low) and alone.verdict == ""
    assert Gain(before=0.5, after=0.6, low=-0.1, high=0.3).verdict == ""


def test_groups_that_training_never_showed_are_left_out() -> None:
    learned = Property(name="site", values=(FEATURES[:, 0] > 0).astype(float))
    values = np.where(OTHERS[:, 1] > 1, 2.0, OTHERS[:, 0] > 0)
    said = probe(FEATURES, learned, OTHERS)
    assert said.shape == (600, 2)
    assert float(probe_scores(said, Property(name="site", values=values), ONCE)[0]) == pytest.approx(
        roc_auc_score(values == 1, said[:, 1])
    )
