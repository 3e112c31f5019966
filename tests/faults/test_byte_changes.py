"""No single byte of a file changes what is read in silence, as far as its format can tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from .byte_changes import NONE, VOXELS, WHOLE, outcomes
from .figures import figures

FEW = 60


def hold(suffix: str, found: dict[str, int]) -> None:
    """What a format promises."""
    assert set(found) <= {"refused", "the same", "another grid", "other voxels"}
    wrong = found.get("other voxels", 0) + found.get("another grid", 0)
    total = sum(found.values())
    assert not wrong if suffix in WHOLE else wrong < 0.05 * total if suffix in VOXELS else found["refused"] > 0


@pytest.mark.parametrize("suffix", [*WHOLE, *VOXELS])
def test_single_bytes_are_noticed(tmp_path: Path, suffix: str) -> None:
    hold(suffix, outcomes(tmp_path, suffix, FEW))


@pytest.mark.parametrize("suffix", NONE)
def test_a_format_without_a_checksum_is_read_or_refused_and_never_an_error(tmp_path: Path, suffix: str) -> None:
    assert outcomes(tmp_path, suffix, FEW).total() == FEW


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [*WHOLE, *VOXELS, *NONE])
def test_every_byte_is_noticed_as_docs_robustness_says(tmp_path: Path, suffix: str) -> None:
    noted = figures()["bytes"]
    found = dict(outcomes(tmp_path, suffix, noted["changes"]))
    hold(suffix, found)
    assert found == noted["formats"][suffix]
