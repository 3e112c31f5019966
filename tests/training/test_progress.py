from __future__ import annotations

import io
import re

from rich.console import Console
from toy_run import toy_stages

from medseg.contracts import Display
from medseg.training.progress import ProgressLine

ROWS = {"train/nll": 0.5, "val/nll": 0.25, "best/nll": 0.125, "val/dice": 0.75, "seconds": 2.04}


def told(shown: bool, terminal: bool, overlap: str = "") -> str:
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=150)
    stage = toy_stages()[1]
    object.__setattr__(stage, "overlap", overlap)
    with ProgressLine(shown, Display(console)) as line:
        line.stage("joint", 0, 4, later=400_000)
        line.step()
        line.epoch(stage, 1, ROWS)
    return text.getvalue()


def test_a_log_file_gets_a_line_per_epoch_with_its_seconds_and_what_is_left_of_all_stages() -> None:
    said = told(True, terminal=False)
    assert re.fullmatch(r"joint 1/2  train nll 0.5000  val nll 0.2500  best nll 0.1250  2.0 s, [\d:]+ left\n", said)
    assert "  best nll 0.1250  val dice 0.7500  2.0 s, " in told(True, terminal=False, overlap="dice")


def test_a_terminal_gets_a_bar() -> None:
    text = told(True, terminal=True)
    assert "joint 1/2  train nll 0.5000  val nll 0.2500  best nll 0.1250" in text
    assert "1/4" in text


def test_silence_is_silence() -> None:
    assert told(False, terminal=True) == told(False, terminal=False) == ""
