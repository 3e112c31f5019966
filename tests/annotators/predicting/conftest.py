"""Images to predict."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from .test_predictor import volume


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of two volumes."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(2):
        nib.save(nib.Nifti1Image(volume(number).array[0], np.eye(4)), folder / f"c{number}.nii.gz")
    return folder
