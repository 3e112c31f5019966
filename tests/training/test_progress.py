from __future__ import annotations

import io

from rich.console import Console
from toy_run import toy_stages

from medseg.training.progress import ProgressLine


def told(shown: bool, terminal: bool) -> str:
    text = io.StringIO()
    with ProgressLine(shown, Console(file=text, force_terminal=terminal, width=150)) as line:
        line.stage("joint", 0, 4)
        line.step()
        line.epoch(toy_stages()[1], 1, train=0.5, val=0.25, best=0.125)
    return text.getvalue()


def test_a_log_file_gets_a_line_per_epoch() -> None:
    assert told(True, terminal=False) == "joint 1/2  train nll 0.5000  val nll 0.2500  best 0.1250\n"


def test_a_terminal_gets_a_bar() -> None:
    text = told(True, terminal=True)
    assert "joint 1/2  train nll 0.5000  val nll 0.2500  best 0.1250" in text
    assert "1/4" in text


def test_silence_is_silence() -> None:
    assert told(False, terminal=True) == told(False, terminal=False) == ""
