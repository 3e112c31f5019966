"""A case whose instances have a mask of all of each, which may overlap: every whole is known, no order is.

masks  A A A .   of A: visible v, its amodal mask v and O, its occluder O and w     v O O w
       . B B B   of B, the other way round                                          w O O v
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medseg.amodal.nouns import AmodalObject, Hider
from medseg.amodal.objects.crops import cut
from medseg.amodal.objects.extraction import Dropped, Extraction, reason_to_drop
from medseg.cohorts import short_path
from medseg.contracts import Case, ObjectCohort, Refused, Volume, complaint
from medseg.images import read_labels

Mask = NDArray[np.bool_]


def read_stack(case: Case, cohort: ObjectCohort) -> Extraction:
    """The objects of a case with ``instance_masks``, named ``<case>/<class name>-<number>``.

    Which of two that overlap lies in front is not known: each is judged as the one behind, visible where no other mask
    lies, with the others that it overlaps as its hiders.
    Raises Refused for masks of different shapes, of other dimensions than the cohort's, and of several values.
    """
    volumes = {
        number: read_labels(path, f"{case.name}, {short_path(path, cohort)}")
        for number, path in case.instance_masks.items()
    }
    if complaints := [*_complaints(volumes, case, cohort)]:
        raise Refused(complaints)
    label, background = cohort.classes[1].name, cohort.classes[0].value
    wholes = {f"{case.name}/{label}-{number}": volume.array != background for number, volume in volumes.items()}
    objects, dropped = [], []
    for name, amodal in wholes.items():
        hiders = _overlapping(name, wholes)
        occluder = np.any([np.zeros_like(amodal), *hiders.values()], axis=0)
        visible = amodal & ~occluder
        reason = reason_to_drop(visible, amodal, cohort.rules)
        if reason:
            dropped.append(Dropped(name=name, label=label, reason=reason, voxels=int(visible.sum())))
            continue
        on_the_map = AmodalObject(
            name=name,
            case=case.name,
            label=label,
            class_index=0,
            visible=visible,
            occluder=occluder,
            hiders=tuple(Hider(name=other, mask=mask) for other, mask in hiders.items()),
            amodal=amodal,
            unoccluded=not hiders,
            corner=(0,) * amodal.ndim,
            map_shape=amodal.shape,
            affine=next(iter(volumes.values())).affine,
            spacing_mm=next(iter(volumes.values())).spacing_mm,
        )
        objects.append(cut(on_the_map, ndimage.find_objects((amodal | occluder).astype(np.uint8))[0]))
    return Extraction(objects=tuple(objects), dropped=tuple(dropped))


def _overlapping(name: str, wholes: Mapping[str, Mask]) -> dict[str, Mask]:
    """The others that have a voxel in common with this one."""
    boxes = ndimage.find_objects(wholes[name].astype(np.uint8))
    return {
        other: mask
        for other, mask in wholes.items()
        for box in boxes
        if other != name and (wholes[name] & mask)[box].any()
    }


def _complaints(volumes: Mapping[str, Volume], case: Case, cohort: ObjectCohort) -> Iterator[str]:
    shape = next(iter(volumes.values())).array.shape
    if len(shape) != cohort.spatial_dims:
        got = f"{len(shape)}: {'x'.join(map(str, shape))}"
        yield complaint("spatial dims", f"{cohort.spatial_dims} (cohort.yaml)", got, case.name)
    if len(cohort.classes) != 2:
        got = ", ".join(label.name for label in cohort.classes)
        yield complaint("classes", "background and one other beside instances", got, case.name)
    for number, volume in volumes.items():
        if volume.array.shape != shape:
            size, expected = ("x".join(map(str, array)) for array in (volume.array.shape, shape))
            yield complaint(f"shape of the mask of instance {number}", f"{expected} (the first one)", size, case.name)
        found = np.setdiff1d(volume.array, cohort.classes[0].value).tolist()
        if len(found) > 1:
            expected = f"{cohort.classes[0].value} and one other"
            got = ", ".join(map(str, found[:5]))
            yield complaint(f"values of the mask of instance {number}", expected, got, case.name)
