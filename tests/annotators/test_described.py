"""What is said of people as columns: by hand, and the way to a file and back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from medseg.annotators.described import Described, Scale

PEOPLE = {
    "ann": {"years": 1, "tool": "amira"},
    "bob": {"years": 3, "tool": "imagej"},
    "cat": {"years": 8, "tool": "amira"},
    "dan": {"tool": "amira"},
    "eve": {},
    "known": {"years": 1000, "tool": "hand"},
}
RUN = ["ann", "bob", "cat", "dan", "eve", "fay"]


def described(**people: dict) -> Described:
    found = Described.of(people or PEOPLE, list(people) or RUN)
    assert found is not None
    return found


def test_a_number_is_standardised_and_a_word_is_a_column_per_category_less_its_share() -> None:
    """Of 1, 3 and 8 the mean is 4, the variance (9 + 1 + 16) / 3; three of four have amira."""
    found, deviation = described(), (26 / 3) ** 0.5
    assert found.keys == ("years", "tool")
    assert found.numbers["years"] == Scale(mean=4.0, deviation=pytest.approx(deviation))
    assert found.words == {"tool": {"amira": 0.75, "imagej": 0.25}}  # who is not of the run teaches nothing
    expected = [
        [-3 / deviation, 0.25, -0.25],
        [-1 / deviation, -0.75, 0.75],
        [4 / deviation, 0.25, -0.25],
        [0, 0.25, -0.25],  # whose number is not said
        [0, 0, 0],  # of whom nothing is
        [0, 0, 0],
    ]
    np.testing.assert_allclose(found.rows_of(RUN), expected, atol=1e-6)
    np.testing.assert_allclose(found.rows_of(RUN).sum(axis=0), 0, atol=1e-6)  # nothing said means the mean


def test_of_somebody_else_a_word_that_nobody_has_says_nothing() -> None:
    rows = described().rows([{"years": 4, "tool": "hand"}, {"tool": "imagej"}, {"years": 1e30}])
    np.testing.assert_allclose(rows, [[0, 0, 0], [0, -0.75, 0.75], [10, 0, 0]], atol=1e-6)


def test_a_number_that_is_the_same_for_all_is_a_column_of_nothing() -> None:
    found = described(ann={"years": 5}, bob={"years": 5})
    assert found.numbers == {"years": Scale(mean=5.0, deviation=1.0)}
    np.testing.assert_array_equal(found.rows_of(["ann", "bob"]), [[0], [0]])


def test_where_nothing_is_said_of_the_run_s_own_there_is_nothing() -> None:
    assert Described.of(PEOPLE, ["eve", "fay"]) is None and Described.of({}, RUN) is None


def test_it_goes_to_a_file_and_back() -> None:
    found = described()
    assert Described.read(json.loads(json.dumps(found.content()))) == found
    assert Described.read(None) is None
