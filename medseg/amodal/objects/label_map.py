"""Objects from label maps: what is visible of each, what may hide it, and its amodal mask where that is known."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects.extraction import Dropped, Extraction, too_little_occluded, too_small
from medseg.amodal.objects.regions import BACKGROUND, FIRST_LABEL, OVERLAP, UNKNOWN, regions_of
from medseg.amodal.objects.scene import Parts, Scene, scene_of
from medseg.contracts import ClassLabel, ObjectRules, ObjectScheme, Refused, Volume, complaint

_NUMBERS = ("no class", "one class", "two classes", "three classes")


def objects_of(volume: Volume, scheme: ObjectScheme, case: str) -> Extraction:
    """Take a label map (S...) apart by ``scheme.rules``; touching is over faces, edges and corners.

    An object is a component of a class (with its other components that touch the same overlap), a class, or an
    instance. An overlap that touches exactly two classes belongs to both: the amodal mask of each is its visible part
    and all its overlaps, and what may hide it is all of the others across them. An object that touches an unknown
    region, or an object of a class that may hide it, is occluded, and its amodal mask is not known. What touches the
    border of the map, or an overlap of one class or of three, is dropped; so is what is too small.
    Raises Refused for a value without a rule, for other dimensions than the scheme's, and for a map of background.
    """
    labels, rules = volume.array, scheme.rules
    if labels.ndim != scheme.spatial_dims:
        got = f"{labels.ndim}: {'x'.join(map(str, labels.shape))}"
        raise Refused([complaint("spatial dims", f"{scheme.spatial_dims} (cohort.yaml)", got, case)])
    values, voxels = np.unique(labels, return_counts=True)
    kind_of = _kind_of(dict(zip(values.tolist(), voxels.tolist(), strict=True)), scheme.classes, rules, case)
    kinds = np.asarray([kind_of[value] for value in values.tolist()])[np.searchsorted(values, labels)]
    scene = scene_of(regions_of(kinds), rules)
    objects, dropped = [], []
    for parts, number in zip(scene.objects, _numbers(scene, kind_of, rules), strict=True):
        index = 0 if rules.instances else parts.kind - FIRST_LABEL
        label = scheme.classes[index + 1].name
        name = f"{case}/{label}-{number}"
        hiders = _hiders(scene, parts, scheme.classes, rules)
        reason = _reason_to_drop(scene, parts, rules, occluded=bool(hiders or parts.unknown))
        if reason:
            dropped.append(Dropped(name, label, reason, scene.regions.voxels(parts.visible)))
            continue
        cut = _cut_out(scene, parts, hiders)
        objects.append(
            AmodalObject(
                name=name,
                case=case,
                label=label,
                class_index=index,
                visible=cut.visible,
                occluder=cut.occluder,
                amodal=cut.amodal,
                unoccluded=cut.unoccluded,
                corner=cut.corner,
                map_shape=labels.shape,
                affine=volume.affine,
                spacing_mm=volume.spacing_mm,
            )
        )
    return Extraction(tuple(objects), tuple(dropped))


def _numbers(scene: Scene, kind_of: dict[int, int], rules: ObjectRules) -> list[int]:
    """The number in each object's name: the instance's own, or its place among the objects of its class, from 1."""
    if rules.instances:
        value_of = {kind: value for value, kind in kind_of.items()}
        return [value_of[parts.kind] for parts in scene.objects]
    places: dict[int, count[int]] = defaultdict(lambda: count(1))
    return [next(places[parts.kind]) for parts in scene.objects]


def _kind_of(voxels: dict[int, int], classes: tuple[ClassLabel, ...], rules: ObjectRules, case: str) -> dict[int, int]:
    """Value -> kind, of the values that occur so often in the map."""
    background, *foreground = classes
    known = (
        {background.value: BACKGROUND} | dict.fromkeys(rules.overlap, OVERLAP) | dict.fromkeys(rules.unknown, UNKNOWN)
    )
    if rules.instances:
        instances = [value for value in voxels if value not in known]
        known |= {value: FIRST_LABEL + rank for rank, value in enumerate(instances)}
    else:
        known |= {label.value: FIRST_LABEL + index for index, label in enumerate(foreground)}
    complaints = [
        _ruleless(value, number, classes, rules, case) for value, number in voxels.items() if value not in known
    ]
    if not any(known.get(value, FIRST_LABEL) >= FIRST_LABEL for value in voxels):
        complaints.append(complaint("label map", "at least one object", "background alone", case))
    if complaints:
        raise Refused(complaints)
    return {value: known[value] for value in voxels}


def _ruleless(value: int, voxels: int, classes: tuple[ClassLabel, ...], rules: ObjectRules, case: str) -> str:
    known = ", ".join(str(value) for value in (*(label.value for label in classes), *rules.overlap, *rules.unknown))
    got = (
        f"{value} in {voxels} voxels; cohort.yaml should read class_{value}: {value} among its classes, "
        f"or objects: {{overlap: {[*rules.overlap, value]}}}, or objects: {{unknown: {[*rules.unknown, value]}}}"
    )
    return complaint("label values", known, got, case)


# ------------------------------------------------------------------------------------- one object
@dataclass(frozen=True)
class _CutOut:
    """The masks of an object on its crop; see AmodalObject."""

    visible: NDArray[np.bool_]
    occluder: NDArray[np.bool_]
    amodal: NDArray[np.bool_] | None
    unoccluded: bool
    corner: tuple[int, ...]


def _hiders(scene: Scene, parts: Parts, classes: tuple[ClassLabel, ...], rules: ObjectRules) -> list[Parts]:
    """The objects that touch this one and are of a class that may hide it; not those that it shares an overlap with."""
    if not rules.hides:
        return []

    def name(kind: int) -> str:
        return classes[1 if rules.instances else kind - FIRST_LABEL + 1].name

    touching = [scene.objects[owner] for owner in scene.owners_around(parts.visible)]
    apart = [other for other in touching if other != parts and not {*other.overlaps} & {*parts.overlaps}]
    return [other for other in apart if name(parts.kind) in rules.hides.get(name(other.kind), ())]


def _reason_to_drop(scene: Scene, parts: Parts, rules: ObjectRules, occluded: bool) -> str:
    """The first that applies, or nothing. occluded: by more than overlaps, so that the amodal mask is not known."""
    regions = scene.regions
    if reason := too_small(regions.voxels(parts.visible), rules.smallest):
        return reason
    for overlap in parts.overlaps:
        classes = len(scene.kinds_around(overlap))
        if classes != 2:
            return f"an overlap of {_NUMBERS[classes] if classes < len(_NUMBERS) else f'{classes} classes'}"
    if regions.at_border.intersection(parts.reach):
        return "touches the border"
    if occluded or not parts.overlaps:
        return ""
    return too_little_occluded(regions.voxels(parts.overlaps), rules.smallest_occluded)


def _cut_out(scene: Scene, parts: Parts, hiders: list[Parts]) -> _CutOut:
    across = [scene.objects[owner] for owner in scene.owners_around(parts.overlaps)]
    others = [other for other in (*across, *hiders) if other != parts]
    occluding = {*parts.unknown, *(region for other in others for region in other.reach)}
    box = scene.regions.box({*parts.reach, *occluding})
    occluded = bool(parts.unknown or hiders)
    return _CutOut(
        scene.regions.mask(parts.visible, box),
        scene.regions.mask(occluding, box),
        None if occluded else scene.regions.mask(parts.reach, box),
        not (occluded or parts.overlaps),
        tuple(axis.start for axis in box),
    )
