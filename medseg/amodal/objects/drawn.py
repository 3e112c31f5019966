"""A case that is one object, drawn in masks of its own: the visible part, its amodal mask, what lies in front of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from scipy import ndimage

from medseg.amodal.nouns import AmodalObject, Hider
from medseg.amodal.objects.extraction import Dropped, Extraction, reason_to_drop
from medseg.cohorts import FULL, OCCLUDER, VISIBLE, short_path
from medseg.contracts import Case, ObjectCohort, Refused, Volume, complaint
from medseg.images import read_labels


def read_drawn_object(case: Case, cohort: ObjectCohort) -> Extraction:
    """The object of a case whose masks have the targets visible, full (its amodal mask) and occluder, or some of them.

    Without a mask of all of it that is not known; without one of the occluder that is None, but for an unoccluded
    object.
    Raises Refused for masks of different shapes, of several classes, and for visible voxels outside of the amodal mask.
    """
    volumes = {
        name: read_labels(path, f"{case.name}, {short_path(path, cohort)}") for name, path in case.object_masks.items()
    }
    visible_map = volumes[VISIBLE]
    complaints = [*_complaints(volumes, case, cohort)]
    if complaints:
        raise Refused(complaints)
    background = cohort.classes[0].value
    masks = {name: volume.array != background for name, volume in volumes.items()}
    (value,) = _values((volume for name, volume in volumes.items() if name != OCCLUDER), background)
    index = [label.value for label in cohort.classes[1:]].index(value)
    label = cohort.classes[index + 1].name
    visible, amodal = masks[VISIBLE], masks.get(FULL)
    unoccluded = amodal is not None and not (amodal & ~visible).any()
    reason = reason_to_drop(visible, amodal, cohort.rules)
    if reason:
        return Extraction(
            objects=(), dropped=(Dropped(name=case.name, label=label, reason=reason, voxels=int(visible.sum())),)
        )
    occluder = np.zeros_like(visible) if unoccluded else masks.get(OCCLUDER)
    shown = np.any([mask for mask in (visible, amodal, occluder) if mask is not None], axis=0)
    (box,) = ndimage.find_objects(shown.astype(np.uint8))
    extracted = AmodalObject(
        name=case.name,
        case=case.name,
        label=label,
        class_index=index,
        visible=visible[box],
        occluder=None if occluder is None else occluder[box],
        hiders=() if unoccluded or occluder is None else (Hider(name=f"{case.name}/{OCCLUDER}", mask=occluder[box]),),
        amodal=None if amodal is None else amodal[box],
        unoccluded=unoccluded,
        corner=tuple(axis.start for axis in box),
        map_shape=visible.shape,
        affine=visible_map.affine,
        spacing_mm=visible_map.spacing_mm,
    )
    return Extraction(objects=(extracted,), dropped=())


def _values(volumes: Iterable[Volume], background: int) -> list[int]:
    """The classes that the masks hold."""
    return sorted({int(value) for volume in volumes for value in np.unique(volume.array)} - {background})


def _complaints(volumes: Mapping[str, Volume], case: Case, cohort: ObjectCohort) -> Iterator[str]:
    background, *foreground = cohort.classes
    shape = volumes[VISIBLE].array.shape
    for name, volume in volumes.items():
        if volume.array.shape != shape:
            size, expected = ("x".join(map(str, array)) for array in (volume.array.shape, shape))
            yield complaint(f"shape of the mask {name}", f"{expected} (the visible part)", size, case.name)
    if len(shape) != cohort.spatial_dims:
        got = f"{len(shape)}: {'x'.join(map(str, shape))}"
        yield complaint("spatial dims", f"{cohort.spatial_dims} (cohort.yaml)", got, case.name)
    own = [volume for name, volume in volumes.items() if name != OCCLUDER]
    found = _values(own, background.value)
    known = [label.value for label in foreground]
    if len(found) != 1 or found[0] not in known:
        expected = f"{background.value} and one of {', '.join(map(str, known))}"
        yield complaint("values of an object's masks", expected, ", ".join(map(str, found)) or "nothing", case.name)
    if FULL in volumes and volumes[FULL].array.shape == shape:
        outside = (volumes[VISIBLE].array != background.value) & (volumes[FULL].array == background.value)
        if outside.any():
            yield complaint("visible voxels", "all within the amodal mask", f"{outside.sum()} outside", case.name)
