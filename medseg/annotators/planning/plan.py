"""A cohort -> the text of a config for it, each key with its reason: ``medseg plan``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medseg.annotators.loading.grid import Grid
from medseg.annotators.planning.geometry import MOST_PATCHES, PATCH_VOXELS, STEP_VOXELS, Geometry, planned_geometry
from medseg.annotators.planning.intensities import planned_intensity
from medseg.annotators.planning.room import planned_cache
from medseg.cohorts import SplitConfig, read_all, split_cases
from medseg.contracts import Case, Cohort, Plan, PlannedKey, Refused, complaint
from medseg.images import read_header
from medseg.training import computes_bfloat16

STEPS = {2: (300, 700), 3: (300, 700)}
"""Of the two stages."""
LOOKS = 20
"""So often validation cases are looked at."""
HEAD = """Planned from the headers of the {count} cases of {name}, and a look at some, for a first model in minutes on
two cores. Every value may be changed, and what is not here has its default; who has more time gives training.steps
more first."""


@dataclass(frozen=True, kw_only=True)
class _Middle:
    """What headers tell of a case in the middle, its axes as the network sees them."""

    shape: tuple[float, ...]
    """(S,) medians."""
    spacing_mm: tuple[float, ...] | None
    """(S,) medians; None where not every image has a scale."""
    least: tuple[int, ...]
    """(S,) the smallest along each axis."""
    largest: tuple[int, ...]
    """(S,) likewise."""


def planned(cohort: Cohort, where: str) -> Plan:
    """The config of a first model; where: the cohort's folder, as the config is to name it.

    Raises Refused where a header cannot be read, and for too few patients to train, validate and test.
    """
    split = SplitConfig()
    drawn = split_cases(cohort.cases, split).splits
    splits, train = Counter(drawn.values()), [case for case in cohort.cases if drawn[case.name] == "train"]
    _refuse_without_val(cohort, splits)
    middle = _middle(cohort)
    spacing = middle.spacing_mm or (1.0,) * cohort.spatial_dims
    scaled = middle.spacing_mm is not None
    geometry = planned_geometry(middle.shape, spacing, scaled=scaled, cases=splits["train"])
    shown = _shown(geometry, middle)
    return Plan(
        head=HEAD.format(count=len(cohort.cases), name=cohort.name),
        keys=(
            *_what(cohort, where),
            _split(cohort, split, splits),
            *shown,
            *planned_cache(cohort, Grid.model_validate(shown[0].value)),
            *planned_intensity(cohort, train),
            _network(geometry),
            *_training(geometry, cohort.spatial_dims, alone=_alone(cohort)),
        ),
    )


def _refuse_without_val(cohort: Cohort, splits: Counter[Any]) -> None:
    absent = [name for name in ("train", "val") if not splits[name]]
    if absent:
        expected = "cases in it (where manifest.csv states train and test alone: medseg index DIR --map train=)"
        raise Refused(complaint(f"{name} split", expected, "none", cohort.name) for name in absent)


def _middle(cohort: Cohort) -> _Middle:
    found = read_all(cohort.cases, lambda case: _measured(case, cohort.spatial_dims))
    shapes = np.array([shape for shape, _ in found])
    spacings = [spacing for _, spacing in found if spacing is not None]
    return _Middle(
        shape=tuple(np.median(shapes, axis=0).tolist()),
        spacing_mm=tuple(np.median(spacings, axis=0).tolist()) if len(spacings) == len(found) else None,
        least=tuple(shapes.min(axis=0).tolist()),
        largest=tuple(shapes.max(axis=0).tolist()),
    )


def _measured(case: Case, dims: int) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    """Shape and spacing (S,), in the order of axes that the network sees."""
    header = read_header(case.images[0])
    if len(header.shape) != dims:
        raise Refused([complaint("dimensions of an image", f"{dims} as in cohort.yaml", len(header.shape), case.name)])
    spacing = case.spacing_mm or header.spacing_mm
    place = Grid(mode="patch", size=(1,) * len(header.shape)).place(header.shape, header.affine, spacing)
    if place.orientation is None or spacing is None:
        return header.shape, spacing
    order = np.argsort(place.orientation[:, 0]).tolist()
    return place.oriented_shape, tuple(spacing[axis] for axis in order)


# ------------------------------------------------------------------------------------- keys and reasons
def _what(cohort: Cohort, where: str) -> list[PlannedKey]:
    classes = ", ".join(f"{label.name}={'/'.join(map(str, label.values))}" for label in cohort.classes)
    keys = [
        PlannedKey(key="experiment", value=cohort.name, reason="the folder below runs/, and the name in tables"),
        _recipe(cohort),
        PlannedKey(key="data.cohort", value=where, reason=f"its classes, by cohort.yaml: {classes}"),
    ]
    if not cohort.annotators:
        reason = "slots of a crowd: there is nobody who is the same from case to case"
        keys.append(PlannedKey(key="data.annotators", value=list(cohort.crowd), reason=reason))
    return keys


def _recipe(cohort: Cohort) -> PlannedKey:
    annotators = len(cohort.annotators or cohort.crowd)
    if annotators == 1:
        return PlannedKey(key="recipe", value="soft_mean", reason="one annotator: there is nobody to compare him with")
    reason = f"{annotators} annotators: the truth is what all say together, and a matrix per voxel learns each style"
    return PlannedKey(key="recipe", value="fused", reason=reason)


def _split(cohort: Cohort, split: SplitConfig, splits: Counter[Any]) -> PlannedKey:
    stated = sum(case.split != "" for case in cohort.cases)
    patients = len({case.patient for case in cohort.cases})
    drawn = f"drawn from the seed among {patients} patients, each in one part"
    if patients == len(cohort.cases):
        drawn += " (if several cases are of one patient: medseg index DIR --patient-from)"
    how = "as manifest.csv has it" if stated == len(cohort.cases) else "in part by manifest.csv" if stated else drawn
    counts = f"{splits['train']} cases to train, {splits['val']} to choose the weights by, {splits['test']} to test"
    value = {"val": split.val, "test": split.test, "seed": split.seed}
    return PlannedKey(key="data.split", value=value, reason=f"{counts}, {how}")


def _shown(geometry: Geometry, middle: _Middle) -> list[PlannedKey]:
    grid: dict[str, Any] = {"mode": geometry.mode, "size": list(geometry.size)}
    key = "spacing_mm" if middle.spacing_mm else "spacing_pixels"
    grid |= {} if geometry.spacing is None else {key: list(geometry.spacing)}
    dims, square = len(geometry.size), geometry.size[0] == geometry.size[1]
    axes = "every axis" if not square else "every axis, and turned by right angles"
    augment = {"flip_axes": list(range(dims)), "rotate90": square, "intensity": 0.2, "noise": 0.05}
    augment |= {"rand": {"n": 1, "m": 5}}
    reason = (
        f"mirrored along {axes} (where a side of the body makes a class: flip_axes: [], rotate90: false), and one "
        "random change of shape or look, at half of its strength"
    )
    return [
        PlannedKey(key="data.grid", value=grid, reason=_why_grid(geometry, middle)),
        PlannedKey(key="data.augment", value=augment, reason=reason),
    ]


def _why_grid(geometry: Geometry, middle: _Middle) -> str:
    sizes = f"{_by(middle.least)} to {_by(middle.largest)}, median {_by(middle.shape)}"
    sizes = _by(middle.shape) if middle.least == middle.largest else sizes
    scale = f"{_by(middle.spacing_mm)} mm" if middle.spacing_mm else "no scale"
    dims = len(geometry.size)
    if geometry.mode == "resize":
        return f"pictures of {sizes}, {scale}: shown whole, their aspect kept"
    along = "as long in mm along each axis" if middle.spacing_mm else "as long along each axis"
    reason = f"images of {sizes}, {scale}: patches of some {PATCH_VOXELS[dims]} voxels, {along}"
    if geometry.spacing and not np.allclose(geometry.spacing, middle.spacing_mm or 1, rtol=0.01):
        reason += f"; coarser than the files, so that no more than {MOST_PATCHES} fill a case"
    return reason


def _network(geometry: Geometry) -> PlannedKey:
    value: dict[str, Any] = {"channels": list(geometry.channels)}
    if any(step != 2 for stride in geometry.strides for step in stride):
        value["strides"] = [list(stride) for stride in geometry.strides]
    if len(geometry.size) == 3:
        value["features"] = 8
    last = _by(np.array(geometry.size) // np.prod(geometry.strides, axis=0))
    reason = (
        f"an axis is halved as long as it keeps 4 voxels and is no coarser than the others: {last} on the last level"
    )
    if not geometry.heads:
        return PlannedKey(key="network", value=value, reason=reason)
    if any(side != 3 for kernel in geometry.kernels for side in kernel):
        value["kernels"] = [list(kernel) for kernel in geometry.kernels]
    nnunet = {"name": "dynunet", "residual_units": 0, "deep_supervision": geometry.heads}
    reason = f"the U-Net of nnU-Net, half as wide, which is taught on {geometry.heads + 1} levels; {reason}"
    return PlannedKey(key="network", value=nnunet | value, reason=reason)


def _alone(cohort: Cohort) -> bool:
    """Most images were labelled by one annotator alone, and not all by the same."""
    people = cohort.annotators or cohort.crowd
    labels = [sum(name in case.annotations for name in people) for case in cohort.cases]
    return len(people) > 1 and float(np.median(labels)) < 2


def _training(geometry: Geometry, dims: int, *, alone: bool) -> list[PlannedKey]:
    warmup, joint = STEPS[dims]
    voxels = f"{geometry.batch_size} x {_by(geometry.size)} voxels, of some {STEP_VOXELS[dims]} that a step may have"
    looks = f"validation cases are looked at {LOOKS} times"
    steps = "in minutes on two cores; medseg train says where they were too few"
    overlap = "the truth is taught to overlap with what all labels say, beside their likelihood: small classes need it"
    if alone:
        overlap = "no overlap is taught: one annotator saw each image, and large labels would count for more than small"
    keys = [
        PlannedKey(key="training.batch_size", value=geometry.batch_size, reason=voxels),
        PlannedKey(key="training.steps", value={"warmup": warmup, "joint": joint}, reason=steps),
        PlannedKey(key="training.steps_per_epoch", value=(warmup + joint) // LOOKS, reason=looks),
        PlannedKey(key="training.learning_rate", value=0.002, reason="that of the configs which come with medseg"),
        PlannedKey(key="training.dice_weight", value=0.0 if alone else 1.0, reason=overlap),
    ]
    if computes_bfloat16():
        reason = "this machine computes bfloat16 by hardware, some twice as fast as 32-true"
        keys.append(PlannedKey(key="training.precision", value="bf16-mixed", reason=reason))
    return keys


def _by(numbers: Sequence[float] | Any) -> str:
    """``128x128x11``."""
    return "x".join(f"{number:.4g}" for number in numbers)
