"""A cohort in which the labels of some cases are those of another image: what nobody can learn but by heart.

Zhang et al. 2017 ("Understanding deep learning requires rethinking generalization"). Corrupted are cases that training
sees, those of validation too, lest clean labels choose the weights; test cases keep theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.cohorts import MANIFEST, write_cohort
from medseg.contracts import Case, Cohort, Refused, Split, Volume, complaint
from medseg.images import as_labels, grid_complaints, read_channels, read_mask, with_spacing, write_labels

TOUCHED: tuple[Split, ...] = ("train", "val")
"""Splits with corrupted labels."""


def swapped(names: Sequence[str], share: float) -> dict[str, str]:
    """Case -> whose labels it is given, for a share (0 to 1) of the cases of these names, rounded.

    The cases stand in a circle, in an order that is seeded; the first of them are given the labels of their next. So no
    case is given its own, a larger share holds the smaller ones, and of all cases every label is given once.
    Raises Refused where there is but one case to swap with.

    >>> {case: swapped(["a", "b", "c", "d"], share).get(case) for share in (0.25, 0.5) for case in "abcd"}
    {'a': None, 'b': None, 'c': 'd', 'd': 'b'}
    """
    number = round(share * len(names))
    if number and len(names) < 2:
        raise Refused([complaint("cases to swap labels between", "two or more", len(names), ", ".join(names))])
    ordered = sorted(names)
    circle = [ordered[place] for place in np.random.default_rng(0).permutation(len(ordered))]
    return {case: circle[(place + 1) % len(circle)] for place, case in enumerate(circle[:number])}


def corrupted(cohort: Cohort, annotators: Sequence[str], share: float) -> Mapping[str, dict[str, str]]:
    """Annotator -> case -> the case whose label of his it is given; in each split of TOUCHED by itself."""
    found: dict[str, dict[str, str]] = {}
    for name in annotators:
        found[name] = {}
        for split in TOUCHED:
            labelled = [case.name for case in cohort.split(split) if name in case.annotations]
            found[name] |= swapped(labelled, share if len(labelled) > 1 or split == "train" else 0)
    return found


def write_corrupted(cohort: Cohort, root: Path, *, annotators: Sequence[str], share: float) -> Path:
    """The cohort with a share of these annotators' labels swapped, its split in its manifest; returns ``root``.

    cohort: with every case in its split; unused ones are left out. Files are those of the cohort where they lie; a mask
    that does not fit the image that it is given to is fitted to it, axis by axis, and written. What is there is kept.
    """
    if (root / MANIFEST).is_file():
        return root
    given = corrupted(cohort, annotators, share)
    known = {case.name: case for case in cohort.cases}
    cases = []
    for case in cohort.cases:
        masks = dict(case.annotations)
        for name in annotators:
            if (donor := given[name].get(case.name)) is not None:
                masks[name] = _fitted(known[donor].annotations[name], case, root / "fitted" / name)
        cases += [replace(case, annotations=masks)] if case.split else []
    write_cohort(replace(cohort, root=root, cases=tuple(cases)))
    return root


def _fitted(mask: Path, case: Case, folder: Path) -> Path:
    """The mask's file where it fits the image of the case; else a new one, by nearest neighbour."""
    image = with_spacing(read_channels(case.images), case.spacing_mm)
    volume = read_mask(mask, f"{case.name}: {mask.name}")
    if not grid_complaints("mask", volume, image, where=case.name, whose="its image"):
        return mask
    labels = as_labels(volume, case.name).array
    suffix = ".nii.gz" if labels.ndim == 3 else ".png"
    fitted = Volume(array=nearest(labels, image.array.shape[1:]), affine=image.affine, spacing_mm=image.spacing_mm)
    folder.mkdir(parents=True, exist_ok=True)
    return write_labels(folder / f"{case.name}{suffix}", fitted)


def nearest(labels: NDArray[np.generic], shape: Sequence[int]) -> NDArray[np.generic]:
    """(S...) -> ``shape`` (S,), each voxel the one in whose part of the axis its middle lies."""
    places = [(2 * np.arange(n) + 1) * m // (2 * n) for m, n in zip(labels.shape, shape, strict=True)]
    return labels[np.ix_(*places)]
