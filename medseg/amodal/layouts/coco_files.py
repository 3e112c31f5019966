"""The json files of a folder that look like COCO's: one, or one per split."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medseg.contracts import Refused, Split, complaint

_SPLITS: dict[str, Split] = {"train": "train", "val": "val", "test": "test"}


@dataclass(frozen=True, kw_only=True)
class Source:
    """One of them."""

    path: Path
    """The file."""
    content: Any
    """What it holds: lists ``images`` and ``annotations``, perhaps ``categories``."""
    split: Split
    """As its name has it."""


def find_sources(root: Path) -> dict[Path, Any]:
    """The json files of the folder, and of annotations/, that look like COCO's."""
    found = {}
    for path in sorted((*root.glob("*.json"), *root.glob("annotations/*.json"))):
        try:
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and all(isinstance(content.get(key), list) for key in ("images", "annotations")):
            found[path] = content
    return found


def sources_by_split(root: Path) -> list[Source]:
    """One per split, by their names; a file alone is of none. Raises Refused for two of one split, or of none."""
    found = find_sources(root)
    if len(found) == 1:
        return [Source(path=path, content=content, split="") for path, content in found.items()]
    sources: dict[Split, Source] = {}
    complaints = []
    for path, content in found.items():
        word = re.search(r"train|val|test", path.stem)
        split: Split = _SPLITS[word[0]] if word else ""
        twin = sources.setdefault(split, Source(path=path, content=content, split=split)).path
        if not word or twin is not path:
            got = path.name if not word else f"{twin.name} and {path.name}"
            complaints.append(complaint("json files", "one for each of train, val, test", got, str(path.parent)))
    if complaints:
        raise Refused(complaints)
    return list(sources.values())


def entries_of(annotations: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Annotations of one object each; COCOA keeps the objects of an image in the ``regions`` of one annotation."""
    for annotation in annotations:
        if "regions" in annotation:
            for number, region in enumerate(annotation["regions"], 1):
                yield region | {"id": f"{annotation['id']}-{number}"}
        elif not annotation.get("iscrowd"):
            yield annotation


def classes_of(content: Mapping[str, Any]) -> dict[Any, str]:
    """Category id -> name; COCOA has none, and all of its objects are of one class."""
    return {category["id"]: str(category["name"]) for category in content.get("categories", ())} or {None: "object"}
