"""MedMNIST3D: ``adrenalmnist3d_64.npz`` or ``vesselmnist3d.npz``, the two sets whose images are masks."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from medseg.cohorts import FULL
from medseg.cohorts.layouts import CONVERTED, Choices
from medseg.contracts import Case, ClassLabel, ObjectCohort, ObjectRules, Refused, Split, Volume, complaint
from medseg.images import write_labels

NEEDS = "one adrenalmnist3d*.npz or vesselmnist3d*.npz with train_images, val_images and test_images"
SPLITS: tuple[Split, ...] = get_args(Split)[:3]
CLASSES = (ClassLabel(name="background", value=0), ClassLabel(name="object", value=1))


def detect(root: Path) -> bool:
    """Whether one archive of this family, and one only, lies in the folder."""
    return len(list(root.glob("*mnist3d*.npz"))) == 1


def index(root: Path, choices: Choices) -> ObjectCohort:
    """A case per mask, named <split><number>, written as NIfTI with the identity as affine; the splits are kept.

    No voxel size is known, so that a voxel counts as 1 mm. A mask is one object even if it falls into pieces.
    Raises Refused for the other sets of the family, whose images hold intensities, and for no such archive.
    """
    (path,) = root.glob("*mnist3d*.npz")
    try:
        with np.load(path) as archive:
            masks = {split: archive[f"{split}_images"] for split in SPLITS}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise Refused([complaint("file", "a .npz of MedMNIST3D", str(error), str(path))]) from error
    for split, array in masks.items():
        if array.ndim != 4 or not np.isin(np.unique(array), (0, 255)).all():
            got = f"{array.ndim} axes, values {np.unique(array)[:5].tolist()}..."
            raise Refused([complaint(f"{split}_images", "masks (N,X,Y,Z) of 0 and 255", got, str(path))])
    out = (choices.out or root) / CONVERTED / "masks"
    cases = [case for split in SPLITS for case in _written(masks[split], split, out)]
    rules = ObjectRules(component=False)
    return ObjectCohort(
        root=root, name=root.resolve().name, classes=CLASSES, spatial_dims=3, cases=tuple(cases), rules=rules
    )


def _written(masks: NDArray[np.generic], split: Split, out: Path) -> Iterator[Case]:
    for number, mask in enumerate(masks):
        name = f"{split}{number:04}"
        volume = Volume(array=(mask > 0).astype(np.uint8), affine=np.eye(4), spacing_mm=(1.0, 1.0, 1.0))
        path = write_labels(out / f"{name}.nii.gz", volume)
        yield Case(name=name, patient=name, split=split, object_masks={FULL: path})
