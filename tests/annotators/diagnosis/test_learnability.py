"""Who draws wide and who draws narrow is learned from one example and told by area; what is no group is at chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medseg.annotators.diagnosis.concepts import said_of_clusters
from medseg.annotators.diagnosis.deviations import DESCRIPTORS, Deviations, blocks, deviations_of
from medseg.annotators.diagnosis.groups import clusters, condensed
from medseg.annotators.diagnosis.learnability import NOTHING, best_line, describability, judged, learnability
from medseg.annotators.people.labelling import labelling_of
from tests.annotators.people.conftest import disc, write_cohort


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Deviations:
    """Sixteen discs, each drawn too wide by one and too narrow by another."""
    rng, masks = np.random.default_rng(0), {}
    for number in range(16):
        radius = rng.uniform(9, 12)
        masks[f"c{number:02d}"] = {
            "wide": disc(radius + 2.5), "narrow": disc(radius - 2.5), "truth": disc(radius)}  # fmt: skip
    return deviations_of(labelling_of(write_cohort(tmp_path_factory.mktemp("planted") / "cohort", masks)))


def test_a_planted_cluster_is_found_learned_from_one_example_and_told_by_its_area(planted: Deviations) -> None:
    features = condensed(planted.images)
    found = clusters(features)
    assert found.max() == 2 and all(len(set(found[planted.annotator == a].tolist())) == 1 for a in (0, 1))
    shown, patients = planted.case_index < 8, [f"p{index}" for index in planted.case_index]
    told = {"features": features, "descriptors": planted.descriptors, "shown": shown, "patients": patients}
    rows = pd.DataFrame(judged(planted.annotator, ["wide", "narrow"], **told))
    assert len(rows) == 2 * 5 and (rows[["accuracy", "accuracy_low", "accuracy_high"]] == 1).all(axis=None)
    lines = rows[rows["told_by"] == "a line"].set_index("group")["line"]
    assert lines["narrow"].startswith("relative_area below") and lines["wide"].startswith("relative_area above")


def test_what_is_drawn_by_lot_is_no_concept(planted: Deviations) -> None:
    rng = np.random.default_rng(1)
    features, descriptors = rng.normal(size=(2000, 4)), pd.DataFrame({"relative_area": rng.normal(size=2000)})
    member, shown = rng.random(2000) < 0.5, np.arange(2000) < 1000
    patients = [f"p{n // 4}" for n in range(2000)]
    for examples in (1, 8):
        found = learnability(features, member, shown, patients=patients, examples=examples)
        assert abs(found.value - 0.5) < 0.03 and found.low < 0.5 < found.high
    line = best_line(descriptors[shown], member[shown])
    told = describability(line, descriptors[~shown], member[~shown], patients[1000:])
    assert abs(told.value - 0.5) < 0.05


def test_too_few_examples_and_nobody_to_ask_about_have_no_accuracy() -> None:
    features, patients = np.arange(6.0)[:, None], list("abcdef")
    shown = np.array([True, True, True, False, False, False])
    member = np.array([True, True, False, True, False, False])
    assert learnability(features, member, shown, patients=patients, examples=2).value > 0
    assert np.isnan(learnability(features, member, shown, patients=patients, examples=3).value)
    assert np.isnan(learnability(features, shown, shown, patients=patients, examples=1).value)


def test_the_best_line_is_the_one_that_parts_members_from_others() -> None:
    table = pd.DataFrame({"relative_area": [1.0, 1, 2, 2], "pieces": [0.0, 3, 1, 4]})
    line = best_line(table, np.array([False, True, False, True]))
    assert str(line) == "pieces above 2" and line.holds(table).tolist() == [False, True, False, True]
    assert describability(line, table, np.array([False, True, False, True]), list("abcd")).value == 1
    below = best_line(table, np.array([True, True, False, False]))
    assert str(below) == "relative_area below 1.5" and below.holds(table).tolist() == [True, True, False, False]
    same = best_line(table * 0, np.array([True, False, True, False]))
    assert same is NOTHING and describability(same, table, np.array([True, False] * 2), list("abcd")).value == 0.5


def test_masks_in_numbers_that_can_be_worked_out(tmp_path: Path) -> None:
    """A square of 8 x 8; drawn of twice its height, 2 to the right, in two halves with a gap, not at all."""
    square, tall, moved, halves = np.zeros((4, 40, 40), np.uint8)
    square[16:24, 16:24], tall[12:28, 16:24], moved[16:24, 18:26] = 1, 1, 1
    halves[16:24, 16:19], halves[16:24, 21:24] = 1, 1
    drawn = {"halves": halves, "moved": moved, "none": np.zeros_like(square), "tall": tall, "truth": square}
    found = deviations_of(labelling_of(write_cohort(tmp_path / "cohort", {"c": drawn})))
    table = found.descriptors.set_index(pd.Index(["halves", "moved", "none", "tall"]))
    assert table["relative_area"].tolist() == [0.75, 1, 0, 2] and table["pieces"].tolist() == [1, 0, 0, 0]
    assert table["displacement"].tolist() == pytest.approx([0, 2 / 4, 0, 0])
    assert table.loc["moved", "roughness"] == 1 == table.loc["none", "roughness"]
    assert table.loc["tall", "roughness"] == pytest.approx((44 / 128**0.5) / (28 / 8))
    assert set(table.columns) == set(DESCRIPTORS)
    sums = found.images.sum(axis=1)
    assert sums[3] > 0 > sums[0] and sums[1] == pytest.approx(0, abs=0.2) and sums[2] == found.images.sum(axis=1).min()


def test_blocks_are_means_and_what_is_unknown_is_no_deviation() -> None:
    frame = np.zeros((65, 65))
    frame[:5, :5], frame[5:10, 0] = 1, np.nan
    small = blocks(frame).reshape(13, 13)
    assert small[0, 0] == 1 and np.count_nonzero(small) == 1
    assert blocks(np.ones((33, 33, 33))).shape == (11**3,)


def test_masks_that_are_all_alike_are_one_cluster_and_one_alone_is_none() -> None:
    assert clusters(condensed(np.ones((6, 9)))).tolist() == [1] * 6
    apart = np.repeat([[0.0, 0], [5, 5], [99, 0]], [9, 8, 1], axis=0) + np.random.default_rng(0).normal(size=(18, 2))
    assert clusters(apart).max() == 1
    assert clusters(apart[:17]).tolist() == [1] * 9 + [2] * 8


def test_a_cluster_is_told_by_what_is_defined() -> None:
    rows = [("1 shown", "", 0.7), ("8 shown", "", np.nan), ("a line", "pieces above 1", 0.9)]
    frame = pd.DataFrame(rows, columns=["told_by", "line", "accuracy"]).assign(grouping="cluster", group="c", members=5)
    (line, _) = said_of_clusters(frame)
    assert line == ("clusters: c (5 masks) is told from others in 0.70 of the choices with 1 shown and in 0.90 of the "
                    "choices by pieces above 1")  # fmt: skip
    (none, _) = said_of_clusters(frame.assign(accuracy=np.nan))
    assert none == "clusters: c (5 masks) has too few masks to be asked about"
