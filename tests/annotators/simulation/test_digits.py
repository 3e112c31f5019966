"""MNIST's idx files, written here byte by byte."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from medseg.annotators.simulation.digits import IMAGES, NAMES, holds_digits, read_digits
from medseg.contracts import Refused


def write_idx(path: Path, array: np.ndarray) -> None:
    lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
    path.write_bytes(gzip.compress(bytes((0, 0, 8, array.ndim)) + lengths + array.tobytes()))


def write_both(folder: Path, count: int = 2) -> None:
    write_idx(folder / IMAGES, np.arange(count * 6, dtype=np.uint8).reshape(count, 2, 3))
    write_idx(folder / NAMES, np.array([7, 2], np.uint8))


def refusal(folder: Path) -> str:
    with pytest.raises(Refused) as refused:
        read_digits(folder)
    (line,) = refused.value.complaints
    return line


def test_reads_rows_first(tmp_path: Path):
    assert not holds_digits(tmp_path)
    write_both(tmp_path)
    assert holds_digits(tmp_path)
    digits = read_digits(tmp_path)
    np.testing.assert_array_equal(digits.images[1], [[6, 7, 8], [9, 10, 11]])
    np.testing.assert_array_equal(digits.names, [7, 2])


def test_files_of_different_length(tmp_path: Path):
    write_both(tmp_path, count=3)
    assert refusal(tmp_path) == f"number of digits: expected 3, got 2 ({tmp_path / NAMES})"


def test_missing_file(tmp_path: Path):
    write_both(tmp_path)
    (tmp_path / NAMES).unlink()
    assert refusal(tmp_path) == f"idx file: expected a file, got none ({tmp_path / NAMES})"


def test_truncated_gzip(tmp_path: Path):
    write_both(tmp_path)
    path = tmp_path / IMAGES
    path.write_bytes(path.read_bytes()[:-6])
    assert refusal(tmp_path).startswith("idx file: expected an intact gzip file, got Compressed file ended")


def test_missing_data(tmp_path: Path):
    write_both(tmp_path)
    path = tmp_path / IMAGES
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1]))
    assert refusal(tmp_path) == f"idx file: expected 12 bytes of data, got 11 bytes ({path})"


def test_another_kind_of_file(tmp_path: Path):
    write_both(tmp_path)
    path = tmp_path / IMAGES
    path.write_bytes((tmp_path / NAMES).read_bytes())
    assert refusal(tmp_path) == (f"idx file: expected bytes 0, 0, 8, 3 at its start, got 0, 0, 8, 1 ({path})")
