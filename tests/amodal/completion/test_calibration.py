"""The levels at which samples are cut, and the file that keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from medseg.amodal.completion.calibration import Calibration


def test_uncalibrated_levels_are_even_and_a_shift_lowers_them():
    assert Calibration().levels(4) == pytest.approx([1 - (0.5 + n * 0.6180339887) % 1 for n in range(4)])
    assert (Calibration(shift=1.0).levels(9) < Calibration().levels(9)).all()


def test_calibration_is_written_and_read_and_defaults_where_there_is_none(tmp_path: Path):
    assert Calibration.read(tmp_path) == Calibration(shift=0.0, spread=1.0, misfit_limit=None)
    Calibration(shift=0.25, spread=1.25, misfit_limit=0.3).write(tmp_path)
    assert Calibration.read(tmp_path) == Calibration(shift=0.25, spread=1.25, misfit_limit=0.3)
