"""Pictures of the worst cases, slice by slice, as small files that a page can hold: report/cases.json."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from medseg.contracts import Refused, complaint
from medseg.reporting.directions import badness
from medseg.reporting.templates import template

Scalar = TypeVar("Scalar", bound=np.generic)

FILE = "cases.json"
"""In report/."""
MOST_CASES, MOST_SLICES = 24, 24
"""So many of the worst cases are kept, and of a volume so many slices."""
PICTURE_SIDE, SLICE_SIDE = 480, 240
"""Longest side of a tile in px: of a picture, of a slice of a volume."""
QUALITY, GAP = 80, 4
"""Of WebP; px between tiles."""


@dataclass(frozen=True, kw_only=True)
class CasePictures:
    """A case, or object, slice by slice."""

    case: str
    """As in scores.csv."""
    slices: dict[int, str]
    """Index along the last axis of a volume (0 of a picture) -> the slice's tiles side by side, as a data URI."""


@dataclass(frozen=True, kw_only=True)
class Album:
    """Cases, the worst first."""

    columns: tuple[str, ...]
    """What the tiles of a slice show, from left to right."""
    legend: tuple[tuple[str, str], ...]
    """(colour, what it stands for)."""
    metric: str
    """By which they are ordered; "" where none is defined."""
    total: int
    """How many there were to choose from."""
    cases: tuple[CasePictures, ...]
    """At most MOST_CASES."""

    @property
    def has_volumes(self) -> bool:
        """Whether any case can be leafed through."""
        return any(len(one.slices) > 1 for one in self.cases)

    def _repr_html_(self) -> str:
        """What a notebook shows of it: the cases as on the page, without the page."""
        return template("album.html").render(album=self)


def worst_first(frame: pd.DataFrame, metrics: Sequence[str]) -> tuple[str, list[str]]:
    """Scores (the columns of scores.csv) -> the first of the metrics that is defined, and the cases in its order.

    A case's value is its mean over annotators and classes; cases without one come last. ("", all in the order of the
    scores) where none of the metrics is defined.
    """
    cases = [case for case in frame["case"].unique() if case]
    of_cases = frame[frame["case"] != ""].dropna(subset="value")
    for metric in metrics:
        rows = of_cases[of_cases["metric"] == metric]
        means = rows.groupby("case", sort=False)["value"].mean()
        bad = (
            badness(means.to_numpy(dtype=np.float64), str(rows["direction"].iloc[0]), means=True) if len(rows) else None
        )
        if bad is not None:
            ordered = [str(means.index[at]) for at in np.argsort(-bad, kind="stable")]
            return metric, ordered + [case for case in cases if case not in set(ordered)]
    return "", cases


def slices_with(foreground: NDArray[np.bool_]) -> list[int]:
    """(S...) -> [0] of a picture; of a volume at most MOST_SLICES along the last axis, from its first to its last
    slice with foreground, all of them where it has none."""
    if foreground.ndim == 2:
        return [0]
    held = np.flatnonzero(foreground.any(axis=(0, 1)))
    first, last = (held[0], held[-1]) if held.size else (0, foreground.shape[2] - 1)
    return np.unique(np.linspace(first, last, min(MOST_SLICES, last - first + 1)).round().astype(int)).tolist()


def enlarged(tile: NDArray[Scalar], side: int, aspect: float = 1.0) -> NDArray[Scalar]:
    """A tile (H,W,...) of nearest neighbours, its longest side ``side`` px. aspect: height / width of its pixels."""
    high, wide = tile.shape[0] * aspect, float(tile.shape[1])
    scale = side / max(high, wide)
    rows, columns = (max(1, round(length * scale)) for length in (high, wide))
    chosen = (np.arange(n) * size // n for n, size in zip((rows, columns), tile.shape, strict=False))
    return tile[np.ix_(*chosen)]


def encoded(tiles: Sequence[NDArray[np.floating]]) -> str:
    """Tiles (H,W,3) of one size in 0..1, side by side, as a data URI."""
    gap = np.ones((tiles[0].shape[0], GAP, 3))
    row = np.concatenate([part for tile in tiles for part in (tile, gap)][:-1], axis=1)
    content = io.BytesIO()
    Image.fromarray(np.round(255 * row.clip(0, 1)).astype(np.uint8)).save(content, "WEBP", quality=QUALITY)
    return data_uri("image/webp", content.getvalue())


def data_uri(kind: str, content: bytes) -> str:
    """A file as an address that a page can hold."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def write_album(
    report: Path,
    pictures: Mapping[str, CasePictures],
    order: tuple[str, Sequence[str]],
    *,
    columns: Sequence[str],
    legend: Sequence[tuple[str, str]],
) -> Path:
    """Keep the first MOST_CASES of what ``worst_first`` returned, of those that have pictures, in ``report``."""
    metric, cases = order
    chosen = [pictures[case] for case in cases if case in pictures][:MOST_CASES]
    album = Album(columns=tuple(columns), legend=tuple(legend), metric=metric, total=len(cases), cases=tuple(chosen))
    path = report / FILE
    path.write_text(json.dumps(asdict(album)), "utf-8")
    return path


def read_album(report: Path) -> Album | None:
    """What ``write_album`` wrote, None where there is nothing. Raises Refused for another content."""
    path = report / FILE
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text("utf-8"))
        cases = tuple(
            CasePictures(case=str(one["case"]), slices={int(at): str(uri) for at, uri in one["slices"].items()})
            for one in values["cases"]
        )
        legend = tuple((str(colour), str(name)) for colour, name in values["legend"])
        return Album(**values | {"cases": cases, "legend": legend, "columns": tuple(map(str, values["columns"]))})
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Refused([complaint(FILE, "what medseg evaluate wrote", "another content", str(path))]) from None
