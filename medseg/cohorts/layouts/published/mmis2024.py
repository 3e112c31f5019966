"""MMIS-2024: ``training_2d/Sample_1_slice_10.h5`` with t1, t1c, t2 and label_a1 ... label_a4."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from medseg.cohorts.layouts.choices import Choices
from medseg.cohorts.layouts.converting import put_image, put_mask
from medseg.cohorts.layouts.files import natural
from medseg.cohorts.layouts.survey import cohort_of
from medseg.cohorts.reading import read_all
from medseg.contracts import Case, Cohort, Refused, Volume, complaint

NEEDS = "[training_2d/]Sample_1_slice_10.h5 that holds t1, t1c, t2 and label_a1 ... label_a4"
CONTRASTS = ("t1", "t1c", "t2")
READERS = ("label_a1", "label_a2", "label_a3", "label_a4")
CLASS_NAMES = {0: "background", 1: "tumour"}

_NAME = re.compile(r"(?:Sample_)?(?P<patient>[^_]+)(_.*)?")


def detect(root: Path) -> bool:
    """Whether HDF5 files of this name lie in the folder, or in one below."""
    return bool(_files(root))


def index(root: Path, choices: Choices) -> Cohort:
    """A case per file with three channels; annotators a1..a4; slices of a patient stay together.

    Images are written anew as TIFF, masks as PNG. Raises Refused without h5py, and for files that lack an array.
    """
    try:
        import h5py
    except ImportError as error:
        expected = "the package h5py: pip install 'medseg[sources]'"
        raise Refused([complaint("HDF5 files", expected, "none", str(root))]) from error
    out = choices.out or root

    def converted(path: Path) -> Case:
        try:
            with h5py.File(path) as file:
                arrays = {key: np.asarray(file[key]) for key in (*CONTRASTS, *READERS) if key in file}
        except OSError as error:
            raise Refused([complaint("file", "an intact HDF5 file", str(error), str(path))]) from error
        missing = [key for key in (*CONTRASTS, *READERS) if key not in arrays]
        if missing:
            raise Refused(
                [complaint("arrays", ", ".join((*CONTRASTS, *READERS)), f"no {', '.join(missing)}", str(path))]
            )
        return _written(path, arrays, out)

    return cohort_of(root, read_all(_files(root), converted), choices, class_names=CLASS_NAMES, channels=CONTRASTS)


def _files(root: Path) -> list[Path]:
    found = {*root.glob("Sample_*.h5"), *root.glob("*/Sample_*.h5")}
    return sorted(found, key=lambda path: natural(path.as_posix()))


def _written(path: Path, arrays: dict[str, Any], out: Path) -> Case:
    match = _NAME.fullmatch(path.stem)
    images = [
        put_image(out, f"{path.stem}_{number:04}", _volume(arrays[key][None].astype(np.float32)))
        for number, key in enumerate(CONTRASTS)
    ]
    masks = {
        key.removeprefix("label_"): put_mask(
            out, key.removeprefix("label_"), path.stem, _volume((arrays[key] > 0).astype(np.uint8))
        )
        for key in READERS
    }
    return Case(
        name=path.stem, patient=match["patient"] if match else path.stem, images=tuple(images), annotations=masks
    )


def _volume(array: Any) -> Volume:
    return Volume(array=array, affine=np.eye(4), spacing_mm=None)
