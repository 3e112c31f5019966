"""Simulated annotators with known error, in 2D and 3D, for any number of classes.

An annotator is written as a spec: a name of ``SIMULATORS``, with its strength after a colon where another than
the default is wanted (``"over"``, ``"over:2"``, ``"jitter:1.5"``). For each case the annotator's ``draw`` turns
(labels, strength, rng) into the parameters of one ``Mistake``, whose ``apply`` is pure arithmetic.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, count

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medseg.annotators.simulation.mistakes import (
    BoundaryShift,
    Cuts,
    Displacement,
    InTurn,
    Labels,
    Mistake,
    Relabelling,
    VoxelConfusion,
)
from medseg.contracts import UNLABELLED, Refused, complaint

SPREAD = (0.75, 1.25)
"""Radii and shifts are drawn per case, uniformly between these multiples of the strength."""

CORRELATION = 4.0
"""Correlation length, in voxels, of the smooth field that moves a jittered boundary."""

CUTS = 4
"""Slabs that a fractured annotation loses."""

MOST_VOXELS = 10_000.0
"""No strength in voxels is greater: no image is so wide."""


# ------------------------------------------------------------------------------------ the drawing
Draw = Callable[[Labels, float, int, np.random.Generator], Mistake]


def _radius(strength: float, rng: np.random.Generator) -> float:
    return strength * rng.uniform(*SPREAD)


def _direction(dims: int, rng: np.random.Generator) -> NDArray[np.float64]:
    vector = rng.normal(size=dims)
    return vector / np.linalg.norm(vector)


def draw_over(labels: Labels, strength: float, num_classes: int, rng: np.random.Generator) -> Mistake:
    """Dilation by a radius of ``strength`` voxels times a factor within ``SPREAD``."""
    return BoundaryShift(offset=_radius(strength, rng))


def draw_under(labels: Labels, strength: float, num_classes: int, rng: np.random.Generator) -> Mistake:
    """Erosion by a radius of ``strength`` voxels times a factor within ``SPREAD``."""
    return BoundaryShift(offset=-_radius(strength, rng))


def draw_jitter(labels: Labels, strength: float, num_classes: int, rng: np.random.Generator) -> Mistake:
    """Boundary moved by a Gaussian field of standard deviation ``strength`` and length ``CORRELATION``."""
    field = ndimage.gaussian_filter(rng.normal(size=labels.shape), CORRELATION, mode="wrap")
    return BoundaryShift(offset=strength * field / field.std())


def draw_fractured(labels: Labels, strength: float, num_classes: int, rng: np.random.Generator) -> Mistake:
    """``CUTS`` slabs of width ``strength``, each in a random direction through a random foreground voxel."""
    foreground = np.argwhere(labels > 0)
    if not len(foreground):
        return InTurn(mistakes=())
    points = foreground[rng.integers(len(foreground), size=CUTS)].astype(float)
    normals = np.stack([_direction(labels.ndim, rng) for _ in range(CUTS)])
    return Cuts(points=points, normals=normals, width=strength)


def draw_fractured_over(labels: Labels, strength: float, num_classes: int, rng: np.random.Generator) -> Mistake:
    """Dilation as ``over``, and then cuts of width 2 ``strength``."""
    over = draw_over(labels, strength, num_classes, rng)
    return InTurn(mistakes=(over, draw_fractured(labels, 2 * strength, num_classes, rng)))


def draw_blank(labels: Labels, strength: float, num_classes: int, rng: np.random.Generator) -> Mistake:
    """All background."""
    return Relabelling(written=(0,) * num_classes)


def draw_swap(labels: Labels, strength: float, num_classes: int, rng: np.random.Generator) -> Mistake:
    """Each foreground class written as the next one, the last as the first; two classes are exchanged."""
    foreground = tuple(range(1, num_classes))
    return Relabelling(written=(1, 0) if num_classes == 2 else (0, *foreground[1:], foreground[0]))


def draw_displaced(labels: Labels, strength: float, num_classes: int, rng: np.random.Generator) -> Mistake:
    """Shift in a random direction by ``strength`` voxels times a factor within ``SPREAD``, rounded."""
    vector = np.rint(_radius(strength, rng) * _direction(labels.ndim, rng))
    return Displacement(vector=tuple(int(step) for step in vector))


def draw_confusion(labels: Labels, strength: float, num_classes: int, rng: np.random.Generator) -> Mistake:
    """Voxelwise errors at rate ``strength``, spread evenly over the other classes."""
    confusion = np.full((num_classes, num_classes), strength / (num_classes - 1))
    np.fill_diagonal(confusion, 1 - strength)
    return VoxelConfusion(confusion=confusion, uniforms=rng.random(labels.shape))


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """How one kind of annotator draws its mistake."""

    draw: Draw
    """(labels, strength, number of classes, rng) -> the mistake."""
    strength: float | None
    """By default; None: it has none."""
    unit: str
    """Of the strength, and what it means."""


SIMULATORS: dict[str, Simulator] = {
    "good": Simulator(draw=draw_jitter, strength=0.2, unit="voxels, standard deviation of the boundary"),
    "over": Simulator(draw=draw_over, strength=1.0, unit="voxels, radius"),
    "under": Simulator(draw=draw_under, strength=0.6, unit="voxels, radius"),
    "fractured": Simulator(draw=draw_fractured, strength=2.0, unit="voxels, width of a cut"),
    "fractured_over": Simulator(draw=draw_fractured_over, strength=1.0, unit="voxels, radius and half width of a cut"),
    "blank": Simulator(draw=draw_blank, strength=None, unit=""),
    "swap": Simulator(draw=draw_swap, strength=None, unit=""),
    "displaced": Simulator(draw=draw_displaced, strength=2.0, unit="voxels, length of the shift"),
    "jitter": Simulator(draw=draw_jitter, strength=1.0, unit="voxels, standard deviation of the boundary"),
    "confusion": Simulator(draw=draw_confusion, strength=0.1, unit="share of voxels that are wrong"),
}


# ---------------------------------------------------------------------------------------- the use
@dataclass(frozen=True, kw_only=True)
class Spec:
    """A kind of annotator, as strong as asked for."""

    name: str
    """Its name in ``SIMULATORS``."""
    strength: float
    """In the unit of its kind; 0 where it has none."""


def parse(specs: Sequence[str]) -> tuple[Spec, ...]:
    """Read specs such as ``"over:2"``; raises Refused with a line for each that is not one."""
    complaints = [line for spec in specs if (line := _fault(spec))]
    if complaints:
        raise Refused(complaints)
    return tuple(_read(spec) for spec in specs)


def _read(spec: str) -> Spec:
    name, _, strength = spec.partition(":")
    return Spec(name=name, strength=float(strength) if strength else SIMULATORS[name].strength or 0.0)


def _fault(spec: str) -> str | None:
    name, colon, strength = spec.partition(":")
    if name not in SIMULATORS:
        close = difflib.get_close_matches(name, SIMULATORS, n=1)
        hint = f"{name!r}; did you mean {close[0]!r}?" if close else repr(name)
        return complaint("annotator", "one of " + ", ".join(SIMULATORS), hint, spec)
    if not colon:
        return None
    if SIMULATORS[name].strength is None:
        return complaint("annotator strength", f"none, {name} takes no strength", repr(strength), spec)
    limit = 1.0 if name == "confusion" else MOST_VOXELS
    kind = "a number from 0 to 1" if name == "confusion" else "a number >= 0"
    try:
        valid = 0 <= float(strength) <= limit
        kind = f"a number from 0 to {limit:g}" if float(strength) > limit else kind
    except ValueError:
        valid = False
    return None if valid else complaint("annotator strength", kind, repr(strength), spec)


def annotator_names(specs: Sequence[str], taken: Sequence[str] = ()) -> tuple[str, ...]:
    """One name per spec: that of its simulator, with ``_2``, ``_3`` ... where that is ``taken`` or used already."""
    names: list[str] = []
    for spec in parse(specs):
        numbered = chain((spec.name,), (f"{spec.name}_{number}" for number in count(2)))
        names.append(next(name for name in numbered if name not in (*taken, *names)))
    return tuple(names)


def simulate(labels: Labels, spec: str, num_classes: int, rng: np.random.Generator) -> Labels:
    """What the annotator ``spec`` writes where the true class indices (S...) are ``labels`` in 0..T-1."""
    (parsed,) = parse([spec])
    return SIMULATORS[parsed.name].draw(labels, parsed.strength, num_classes, rng).apply(labels, num_classes)


# --------------------------------------------------------------------------------- what they erred
def confusion_counts(observed: Labels, truth: Labels, num_classes: int) -> NDArray[np.int64]:
    """n[o,t] = number of voxels of true class t written as o, (O,T).

    Voxels UNLABELLED in either are left out. Counts of several cases add up, and ``normalise`` makes
    probabilities of the sum.
    """
    known = (observed != UNLABELLED) & (truth != UNLABELLED)
    flat = observed[known].astype(np.int64) * num_classes + truth[known]
    return np.bincount(flat, minlength=num_classes**2).reshape(num_classes, num_classes)


def normalise(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """p(o|t) = n[o,t] / sum_o n[o,t], (O,T); the column of a class that never occurs is nan."""
    totals = counts.sum(axis=0, keepdims=True).astype(float)
    return np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)


def empirical_confusion(observed: Labels, truth: Labels, num_classes: int) -> NDArray[np.float64]:
    """p(o|t) (O,T) of one case: ``normalise`` of its ``confusion_counts``."""
    return normalise(confusion_counts(observed, truth, num_classes))
