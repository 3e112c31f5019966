"""Embedded data of objects that cross: label maps of bent rods and beans in 2D and 3D, rendered from a seed.

Where two objects overlap the map says only that they do, as in pictures of chromosomes, so that the amodal mask of each
is known and the demo and the tests can judge completions without any download.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medseg.amodal.objects.crops import windows
from medseg.amodal.occlusion.pasting import Mask, paste
from medseg.cohorts import FULL, require_empty, write_cohort
from medseg.contracts import Case, ClassLabel, ObjectCohort, ObjectRules, Volume
from medseg.images import write_labels

OVERLAP = 255
"""The value where two objects lie one over the other."""

RULES = ObjectRules(overlap=(OVERLAP,), smallest=20, smallest_occluded=5)

AFFINE = np.diag([-0.8, -0.8, 0.8, 1.0])
"""Voxel index -> mm of the volumes, RAS+; slices are pictures without a scale."""

PAIRS, SINGLES = 3, 6
"""Objects of a map that cross in pairs, and that lie free, as far as there is room."""

SHARED = (0.06, 0.5)
"""Lowest and highest share of each object of a pair that the other one overlaps."""

GAP = 2
"""Voxels between objects that do not cross, and between objects and the border."""

TRIES = 200
"""Random places that are tried for each object."""

POINTS = 24
"""Points of a centreline."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A class of shapes: balls of a smoothly varying radius along a bent line."""

    name: str
    """Of the class."""
    length: tuple[float, float]
    """Range, in units of 1/160 of a slice's side, 1/90 of a volume's."""
    radius: tuple[float, float]
    """Range, in the same units."""
    bend: tuple[float, float]
    """Range of the angle by which the line turns from end to end, rad."""


FAMILIES = (
    Family(name="thin_rod", length=(34, 48), radius=(3.0, 3.6), bend=(0.0, 1.4)),
    Family(name="thick_rod", length=(24, 36), radius=(5.4, 6.2), bend=(0.0, 1.0)),
    Family(name="bean", length=(16, 20), radius=(7.5, 9.0), bend=(2.0, 2.8)),
)
CLASSES = (
    ClassLabel(name="background", value=0),
    *(ClassLabel(name=family.name, value=n) for n, family in enumerate(FAMILIES, start=1)),
)


# ---------------------------------------------------------------------------------------- one shape
def _draw_shape(family: Family, dims: int, unit: float, rng: np.random.Generator) -> Mask:
    """One object in a random direction, (S...) cut to its box."""
    share = np.linspace(0, 1, POINTS)
    angle = rng.uniform(*family.bend) * share + 0.15 * np.sin(
        2 * np.pi * (rng.uniform(0.5, 1.5) * share + rng.random())
    )
    steps = np.stack([np.cos(angle), np.sin(angle)], axis=1) * rng.uniform(*family.length) * unit / POINTS
    plane = np.linalg.qr(rng.normal(size=(dims, dims)))[0][:2]
    points = np.cumsum(steps, axis=0) @ plane + rng.random(dims)
    width = 1 + 0.12 * np.sin(2 * np.pi * (rng.uniform(0.5, 1.5) * share + rng.random()))
    return _swept(points, rng.uniform(*family.radius) * unit * width)


def _swept(points: NDArray[np.float64], radii: NDArray[np.float64]) -> Mask:
    """The union of balls at points (P,S) of radii (P,), (S...) cut to its box."""
    low = np.floor((points - radii[:, None]).min(0))
    shape = np.ceil((points + radii[:, None]).max(0) - low).astype(int) + 1
    voxels = np.moveaxis(np.indices(shape), 0, -1)[..., None, :]
    squares = ((voxels - (points - low)) ** 2).sum(-1)
    swept = (squares <= radii**2).any(-1)
    return swept[ndimage.find_objects(swept.astype(np.uint8))[0]]


# ------------------------------------------------------------------------------------------ one map
def render_map(seed: int, index: int, spatial_dims: int, size: int) -> NDArray[np.uint8]:
    """A label map (S...) of ``size`` voxels along each axis: values of ``CLASSES``, and ``OVERLAP``.

    It depends on (seed, index) only. Objects keep clear of one another and of the border, but for those of a pair,
    which are of two classes.
    """
    rng = np.random.default_rng((seed, index))
    unit = size / (160 if spatial_dims == 2 else 90)
    labels = np.zeros((size,) * spatial_dims, np.uint8)
    taken = np.zeros(labels.shape, bool)
    for paired in (True,) * PAIRS + (False,) * SINGLES:
        kinds = rng.permutation(len(FAMILIES))[:2] + 1
        shapes = [_draw_shape(FAMILIES[kind - 1], spatial_dims, unit, rng) for kind in kinds]
        group = _crossed(shapes, kinds, rng) if paired else shapes[0] * kinds[0].astype(np.uint8)
        _place(labels, taken, group, rng)
    return labels


def _crossed(shapes: list[Mask], kinds: NDArray[np.integer], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The second shape over the first, both sharing as much as ``SHARED`` says; the first alone if no try does."""
    lower, upper = shapes
    there, here = np.argwhere(lower), np.argwhere(upper)
    for _ in range(TRIES):
        first = there[rng.integers(len(there))] - here[rng.integers(len(here))]
        canvas, box = windows(lower.shape, upper.shape, first)
        shares = np.count_nonzero(lower[canvas] & upper[box]) / np.array([len(there), len(here)])
        if SHARED[0] <= shares.min() and shares.max() <= SHARED[1]:
            return _laid_over(lower, upper, first, kinds)
    return lower * kinds[0].astype(np.uint8)


def _laid_over(lower: Mask, upper: Mask, first: NDArray[np.integer], kinds: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Both shapes' values (S...), the first voxel of the upper one at ``first``; cut to their box."""
    under = np.pad(lower, [(length, length) for length in upper.shape])
    over = np.zeros_like(under)
    paste(over, upper, first + upper.shape)
    group = np.where(under & over, OVERLAP, under * kinds[0] + over * kinds[1]).astype(np.uint8)
    return group[ndimage.find_objects((group > 0).astype(np.uint8))[0]]


def _place(labels: NDArray[np.uint8], taken: Mask, group: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Write the group into the map where there is room, and mark its surroundings as taken; not at all if none is."""
    room = np.array(labels.shape) - group.shape - 2 * GAP
    for _ in range(TRIES if (room >= 0).all() else 0):
        canvas, box = windows(labels.shape, group.shape, GAP + rng.integers(room + 1))
        if not (taken[canvas] & (group[box] > 0)).any():
            labels[canvas] |= group[box]
            taken |= np.asarray(ndimage.binary_dilation(labels > 0, iterations=GAP), bool)
            return


# ------------------------------------------------------------------------------------------- files
def write_shapes(out: Path, seed: int, spatial_dims: int, cases: int, size: int) -> Path:
    """Write a cohort of label maps with the rules that take them apart; returns ``out``.

    labels/ holds 8-bit PNG pictures in 2D, NIfTI in 3D, beside manifest.csv and cohort.yaml.
    Raises Refused if ``out`` is not empty.

    >>> from pathlib import Path
    >>> folder = write_shapes(Path("rods"), seed=0, spatial_dims=2, cases=3, size=64)
    >>> sorted(path.name for path in folder.iterdir())
    ['cohort.yaml', 'labels', 'manifest.csv']
    """
    require_empty(out)
    listed = []
    for index in range(cases):
        name = f"shapes_{index:03d}"
        path = out / "labels" / f"{name}{'.png' if spatial_dims == 2 else '.nii.gz'}"
        affine = np.eye(4) if spatial_dims == 2 else AFFINE
        write_labels(path, Volume(array=render_map(seed, index, spatial_dims, size), affine=affine, spacing_mm=None))
        listed.append(Case(name=name, patient=name, object_masks={FULL: path}))
    write_cohort(
        ObjectCohort(
            root=out,
            name=f"shapes_{spatial_dims}d",
            classes=CLASSES,
            spatial_dims=spatial_dims,
            cases=tuple(listed),
            rules=RULES,
        )
    )
    return out
