"""A training that is killed at any moment goes on to the same weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from .figures import figures
from .kills import killed_runs, summary


@pytest.mark.slow
def test_fifty_killed_trainings_end_as_if_nobody_had_killed_them(tmp_path: Path) -> None:
    found = killed_runs(tmp_path, 50, seed=1)
    assert [point for point in found if not point.equal] == []
    assert len({point.at for point in found}) >= 4, summary(found)


def test_the_last_count_of_killed_trainings_is_good() -> None:
    noted = figures()["kills"]
    assert noted["points"] >= 50 and noted["equal"] == noted["points"] == sum(noted["where"].values())
