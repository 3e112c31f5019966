"""Label maps as every segmenter gives them: no value says overlap, which belongs to the object in front.

an overlap o of 1 and 2     the same, 1 in front      the object of 2 there: visible v, occluder w, hidden h
.  1  .  .                  .  1  .  .                .  w  .  .
2  o  2  2                  2  1  2  2                v  h  v  v
.  1  .  .                  .  1  .  .                .  w  .  .
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects.crops import on_map
from medseg.amodal.objects.kinds import rest_values
from medseg.amodal.objects.label_map import objects_of
from medseg.cohorts import FULL, VISIBLE, short_path
from medseg.contracts import Case, ObjectCohort, ObjectScheme, Split, Volume
from medseg.images import read_labels

Labels = NDArray[np.generic]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class OrdinaryMap:
    """A label map without overlaps, and what is known of its objects."""

    case: str
    """Whose map it is."""
    volume: Volume
    """(S...) the map."""
    scheme: ObjectScheme
    """How it is taken apart: whatever touches may hide the other."""
    objects: tuple[AmodalObject, ...]
    """Those that share an overlap, with what is visible of each there; named ``<name>~front`` where nothing of it is
    hidden, else ``<name>~back``."""
    fronts: tuple[tuple[str, str], ...]
    """Names of two objects of which the first hides a part of the second, and not the reverse."""


def ordinary_map(volume: Volume, scheme: ObjectScheme, case: str) -> OrdinaryMap:
    """The label map (S...) of a case, each region of overlap given to one of the objects that touch it.

    Which one lies in front is drawn, by a seed that is a function of the case's name, for every two values that meet in
    the map; a region that touches none becomes background. Raises Refused as ``objects_of`` does.
    """
    found = objects_of(volume, scheme, case).objects
    shared = [one for one in found if one.amodal is not None and not one.unoccluded]
    given = volume.array.copy()
    for region, value in _given(volume.array, scheme, np.random.default_rng(zlib.crc32(case.encode()))):
        given[region] = value
    objects = [_seen(one, volume.array, given, scheme) for one in shared]
    names = [scheme_class.name for scheme_class in scheme.classes[1:]]
    hides = {name: tuple(names) for name in names}
    rules = replace(scheme.rules, overlap=(), hides=hides, smallest_occluded=1, pieces="decided")
    return OrdinaryMap(
        case=case,
        volume=replace(volume, array=given),
        scheme=replace(scheme, rules=rules),
        objects=tuple(objects),
        fronts=tuple(_fronts(objects)),
    )


def ordinary_cases(cohort: ObjectCohort, split: Split) -> list[Case]:
    """The cases of a split that have an ordinary map; none where the rules know no overlap."""
    cases = [case for case in cohort.split(split) if VISIBLE not in case.object_masks]
    return cases if cohort.rules.overlap else []


def read_ordinary_map(case: Case, cohort: ObjectCohort) -> OrdinaryMap:
    """That of one of the ``ordinary_cases``. Raises Refused as ``read_labels`` and ``ordinary_map`` do."""
    path = case.object_masks[FULL]
    return ordinary_map(read_labels(path, f"{case.name}, {short_path(path, cohort)}"), cohort.scheme, case.name)


def pieces_of(one: AmodalObject, objects: Sequence[AmodalObject]) -> list[int]:
    """The places of those of a map's objects that lie within the visible part of one for the most part."""
    visible = on_map(one.visible, one)
    masks = [on_map(piece.visible, piece) for piece in objects]
    return [number for number, mask in enumerate(masks) if visible[mask].mean() > 0.5]


def _given(labels: Labels, scheme: ObjectScheme, rng: np.random.Generator) -> Iterator[tuple[Mask, int]]:
    """Every region of overlap (S...), and the value that it gets."""
    rest = rest_values(scheme)
    in_front: dict[tuple[int, ...], int] = {}
    regions = np.asarray(label(np.isin(labels, scheme.rules.overlap), connectivity=labels.ndim))
    for number in range(1, int(regions.max(initial=0)) + 1):
        region = regions == number
        around = np.asarray(ndimage.binary_dilation(region, np.ones((3,) * labels.ndim)), bool)
        values = tuple(np.setdiff1d(labels[around], rest).tolist())
        if values and values not in in_front:
            in_front[values] = int(rng.choice(values))
        yield region, in_front.get(values, scheme.classes[0].value)


def _seen(one: AmodalObject, labels: Labels, given: Labels, scheme: ObjectScheme) -> AmodalObject:
    """An object of the map as the ordinary map shows it, on the smallest crop that holds it and what touches it."""
    assert one.amodal is not None
    amodal, shown = on_map(one.amodal, one), on_map(one.visible, one)
    value = labels[shown][0]
    visible = amodal & (given == value)
    others = np.where(visible | (given == scheme.classes[0].value), 0, given.astype(np.int64) + 1)
    components = np.asarray(label(others, background=0, connectivity=labels.ndim))
    around = np.asarray(ndimage.binary_dilation(visible, np.ones((3,) * labels.ndim)), bool)
    occluder = np.isin(components, np.setdiff1d(components[around], 0))
    (box,) = ndimage.find_objects((amodal | occluder).astype(np.uint8))
    front = bool((visible == amodal).all())
    return replace(
        one,
        name=f"{one.name}~{'front' if front else 'back'}",
        visible=visible[box],
        occluder=occluder[box],
        amodal=amodal[box],
        corner=tuple(axis.start for axis in box),
    )


def _fronts(objects: list[AmodalObject]) -> Iterator[tuple[str, str]]:
    for a, b in combinations(objects, 2):
        a_hides, b_hides = _hides(a, b), _hides(b, a)
        if a_hides != b_hides:
            yield (a.name, b.name) if a_hides else (b.name, a.name)


def _hides(front: AmodalObject, back: AmodalObject) -> bool:
    """Whether one object shows itself where the other lies."""
    assert back.amodal is not None
    return bool((on_map(front.visible, front) & on_map(back.amodal, back)).any())
