from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from medseg.reporting.intervals import bootstrap_mean, case_means, seed_means

NAN = float("nan")


def frame(*rows: tuple[int, int, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["seed", "fold", "case", "value"])


def test_a_case_is_the_mean_of_its_defined_rows():
    means = case_means(frame((0, 0, "a", 1.0), (0, 0, "a", 0.0), (0, 0, "a", NAN), (0, 0, "b", NAN)))
    assert means.to_dict() == {(0, 0, "a"): 0.5}


def test_every_run_weighs_the_same_however_many_cases_it_has():
    scores = frame((0, 0, "a", 1.0), (0, 1, "b", 0.0), (0, 1, "c", 0.0), (0, 1, "d", 0.0))
    assert bootstrap_mean(scores).mean == pytest.approx(0.5)
    assert seed_means(scores).tolist() == [0.5]


def test_seeds_are_means_over_their_folds():
    scores = frame((1, 0, "a", 0.2), (1, 1, "b", 0.4), (0, 0, "a", 1.0))
    assert seed_means(scores) == pytest.approx([1.0, 0.3])


def test_one_value_has_no_interval_and_none_has_nothing():
    single, none = bootstrap_mean(frame((0, 0, "a", 0.7))), bootstrap_mean(frame((0, 0, "a", NAN)))
    assert single.mean == 0.7
    assert np.isnan([single.low, single.high, none.mean, none.low]).all()


def test_scores_of_no_case_are_resampled_over_seeds():
    estimate = bootstrap_mean(frame((0, 0, "", 0.2), (1, 0, "", 0.4)))
    assert (estimate.mean, estimate.low, estimate.high) == pytest.approx((0.3, 0.2, 0.4))


def test_over_cases_the_interval_is_close_to_two_standard_errors():
    values = np.random.default_rng(1).normal(size=400)
    estimate = bootstrap_mean(frame(*((0, 0, f"c{i}", value) for i, value in enumerate(values))))
    half = 1.96 * values.std() / np.sqrt(400)
    assert estimate.low == pytest.approx(values.mean() - half, abs=0.02)
    assert estimate.high == pytest.approx(values.mean() + half, abs=0.02)


def test_seeds_that_differ_widen_the_interval_where_cases_do_not():
    scores = frame(*((seed, 0, f"c{i}", float(seed)) for seed in range(5) for i in range(50)))
    estimate = bootstrap_mean(scores)
    assert estimate.mean == pytest.approx(2)
    assert estimate.low < 1.2 and estimate.high > 2.8


def test_the_interval_is_the_same_in_every_call():
    scores = frame(*((0, 0, f"c{i}", i / 7) for i in range(9)))
    assert bootstrap_mean(scores) == bootstrap_mean(scores.sample(frac=1, random_state=3))


def test_objects_of_one_case_are_no_sample_of_cases():
    estimate = bootstrap_mean(frame(*((0, 0, f"c1/rod-{i}", float(i)) for i in range(9))))
    assert estimate.mean == pytest.approx(4)
    assert np.isnan([estimate.low, estimate.high]).all()


def test_over_seeds_objects_of_one_case_do_not_widen_the_interval():
    estimate = bootstrap_mean(frame(*((seed, 0, f"c1/rod-{i}", float(i)) for i in range(9) for seed in range(3))))
    assert (estimate.low, estimate.mean, estimate.high) == (pytest.approx(4), pytest.approx(4), pytest.approx(4))


def test_the_mean_is_over_objects_and_cases_are_drawn_with_all_of_theirs():
    scores = frame((0, 0, "a/rod-1", 1.0), (0, 0, "b/rod-1", 0.0), (0, 0, "b/rod-2", 0.0), (0, 0, "b/bean-1", 0.0))
    estimate = bootstrap_mean(scores)
    assert estimate.mean == pytest.approx(1 / 4)
    # two cases drawn of two: a quarter of the draws is a alone, a quarter b alone
    assert (estimate.low, estimate.high) == (0, 1)


def test_ten_equal_objects_of_a_case_are_worth_one():
    values = np.random.default_rng(2).normal(size=40)
    single = bootstrap_mean(frame(*((0, 0, f"c{i}", value) for i, value in enumerate(values))))
    tenfold = bootstrap_mean(frame(*((0, 0, f"c{i}/{k}", value) for i, value in enumerate(values) for k in range(10))))
    assert (tenfold.low, tenfold.high) == (pytest.approx(single.low), pytest.approx(single.high))
