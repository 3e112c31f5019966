"""Masks of a 3D set of MedMNIST as a cohort of objects.

python benchmarks/medmnist_masks.py ARRAYS.npz --out DIR [--cases 400] [--name adrenal]

Writes labels/<case>.nii.gz (0 background, 1 object), manifest.csv and cohort.yaml below DIR. The archive holds
<split>_images (N,X,Y,Z), 0 or 255, for the splits train, val and test, which are kept: of each the first cases are
taken, as many as keeps the proportions. A mask is one object even if it falls into pieces. MedMNIST states no voxel
size, so that the affine is the identity and a voxel counts as 1 mm.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.simulation.cohort import require_empty
from medseg.cohorts.cohort import write_cohort
from medseg.cohorts.manifest import FULL
from medseg.contracts import Case, ClassLabel, ObjectCohort, ObjectRules, Refused, Volume, complaint
from medseg.images.files import write_labels

SPLITS: tuple[Literal["train", "val", "test"], ...] = ("train", "val", "test")


def main() -> None:
    """Convert one archive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arrays", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--name", default="adrenal")
    options = parser.parse_args()
    try:
        written = convert(options.arrays, options.out, options.cases, options.name)
    except Refused as refused:
        raise SystemExit(str(refused)) from refused
    counts = ", ".join(f"{len(written.split(split))} {split}" for split in SPLITS)
    print(f"{written.root}: {len(written.cases)} cases ({counts})")


def convert(arrays: Path, out: Path, cases: int, name: str) -> ObjectCohort:
    """Write ``cases`` masks in all, each split's share rounded, or all that there are.

    Raises Refused for arrays that hold anything but 0 and 255, and for a folder that holds files.
    """
    require_empty(out)
    with np.load(arrays) as archive:
        masks = {split: archive[f"{split}_images"] for split in SPLITS}
    share = min(cases / sum(map(len, masks.values())), 1)
    masks = {split: array[: round(share * len(array))] for split, array in masks.items()}
    complaints = [line for split in SPLITS for line in _complaints(masks[split], f"{split}_images, {arrays}")]
    if complaints:
        raise Refused(complaints)
    listed = [case for split in SPLITS for case in _written(masks[split], split, out, name)]
    cohort = ObjectCohort(
        root=out,
        name=f"{name}3d",
        classes=(ClassLabel(name="background", value=0), ClassLabel(name=name, value=1)),
        spatial_dims=3,
        cases=tuple(listed),
        rules=ObjectRules(component=False),
    )
    write_cohort(cohort)
    return cohort


def _complaints(masks: NDArray[np.generic], where: str) -> list[str]:
    if masks.ndim != 4:
        return [complaint("array", "(N,X,Y,Z)", f"{masks.ndim} axes", where)]
    foreign = np.unique(masks[(masks != 0) & (masks != 255)])
    return [complaint("mask values", "0 and 255", ", ".join(map(str, foreign[:5])), where)] if len(foreign) else []


def _written(masks: NDArray[np.uint8], split: Literal["train", "val", "test"], out: Path, name: str) -> Iterator[Case]:
    for index, mask in enumerate(masks):
        case = f"{name}_{split}_{index:04d}"
        path = out / "labels" / f"{case}.nii.gz"
        write_labels(path, Volume(array=(mask > 0).astype(np.uint8), affine=np.eye(4), spacing_mm=(1.0, 1.0, 1.0)))
        yield Case(name=case, patient=case, split=split, object_masks={FULL: path})


if __name__ == "__main__":
    main()
