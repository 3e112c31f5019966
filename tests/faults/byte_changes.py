"""Change single bytes of a file of each format, and read it.

    python -m tests.faults.byte_changes --changes 2000

What comes of it is one of: refused (a sentence that names the file), the same (voxels and grid), another grid, other
voxels; anything else is an error of the program. A format with a checksum over all that it holds gives no others.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from medseg.contracts import Refused, Volume
from medseg.images import read_image, write_labels, write_map

from .figures import note

WHOLE = {".nii.gz": "gzip, CRC-32", ".png": "PNG, CRC-32 of every chunk"}
"""Formats with a checksum over all that they hold."""
VOXELS = {".nrrd": "gzip, CRC-32", ".mha": "zlib, Adler-32", ".tif": "zlib, Adler-32"}
"""Formats with one over their voxels, as they are written here, but none over their header."""
NONE = (".nii", ".jpg")
"""Formats without any."""
AFFINE = np.array([[-0.8, 0, 0, 10], [0, 0.8, 0, -20], [0, 0, 2, 5], [0, 0, 0, 1]], float)


def written(folder: Path, suffix: str) -> Path:
    """One small file of a format: numbers where it can hold them, else grey."""
    rng, path = np.random.default_rng(0), folder / f"x{suffix}"
    flat = suffix in (".png", ".tif", ".jpg")
    shape = (40, 48) if flat else (16, 12, 6)
    volume = Volume(array=rng.integers(0, 255, shape).astype(np.uint8), affine=AFFINE, spacing_mm=None)
    if suffix == ".jpg":
        Image.fromarray(np.asarray(volume.array)).save(path, quality=90)
        return path
    return write_labels(path, volume) if suffix == ".png" else write_map(path, volume)


def outcomes(folder: Path, suffix: str, changes: int, seed: int = 0) -> Counter[str]:
    """How many of so many changes, at places drawn evenly, had which outcome."""
    path = written(folder, suffix)
    whole, drawn = path.read_bytes(), random.Random(seed)
    before = read_image(path)
    found: Counter[str] = Counter()
    for number in range(changes):
        place = (number * len(whole)) // changes if changes >= len(whole) else drawn.randrange(len(whole))
        content = bytearray(whole)
        content[place] ^= drawn.randrange(1, 256)
        path.write_bytes(bytes(content))
        found[_outcome(path, before)] += 1
    return found


def _outcome(path: Path, before: Volume) -> str:
    try:
        after = read_image(path)
    except Refused as refused:
        named = len(refused.complaints) >= 1 and all(path.name in line for line in refused.complaints)
        return "refused" if named else "refused without its name"
    if after.array.shape != before.array.shape or not np.array_equal(after.array, before.array, equal_nan=True):
        return "other voxels"
    same = np.array_equal(after.affine, before.affine) and after.spacing_mm == before.spacing_mm
    return "the same" if same else "another grid"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=2000)
    asked = parser.parse_args()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # ITK and nibabel have much to say of each
    with tempfile.TemporaryDirectory() as place:
        formats = {suffix: dict(outcomes(Path(place), suffix, asked.changes)) for suffix in (*WHOLE, *VOXELS, *NONE)}
    note("bytes", {"changes": asked.changes, "formats": formats})
