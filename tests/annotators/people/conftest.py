"""Discs as cohorts of known annotators, written in a moment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from medseg.contracts import Volume
from medseg.images.files import write_labels

Masks = Mapping[str, Mapping[str, np.ndarray]]


def disc(radius: float, side: int = 40, column: float = 0.0, row: float = 0.0) -> np.ndarray:
    """(side,side) 1 within ``radius`` of a centre that lies ``row`` and ``column`` off the middle."""
    places = np.arange(side) - (side - 1) / 2
    return ((places - row)[:, None] ** 2 + (places - column) ** 2 < radius**2).astype(np.uint8)


def write_cohort(root: Path, masks: Masks, *, spacing: str = "", images: Mapping[str, str] | None = None) -> Path:
    """Case -> annotator (or truth) -> mask, as a cohort; ``images`` tells which of them share an image."""
    rows = ["case,patient,split,image,annotator,mask,target,spacing_mm"]
    for case, drawn in masks.items():
        shape, seen = next(iter(drawn.values())).shape, (images or {}).get(case, case)
        _write(root / f"images/{seen}.png", np.arange(np.prod(shape)).reshape(shape) % 200)
        for annotator, mask in drawn.items():
            _write(root / annotator / f"{case}.png", mask)
            rows.append(f"{case},{seen},,images/{seen}.png,{annotator},{annotator}/{case}.png,full,{spacing}")
    (root / "manifest.csv").write_text("\n".join(rows) + "\n")
    known = "truth: truth\n" if any("truth" in drawn for drawn in masks.values()) else ""
    (root / "cohort.yaml").write_text(
        f"name: discs\nspatial_dims: 2\nclasses: {{background: 0, disc: 1}}\nchannels: [grey]\n{known}"
    )
    return root


def _write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_labels(path, Volume(array=array.astype(np.uint8), affine=np.eye(4), spacing_mm=None))
