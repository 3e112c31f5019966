"""COCO json with amodal masks (KINS, COCOA, D2SA): every annotation becomes a case of one object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.layouts.coco_masks import decoded
from medseg.cohorts import FULL, OCCLUDER, VISIBLE
from medseg.cohorts.layouts import Choices
from medseg.contracts import Case, ClassLabel, ObjectCohort, ObjectMask, ObjectRules, Refused, Volume, complaint
from medseg.images import write_labels

NEEDS = "one .json with images and annotations, of them segmentation or a_segm (the amodal mask) and the visible part"
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
    """Whether one .json of the folder, and one only, has images and annotations."""
    return len(_sources(root)) == 1


def index(root: Path, choices: Choices) -> ObjectCohort:
    """A case per annotation, named <image>-<id>, a patient per image; masks are written to out/masks/.

    An annotation without visible or invisible part is unoccluded. Where the file states an order (COCOA), the objects
    in front are the occluder, else it is not known. Crowds (``iscrowd``) are left out.
    Raises Refused for files without any amodal mask, and for masks that cannot be read, all at once.
    """
    (source,) = _sources(root)
    content = json.loads(source.read_text("utf-8"))
    if not any({*VISIBLE_KEYS, OCCLUDED_KEY} & {*entry} for entry in _entries(content["annotations"])):
        expected = f"{', '.join(VISIBLE_KEYS)} or {OCCLUDED_KEY} beside the amodal mask"
        raise Refused([complaint("annotations", expected, "none: which part is occluded is not known", str(source))])
    classes = _classes(content)
    images = {image["id"]: image for image in content["images"]}
    of_image: dict[Any, list[dict[str, Any]]] = {}
    for annotation in content["annotations"]:
        of_image.setdefault(annotation["image_id"], []).append(annotation)
    complaints: list[str] = []
    cases: list[Case] = []
    for image_id, own in of_image.items():
        drawn = list(_drawn(_entries(own), images.get(image_id), list(classes), complaints))
        cases += [] if complaints else [_written(one, drawn, (choices.out or root) / "masks") for one in drawn]
    if complaints:
        raise Refused(complaints)
    labels = (
        ClassLabel(name="background", value=0),
        *(ClassLabel(name=name, value=value) for value, name in enumerate(classes.values(), 1)),
    )
    return ObjectCohort(
        root=root,
        name=root.resolve().name,
        classes=labels,
        spatial_dims=2,
        cases=tuple(cases),
        rules=ObjectRules(),
    )


def _sources(root: Path) -> list[Path]:
    """The json files of the folder that look like COCO's."""
    found = []
    for path in sorted(root.glob("*.json")):
        try:
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and all(isinstance(content.get(key), list) for key in ("images", "annotations")):
            found.append(path)
    return found


def _entries(annotations: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Annotations of one object each; COCOA keeps the objects of an image in the ``regions`` of one annotation."""
    for annotation in annotations:
        if "regions" in annotation:
            for number, region in enumerate(annotation["regions"], 1):
                yield region | {"id": f"{annotation['id']}-{number}"}
        elif not annotation.get("iscrowd"):
            yield annotation


def _classes(content: Mapping[str, Any]) -> dict[Any, str]:
    """Category id -> name; COCOA has none, and all of its objects are of one class."""
    return {category["id"]: str(category["name"]) for category in content.get("categories", ())} or {None: "object"}


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
