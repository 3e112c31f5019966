"""Objects from label maps: what is visible of each, what may hide it, and its amodal mask where that is known.

a map: values 1 and 2, o an overlap     the object of 1: visible v, its amodal mask v and O, its occluder O and w
.  1  .  .                              .  v  .  .
2  o  2  2                              w  O  w  w
.  1  .  .                              .  v  .  .
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import count

from medseg.amodal.nouns import AmodalObject, Hider
from medseg.amodal.objects.extraction import Dropped, Extraction, too_little_occluded, too_small
from medseg.amodal.objects.kinds import class_index_of, class_name_of, kinds_of_values, kinds_of_voxels
from medseg.amodal.objects.pieces import piece_pairs, with_pieces
from medseg.amodal.objects.regions import regions_of
from medseg.amodal.objects.scene import ObjectParts, Scene, scene_of
from medseg.contracts import ObjectRules, ObjectScheme, Refused, Volume, complaint

_NUMBERS = ("no class", "one class", "two classes", "three classes")


@dataclass(frozen=True, kw_only=True)
class _Found:
    """An object of a scene before its masks are cut out."""

    name: str
    """``<case>/<class name>-<number>``."""
    parts: ObjectParts
    """The regions that it is made of."""
    hiders: dict[str, ObjectParts]
    """Name -> an object that may lie in front of it."""
    amodal_known: bool
    """Nothing may hide it of which nobody knows what it covers."""


def objects_of(volume: Volume, scheme: ObjectScheme, case: str) -> Extraction:
    """Take a label map (S...) apart by ``scheme.rules``; touching is over faces, edges and corners.

    An object is a component of a class (with its other components that touch the same overlap, and by ``rules.pieces``
    those at the same hider), a class, or an instance. An overlap that touches exactly two classes belongs to both: the
    amodal mask of each is its visible part and all its overlaps, and what may hide it is all of the others across them.
    An object that touches an unknown region, or an object of a class that may hide it, is occluded, and its amodal mask
    is not known. What touches an overlap of one class or of three is dropped; so is what is too small, and by
    ``rules.border`` what touches the border of the map.
    Raises Refused for a value without a rule, for other dimensions than the scheme's, and for a map of background.
    """
    labels = volume.array
    if labels.ndim != scheme.spatial_dims:
        got = f"{labels.ndim}: {'x'.join(map(str, labels.shape))}"
        raise Refused([complaint("spatial dims", f"{scheme.spatial_dims} (cohort.yaml)", got, case)])
    kind_of = kinds_of_values(labels, scheme, case)
    scene = scene_of(regions_of(kinds_of_voxels(labels, kind_of)), scheme.rules)
    names = {
        parts: f"{case}/{class_name_of(parts.kind, scheme)}-{number}"
        for parts, number in zip(scene.objects, _numbers(scene, kind_of, scheme.rules), strict=True)
    }
    objects, dropped, specks = [], [], []
    for parts, name in names.items():
        across, beside = _across(scene, parts), _beside(scene, parts, scheme)
        hiders = {names[other]: other for other in (*across, *beside)}
        found = _Found(name=name, parts=parts, hiders=hiders, amodal_known=not (beside or parts.unknown))
        reason = _reason_to_drop(scene, found, scheme.rules)
        if reason:
            label, seen = class_name_of(parts.kind, scheme), scene.regions.voxels(parts.visible)
            dropped.append(Dropped(name=name, label=label, reason=reason, voxels=seen))
            if too_small(seen, scheme.rules.smallest) and _may_be_piece(scene, found, scheme.rules):
                specks.append(_cut_out(scene, found, scheme, volume))
        else:
            objects.append(_cut_out(scene, found, scheme, volume))
    extraction = Extraction(objects=tuple(objects), dropped=tuple(dropped), specks=tuple(specks))
    if scheme.rules.pieces == "joined":
        return with_pieces(extraction, piece_pairs([*objects, *specks]), scheme.rules.smallest)
    return extraction


def _may_be_piece(scene: Scene, found: _Found, rules: ObjectRules) -> bool:
    """Whether the component may be one of several of an object that something hides, and that is not cut off."""
    cut_off = rules.border == "drop" and scene.regions.at_border.intersection(found.parts.reach)
    return rules.component and not rules.instances and not found.amodal_known and not cut_off


def _numbers(scene: Scene, kind_of: dict[int, int], rules: ObjectRules) -> list[int]:
    """The number in each object's name: the instance's own, or its place among the objects of its class, from 1."""
    if rules.instances:
        value_of = {kind: value for value, kind in kind_of.items()}
        return [value_of[parts.kind] for parts in scene.objects]
    places: dict[int, count[int]] = defaultdict(lambda: count(1))
    return [next(places[parts.kind]) for parts in scene.objects]


def _across(scene: Scene, parts: ObjectParts) -> list[ObjectParts]:
    return [other for other in scene.objects_around(parts.overlaps) if other != parts]


def _beside(scene: Scene, parts: ObjectParts, scheme: ObjectScheme) -> list[ObjectParts]:
    """The objects that touch this one and are of a class that may hide it; not those that it shares an overlap with."""
    hides, own = scheme.rules.hides, class_name_of(parts.kind, scheme)
    touching = [other for other in scene.objects_around(parts.visible) if other != parts] if hides else []
    apart = [other for other in touching if not {*other.overlaps} & {*parts.overlaps}]
    return [other for other in apart if own in hides.get(class_name_of(other.kind, scheme), ())]


def _reason_to_drop(scene: Scene, found: _Found, rules: ObjectRules) -> str:
    """The first that applies, or nothing."""
    regions, parts = scene.regions, found.parts
    if reason := too_small(regions.voxels(parts.visible), rules.smallest):
        return reason
    for overlap in parts.overlaps:
        classes = len({other.kind for other in scene.objects_around([overlap])})
        if classes != 2:
            return f"an overlap of {_NUMBERS[classes] if classes < len(_NUMBERS) else f'{classes} classes'}"
    if rules.border == "drop" and regions.at_border.intersection(parts.reach):
        return "touches the border"
    if not (found.amodal_known and parts.overlaps):
        return ""
    return too_little_occluded(regions.voxels(parts.overlaps), rules.smallest_occluded)


def _cut_out(scene: Scene, found: _Found, scheme: ObjectScheme, volume: Volume) -> AmodalObject:
    """The object on the smallest crop that holds it and what may hide it."""
    regions, parts = scene.regions, found.parts
    occluding = {*parts.unknown, *(region for other in found.hiders.values() for region in other.reach)}
    box = regions.box({*parts.reach, *occluding})
    return AmodalObject(
        name=found.name,
        case=found.name.rpartition("/")[0],
        label=class_name_of(parts.kind, scheme),
        class_index=class_index_of(parts.kind, scheme),
        visible=regions.mask(parts.visible, box),
        occluder=regions.mask(occluding, box),
        hiders=tuple(Hider(name=name, mask=regions.mask(other.reach, box)) for name, other in found.hiders.items()),
        amodal=regions.mask(parts.reach, box) if found.amodal_known else None,
        unoccluded=found.amodal_known and not parts.overlaps,
        corner=tuple(axis.start for axis in box),
        map_shape=volume.array.shape,
        affine=volume.affine,
        spacing_mm=volume.spacing_mm,
    )
