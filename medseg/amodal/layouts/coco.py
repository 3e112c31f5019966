"""COCO json with amodal masks (KINS, COCOA, D2SA): every annotation becomes a case of one object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.layouts.coco_files import Source, classes_of, entries_of, find_sources, sources_by_split
from medseg.amodal.layouts.coco_masks import decoded
from medseg.cohorts import FULL, OCCLUDER, VISIBLE
from medseg.cohorts.layouts import Choices
from medseg.contracts import Case, ClassLabel, ObjectCohort, ObjectMask, ObjectRules, Refused, Split, Volume, complaint
from medseg.images import write_labels

NEEDS = (
    "one .json, or one per split, here or in annotations/, with images and annotations, of them segmentation or a_segm "
    "(the amodal mask) and the visible part"
)
AMODAL_KEYS = ("a_segm", "segmentation")
VISIBLE_KEYS = ("i_segm", "inmodal_seg", "visible_mask")
OCCLUDED_KEY = "invisible_mask"


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """One annotation as masks."""

    name: str
    """``<image>-<id>``."""
    image: str
    """Name of the image."""
    value: int
    """Of its class."""
    visible: NDArray[np.bool_]
    """(Y,X) what is seen of it."""
    amodal: NDArray[np.bool_]
    """(Y,X) all of it."""
    order: int | None
    """1 is the nearest to the viewer; None: not stated."""


def detect(root: Path) -> bool:
    """Whether json files of the folder, or of annotations/ in it, have images and annotations."""
    return bool(find_sources(root))


def index(root: Path, choices: Choices) -> ObjectCohort:
    """A case per annotation, named <image>-<id>, a patient per image; masks are written to out/masks/.

    An annotation without visible or invisible part is unoccluded. Where the file states an order (COCOA), the objects
    in front are the occluder, else it is not known. Crowds (``iscrowd``) are left out. Of several files each is a split
    by its name (update_train_2020.json), which begins the names of its cases; without a validation file the training
    cases stay without a split.
    Raises Refused for files without any amodal mask, of one split, or of different classes, and for masks that cannot
    be read, all at once.
    """
    sources = sources_by_split(root)
    complaints: list[str] = []
    cases: list[Case] = []
    found: dict[tuple[str, ...], Path] = {}
    validated = any(source.split == "val" for source in sources)
    for source in sources:
        found.setdefault(tuple(classes_of(source.content).values()), source.path)
        start = f"{source.split}-" if len(sources) > 1 else ""
        own = _cases(source, start, (choices.out or root) / "masks", complaints)
        split: Split = source.split if validated or source.split != "train" else ""
        cases += [replace(case, split=split) for case in own]
    if len(found) > 1:
        got = " and ".join(path.name for path in found.values())
        complaints.append(complaint("categories", "the same in every file", f"others in {got}", str(root)))
    if complaints:
        raise Refused(complaints)
    (classes,) = found
    labels = (
        ClassLabel(name="background", value=0),
        *(ClassLabel(name=name, value=value) for value, name in enumerate(classes, 1)),
    )
    return ObjectCohort(
        root=root,
        name=root.resolve().name,
        classes=labels,
        spatial_dims=2,
        cases=tuple(cases),
        rules=ObjectRules(),
    )


def _cases(source: Source, start: str, out: Path, complaints: list[str]) -> list[Case]:
    """The objects of one file, their masks written; start: of their names; complaints are added to ``complaints``."""
    content = source.content
    if not any({*VISIBLE_KEYS, OCCLUDED_KEY} & {*entry} for entry in entries_of(content["annotations"])):
        expected = f"{', '.join(VISIBLE_KEYS)} or {OCCLUDED_KEY} beside the amodal mask"
        got = "none: which part is occluded is not known"
        raise Refused([complaint("annotations", expected, got, str(source.path))])
    classes = classes_of(content)
    images = {image["id"]: image for image in content["images"]}
    of_image: dict[Any, list[dict[str, Any]]] = {}
    for annotation in content["annotations"]:
        of_image.setdefault(annotation["image_id"], []).append(annotation)
    cases: list[Case] = []
    for image_id, own in of_image.items():
        drawn = list(_drawn(entries_of(own), images.get(image_id), list(classes), complaints))
        named = [replace(one, name=start + one.name, image=start + one.image) for one in drawn]
        cases += [] if complaints else [_written(one, named, out) for one in named]
    return cases


def _drawn(
    entries: Iterable[dict[str, Any]], image: dict[str, Any] | None, categories: Sequence[Any], complaints: list[str]
) -> Iterator[_Drawn]:
    """The masks of one image; complaints are added to ``complaints``."""
    for entry in entries:
        where = f"annotation {entry['id']}"
        category = entry.get("category_id") if categories != [None] else None
        if image is None:
            complaints.append(complaint("image of an annotation", "one of images", "none", where))
            continue
        if category not in categories:
            complaints.append(complaint("category_id", ", ".join(map(str, categories)), category, where))
            continue
        name = Path(image["file_name"]).stem
        shape = (int(image["height"]), int(image["width"]))
        try:
            amodal, visible = _amodal(entry, shape), _visible(entry, shape)
        except (ValueError, TypeError, KeyError) as error:
            complaints.append(complaint("mask", "polygons or a run-length code", error, f"{where}, {name}"))
            continue
        visible = amodal if visible is None else visible
        value = categories.index(category) + 1
        yield _Drawn(
            name=f"{name}-{entry['id']}",
            image=name,
            value=value,
            visible=visible,
            amodal=amodal | visible,
            order=entry.get("order"),
        )


def _amodal(entry: Mapping[str, Any], shape: tuple[int, int]) -> NDArray[np.bool_]:
    stated = [entry[key] for key in AMODAL_KEYS if entry.get(key)]
    if not stated:
        raise ValueError(f"none of {', '.join(AMODAL_KEYS)}")
    return decoded(stated[0], shape)


def _visible(entry: Mapping[str, Any], shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    """What is stated of it, else the amodal mask without its invisible part; None: all of it."""
    stated = [entry[key] for key in VISIBLE_KEYS if entry.get(key)]
    if stated:
        return decoded(stated[0], shape)
    return _amodal(entry, shape) & ~decoded(entry[OCCLUDED_KEY], shape) if entry.get(OCCLUDED_KEY) else None


def _written(one: _Drawn, all_of_image: Sequence[_Drawn], folder: Path) -> Case:
    """Write the masks of one object."""
    masks: dict[ObjectMask, NDArray[np.bool_]] = {VISIBLE: one.visible, FULL: one.amodal}
    in_front = [other.amodal for other in all_of_image if _nearer(other, one)]
    if in_front and (one.amodal & ~one.visible).any():
        masks[OCCLUDER] = np.any(in_front, axis=0) & ~one.visible
    paths = {}
    for target, mask in masks.items():
        suffix = "amodal" if target == FULL else target
        volume = Volume(array=mask.astype(np.uint16) * one.value, affine=np.eye(4), spacing_mm=None)
        paths[target] = write_labels(folder / f"{one.name}-{suffix}.png", volume)
    return Case(name=one.name, patient=one.image, object_masks=paths)


def _nearer(one: _Drawn, other: _Drawn) -> bool:
    return one.order is not None and other.order is not None and one.order < other.order
