"""dataset.json, as nnU-Net (versions 1 and 2) and the Medical Segmentation Decathlon write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medseg.contracts import ClassLabel, Refused, complaint

NAME = "dataset.json"
IGNORE = "ignore"
"""What nnU-Net 2 calls the value of voxels that nobody labelled."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One entry of ``training``."""

    image: str
    """Path relative to the folder of dataset.json."""
    label: str
    """Path of its label map, likewise."""


@dataclass(frozen=True, kw_only=True)
class DatasetJson:
    """What dataset.json says."""

    channels: tuple[str, ...]
    """Names in the order of their numbers."""
    classes: tuple[ClassLabel, ...]
    """In the order of their values."""
    ignored: tuple[int, ...]
    """The value that nnU-Net 2 calls ``ignore``."""
    training: tuple[Pair, ...]
    """Empty where nnU-Net 2 wrote the file."""


def read_dataset_json(root: Path) -> DatasetJson:
    """Raises Refused for a missing or broken file, and for labels that are regions."""
    path = root / NAME
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError as error:
        raise Refused([complaint(NAME, "a file", "none", str(root))]) from error
    except ValueError as error:
        raise Refused([complaint(NAME, "JSON", str(error), str(path))]) from error
    if not isinstance(content, dict):
        raise Refused([complaint(NAME, "an object with labels", type(content).__name__, str(path))])
    complaints: list[str] = []
    channels = _mapping(content, ("channel_names", "modality"), str(path), complaints)
    labels = _mapping(content, ("labels",), str(path), complaints)
    found = _classes(labels, str(path), complaints)
    classes = tuple(label for label in found if label.name != IGNORE)
    ignored = tuple(label.value for label in found if label.name == IGNORE)
    training = _pairs(content.get("training"), str(path), complaints)
    if complaints:
        raise Refused(complaints)
    in_order = sorted(channels, key=lambda number: (len(number), number))
    return DatasetJson(
        channels=tuple(str(channels[number]) for number in in_order),
        classes=classes,
        ignored=ignored,
        training=training,
    )


def _mapping(content: Mapping[str, Any], keys: tuple[str, ...], where: str, complaints: list[str]) -> dict[str, Any]:
    """The value of the first key that is there; complaints are added to the list given."""
    found = next((content[key] for key in keys if key in content), None)
    if isinstance(found, dict) and found:
        return found
    got = "nothing" if found is None else json.dumps(found)
    complaints.append(complaint(" or ".join(keys), "an object of names and numbers", got, where))
    return {}


def _classes(labels: Mapping[str, Any], where: str, complaints: list[str]) -> tuple[ClassLabel, ...]:
    """``{"tumour": 1}`` (nnU-Net 2) or ``{"1": "tumour"}`` (nnU-Net 1, Decathlon) -> classes by value."""
    classes = []
    for key, value in labels.items():
        name, number = (str(value), key) if key.isdigit() else (key, value)
        if isinstance(value, list):
            expected = "one number (region-based labels overlap, and a voxel has one class here)"
            complaints.append(complaint(f"labels.{name}", expected, json.dumps(value), where))
        elif isinstance(number, bool) or not str(number).isdigit():
            complaints.append(complaint(f"labels.{name}", "a number from 0", json.dumps(value), where))
        else:
            classes.append(ClassLabel(name=name, value=int(number)))
    classes.sort(key=lambda label: label.value)
    if classes and classes[0].value != 0:
        classes.insert(0, ClassLabel(name="background", value=0))
    return tuple(classes)


def _pairs(entries: Any, where: str, complaints: list[str]) -> tuple[Pair, ...]:
    pairs = []
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict) and isinstance(entry.get("image"), str) and isinstance(entry.get("label"), str):
            pairs.append(Pair(image=entry["image"], label=entry["label"]))
        else:
            expected = '{"image": path, "label": path}'
            complaints.append(complaint(f"training[{number}]", expected, json.dumps(entry), where))
    return tuple(pairs)
