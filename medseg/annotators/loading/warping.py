"""Rotation, scaling and elastic deformation as one resampling: where each voxel of a patch comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from medseg.contracts import UNLABELLED, Section

Positive = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


def _ordered(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError(f"from and to: expected the smaller one first, got {list(ends)}")
    return ends


Range = Annotated[tuple[Positive, Positive], AfterValidator(_ordered)]
"""From and to."""

FLAT = 3
"""A volume's patch that is more than so many times as long as it is thick is changed in its plane alone (nnU-Net)."""


class Rotation(Section):
    """Rotation about the middle of a patch, in voxels."""

    probability: Probability = 0.0
    """Of a change; nnU-Net has 0.2."""
    degrees: Annotated[float, Field(gt=0, le=180)] = 30.0
    """The largest angle, about each axis; nnU-Net has 180 in 2D and for flat patches, 30 in 3D. A patch of a volume
    more than three times as long as it is thick is turned in its plane alone."""


class Scaling(Section):
    """Magnification about the middle of a patch."""

    probability: Probability = 0.0
    """Of a change; nnU-Net has 0.2."""
    factors: Range = (0.7, 1.4)
    """From and to; above 1 shows less of the image, larger."""


class Elastic(Section):
    """A smooth displacement: cubic B-splines over a coarse grid of random vectors."""

    probability: Probability = 0.0
    """Of a change; nnU-Net has 0."""
    deviation: Positive = 3.0
    """Standard deviation of the vectors, in voxels."""
    distance: Positive = 24.0
    """Between them, in voxels."""


@dataclass(frozen=True, kw_only=True)
class Warp:
    """A voxel x of a patch shows what lies at M (x - c) + c + d(x), c being the middle of the patch."""

    matrix: NDArray[np.float64]
    """M (S,S)."""
    controls: NDArray[np.float64] | None = None
    """(S,K...) coefficients of d, K the control points along each axis; None: d = 0."""


def draw_warp(
    size: Sequence[int], rng: np.random.Generator, *, rotation: Rotation, scaling: Scaling, elastic: Elastic
) -> Warp | None:
    """A random warp of a patch of ``size`` (S,); None where nothing is drawn. The thin axis of a flat patch stays."""
    turned, scaled, bent = (rng.random() < each.probability for each in (rotation, scaling, elastic))
    if not (turned or scaled or bent):
        return None
    matrix = np.eye(len(size))
    if turned:
        for plane in planes(size):
            matrix = matrix @ rotation_matrix(len(size), plane, rng.uniform(-rotation.degrees, rotation.degrees))
    if scaled:  # as often smaller as larger
        low, high = scaling.factors
        factor = (
            rng.uniform(low, min(1.0, high)) if low < 1 and rng.random() < 0.5 else rng.uniform(max(1.0, low), high)
        )
        matrix = matrix @ scaling_matrix(size, factor)
    return Warp(matrix=matrix, controls=draw_controls(size, rng, elastic) if bent else None)


def thin_axis(size: Sequence[int]) -> int | None:
    """That of a flat patch of ``size`` (S,), None of another."""
    return int(np.argmin(size)) if len(size) == 3 and max(size) > FLAT * min(size) else None


def planes(size: Sequence[int]) -> list[tuple[int, int]]:
    """The pairs of axes in which a patch of ``size`` (S,) is turned: without the thin one."""
    dims, thin = len(size), thin_axis(size)
    return [(a, b) for a in range(dims) for b in range(a + 1, dims) if thin not in (a, b)]


def scaling_matrix(size: Sequence[int], factor: float) -> NDArray[np.float64]:
    """(S,S) by which a patch of ``size`` (S,) shows its middle so many times larger, the thin axis as it is."""
    thin = thin_axis(size)
    return np.diag([1.0 if axis == thin else 1 / factor for axis in range(len(size))])


def draw_controls(size: Sequence[int], rng: np.random.Generator, elastic: Elastic) -> NDArray[np.float64]:
    """(S,K...) coefficients of a displacement of a patch of ``size`` (S,)."""
    counts = [int(np.ceil(n / elastic.distance)) + 3 for n in size]
    controls = rng.normal(0, elastic.deviation, (len(size), *counts))
    if (thin := thin_axis(size)) is not None:
        controls[thin] = 0
    return controls


def rotation_matrix(dims: int, plane: tuple[int, int], degrees: float) -> NDArray[np.float64]:
    """(S,S), by an angle in the plane of two axes."""
    first, second = plane
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrix = np.eye(dims)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix


def sources(size: Sequence[int], warp: Warp) -> NDArray[np.float64]:
    """(S,S...): where each voxel of a patch of ``size`` (S,) comes from, in voxels from the patch's corner."""
    dims = len(size)
    middle = (np.asarray(size) - 1) / 2
    points = np.zeros((dims, *size))
    for axis, n in enumerate(size):  # M x is a sum over axes: no product with all voxels
        along = (np.arange(n) - middle[axis]).reshape([n if a == axis else 1 for a in range(dims)])
        for row in range(dims):
            points[row] += warp.matrix[row, axis] * along
    points += middle.reshape(dims, *[1] * dims)
    return points if warp.controls is None else points + _displacement(size, warp.controls)


def _displacement(size: Sequence[int], controls: NDArray[np.float64]) -> NDArray[np.float64]:
    """d (S,S...) of its coefficients (S,K...): uniform cubic B-splines along each axis."""
    from scipy.interpolate import BSpline

    field = controls
    for axis, n in enumerate(size, start=1):
        knots = np.arange(-3, controls.shape[axis] + 1, dtype=float)
        last = controls.shape[axis] - 3
        weights = BSpline.design_matrix(np.linspace(0, last, n, endpoint=False), knots, 3).toarray()  # (n,K)
        field = np.moveaxis(np.tensordot(weights, field, axes=(1, axis)), 0, axis)
    return field


def box_of(points: NDArray[np.float64], shape: Sequence[int]) -> tuple[slice, ...]:
    """The part of a case of ``shape`` (S,) that points (S,S...) need, one voxel or more along each axis."""
    lowest = [int(np.floor(along.min())) for along in points]
    highest = [int(np.ceil(along.max())) for along in points]
    return tuple(
        slice(min(max(low, 0), n - 1), max(min(high, n - 1), min(max(low, 0), n - 1)) + 1)
        for low, high, n in zip(lowest, highest, shape, strict=True)
    )


def warped_labels(labels: NDArray[np.integer], points: NDArray[np.float64]) -> NDArray[np.integer]:
    """(P,S...) -> (P, *size) at points (S, *size), the nearest voxel of each; outside: UNLABELLED."""
    shape = labels.shape[1:]
    nearest = np.floor(points + 0.5).astype(np.intp)
    inside = np.ones(points.shape[1:], bool)
    for along, n in zip(nearest, shape, strict=True):
        inside &= (along >= 0) & (along < n)
    flat = np.ravel_multi_index(tuple(nearest), shape, mode="clip")
    taken = labels.reshape(len(labels), -1)[:, flat]
    taken[:, ~inside] = UNLABELLED
    return taken


def warped_maps(maps: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.float32]:
    """(N,S...) -> (N, *size) at points (S, *size), linearly; outside: 0."""
    import torch

    grid = torch.from_numpy(sampling_grid(points, maps.shape[1:]))
    found = torch.nn.functional.grid_sample(
        torch.from_numpy(np.ascontiguousarray(maps))[None], grid[None], align_corners=True
    )
    return found[0].numpy()


def sampling_grid(points: NDArray[np.float64], shape: Sequence[int]) -> NDArray[np.float32]:
    """Points (S, *size) of maps of ``shape`` (S,) -> (*size,S) from -1 to 1, as ``grid_sample`` has it: the last axis
    first, and -1 and 1 the middles of the outermost voxels."""
    most = np.maximum(np.asarray(shape) - 1, 1).reshape(-1, *[1] * (points.ndim - 1))
    return np.ascontiguousarray(np.moveaxis(points * (2 / most) - 1, 0, -1)[..., ::-1], np.float32)


def warped_posterior(posterior: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.float32]:
    """(T,S...) -> (T, *size) as ``warped_maps``, their sum over T 1 again; outside: 0."""
    found = warped_maps(posterior, points)
    total = found.sum(0)
    return found / np.where(total > 1e-3, total, np.inf).astype(np.float32)
