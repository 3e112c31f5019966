"""MNIST's test set in its original idx files, on which simulated annotators have known errors."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import Refused, complaint

IMAGES = "t10k-images-idx3-ubyte.gz"
NAMES = "t10k-labels-idx1-ubyte.gz"


@dataclass(frozen=True, kw_only=True)
class Digits:
    """The digits of the files."""

    images: NDArray[np.uint8]
    """(N,28,28) of 8 bits, bright strokes on black."""
    names: NDArray[np.uint8]
    """(N,) which digit, 0..9."""


def holds_digits(folder: Path) -> bool:
    """Whether the idx file of the images is there."""
    return (folder / IMAGES).is_file()


def read_digits(folder: Path) -> Digits:
    """Raises Refused for a file that is missing or damaged, and for two files of different length."""
    digits = Digits(images=_read_idx(folder / IMAGES, axes=3), names=_read_idx(folder / NAMES, axes=1))
    if len(digits.images) != len(digits.names):
        where = str(folder / NAMES)
        raise Refused([complaint("number of digits", len(digits.images), len(digits.names), where)])
    return digits


def _read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """A gzipped idx file of unsigned bytes: 0, 0, 8, number of axes, their lengths (4 bytes each), data."""
    if not path.is_file():
        raise Refused([complaint("idx file", "a file", "none", str(path))])
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise Refused([complaint("idx file", "an intact gzip file", str(error), str(path))]) from error
    begin, start = bytes((0, 0, 8, axes)), 4 + 4 * axes
    if content[:4] != begin or len(content) < start:
        expected, got = f"bytes 0, 0, 8, {axes} at its start", ", ".join(map(str, content[:4]))
        raise Refused([complaint("idx file", expected, got or "nothing", str(path))])
    shape = np.frombuffer(content[4:start], ">u4").astype(np.int64)
    if len(content) - start != shape.prod():
        got = f"{len(content) - start} bytes"
        raise Refused([complaint("idx file", f"{shape.prod()} bytes of data", got, str(path))])
    return np.frombuffer(content, np.uint8, offset=start).reshape(tuple(shape))
