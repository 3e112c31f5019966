"""Pictures and volumes of a few pixels, for folders that imitate those that people have."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image


def picture(path: Path, *values: int, shape: tuple[int, ...] = (4, 5)) -> None:
    """A PNG full of 0, but for the values given in its first pixels."""
    array = np.zeros(shape, np.uint8)
    array.reshape(-1)[: len(values)] = values
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def scan(path: Path, *values: int, shape: tuple[int, ...] = (3, 4, 2)) -> None:
    """The same as NIfTI."""
    array = np.zeros(shape, np.uint8)
    array.reshape(-1)[: len(values)] = values
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.eye(4)), path)
