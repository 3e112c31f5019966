"""Bars on a terminal, a line now and then in a file, nothing where nobody asked for it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from medseg.contracts import Display, progress, progress_shown, watched


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that goes on by three seconds for each item."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def told(clock: list[float], number: int, terminal: bool = False) -> str:
    text = io.StringIO()
    with progress_shown(display=Display(Console(file=text, force_terminal=terminal, width=80))):
        for _ in watched(range(number), "reading", number):
            clock[0] += 3
    return text.getvalue()


def test_a_file_gets_a_line_every_ten_seconds_with_the_time_left(clock: list[float]) -> None:
    assert told(clock, 9).splitlines() == ["reading 4/9, 0:15 left", "reading 8/9, 0:03 left"]


def test_what_takes_no_longer_leaves_no_line(clock: list[float]) -> None:
    assert told(clock, 3) == ""


def test_a_terminal_gets_bars_within_bars_that_go_when_they_are_done(clock: list[float]) -> None:
    text = io.StringIO()
    with progress_shown(display=Display(Console(file=text, force_terminal=True, width=80))) as display:
        for _ in watched(range(2), "recipes", 2):
            assert list(watched("abc", "reading", 3)) == ["a", "b", "c"]
        assert display is not None and not display.progress.tasks
    assert "recipes" in text.getvalue() and "reading" in text.getvalue()


def test_nothing_is_said_outside_and_where_it_is_switched_off(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_shown(), progress_shown(False):
        for _ in watched(range(9), "reading", 9):
            clock[0] += 30
    assert list(watched("ab", "reading", 2)) == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_it_goes_to_standard_error_and_a_bar_that_is_left_early_goes_too(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_shown() as display:
        for item in watched(range(9), "fusing", 9):
            clock[0] += 30
            if item == 1:
                break
        assert display is not None and not display.progress.tasks
    assert capsys.readouterr() == ("", "fusing 1/9, 4:00 left\n")
