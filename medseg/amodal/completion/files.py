"""What `medseg complete` writes: maps and masks on the grid of the label map, and tables."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.completion.maps import CompletedMap
from medseg.amodal.objects.crops import on_map
from medseg.contracts import Volume
from medseg.evaluation import voxel_entropy
from medseg.images import write_labels, write_map

OBJECTS, ORDER = "objects.csv", "order.csv"


def write_objects(done: CompletedMap, out: Path, case: str, suffix: str) -> None:
    """completed/<case>: the map; objects/<case>/<object>: each amodal mask, 0 and 1.

    Of the objects that the model completed also probabilities/ and entropy/ (nats), float32 (pictures: TIFF).
    """

    def volume(array: NDArray[np.generic]) -> Volume:
        return Volume(array=array, affine=done.affine, spacing_mm=done.spacing_mm)

    write_labels(out / "completed" / (case + suffix), volume(done.labels))
    for amodal_object, completion, row in zip(done.objects, done.completions, done.rows, strict=False):
        place = Path(case) / (amodal_object.name.removeprefix(f"{case}/") + suffix)
        write_labels(out / "objects" / place, volume(on_map(completion.amodal, amodal_object)))
        if row.status == "completed":
            probs = on_map(completion.probs, amodal_object)
            write_map(out / "probabilities" / place, volume(probs))
            write_map(out / "entropy" / place, volume(voxel_entropy(np.stack([1 - probs, probs]))))


def write_rows(path: Path, kind: type[Any], rows: Sequence[Any]) -> None:
    """A table with a column per field of the dataclass ``kind``; numbers with six digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(kind)])
        writer.writerows([f"{cell:.6g}" if isinstance(cell, float) else cell for cell in astuple(row)] for row in rows)
