from __future__ import annotations

import pytest

from medseg.reporting.tables import interval_text, markdown, number_text, plain, value_text

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.10594, "0.1059"), (1.0, "1.000"), (12.3456, "12.35"), (1234.5, "1234"), (-0.01, "-0.0100"), (NAN, "n/a")],
)
def test_numbers_have_four_digits(value, text):
    assert number_text(value) == text


def test_a_gain_wears_its_sign():
    assert number_text(0.02, sign=True) == "+0.0200"
    assert interval_text(-0.5, 0.25, sign=True) == "[-0.5000, +0.2500]"
    assert interval_text(NAN, NAN) == ""


def test_values_say_how_many_are_undefined():
    assert value_text(0.5, 0, 4) == "0.5000"
    assert value_text(0.5, 1, 4) == "0.5000 (1 of 4 empty)"
    assert value_text(NAN, 4, 4) == "n/a (4 of 4 empty)"


def test_columns_of_a_table_are_aligned():
    assert markdown([{"recipe": "oracle", "n": "1"}, {"recipe": "vote", "n": "20"}]).splitlines() == [
        "| recipe | n  |",
        "|--------|----|",
        "| oracle | 1  |",
        "| vote   | 20 |",
    ]


def test_brackets_are_text_and_long_cells_stay_whole_without_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    rows = [
        {"mean [95 % interval]": "0.5 [0.4, 0.6]", "name": "word " * 40 + "."},
        {"mean [95 % interval]": "1", "name": ""},
    ]
    for text in (markdown(rows), plain(rows)):
        assert "mean [95 % interval]" in text and "0.5 [0.4, 0.6]" in text and "word " * 40 + "." in text
        assert "\x1b" not in text
    assert len(plain(rows).splitlines()) == 3 and len(markdown(rows).splitlines()) == 4
