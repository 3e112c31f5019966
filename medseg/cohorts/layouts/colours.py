"""Masks whose colours stand for classes, and the table that says which."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medseg.cohorts.layouts.converting import put_mask, with_masks_changed
from medseg.contracts import Case, ClassLabel, Refused, Volume, complaint
from medseg.images import read_mask

_COLOUR = re.compile(r"#?([0-9a-fA-F]{6})")


def colour_table(text: str) -> dict[str, int]:
    """``background=#000000,object=#ff0000``, or the path of a CSV -> class -> 0xRRGGBB, the background first.

    The CSV has the columns name and colour, or name, r, g, b. Raises Refused for what is none, and for fewer than two.
    """
    table = _of_file(Path(text)) if text.lower().endswith(".csv") else _of_text(text)
    found = {name: _COLOUR.fullmatch(colour) for name, colour in table}
    complaints = [
        complaint("colour", "name=#rrggbb", f"{name}={colour}", "--colours")
        for name, colour in table
        if not _COLOUR.fullmatch(colour) or not name
    ]
    colours = {name: int(match[1], 16) for name, match in found.items() if match}
    if not complaints and len({*colours.values()}) < max(2, len(table)):
        complaints.append(complaint("colours", "two or more, another one for each class", text, "--colours"))
    if complaints:
        raise Refused(complaints)
    return colours


def classes_of_colours(colours: Mapping[str, int]) -> tuple[ClassLabel, ...]:
    """The classes, numbered as the table lists them."""
    return tuple(ClassLabel(name=name, value=value) for value, name in enumerate(colours))


def without_colours(cases: Sequence[Case], colours: Mapping[str, int], out: Path) -> list[Case]:
    """The cases with every mask written anew as a label map.

    Raises Refused for colours that the table does not have, with all of them.
    """

    def change(case: Case, annotator: str, path: Path) -> Path:
        where = f"{case.name}/{annotator}, {path}"
        mask = read_mask(path, where)
        labels = _labels(mask.array, list(colours.values()), where)
        return put_mask(out, annotator, case.name, Volume(array=labels, affine=mask.affine, spacing_mm=mask.spacing_mm))

    return with_masks_changed(cases, change)


def colours_in(path: Path) -> list[str]:
    """``#rrggbb`` of what stands in a mask, the most frequent first; [] where it cannot be read."""
    try:
        codes, counts = np.unique(_codes(read_mask(path, str(path)).array), return_counts=True)
    except Refused:
        return []
    return [_shown(code) for code in codes[np.argsort(-counts)].tolist()]


def _labels(array: NDArray[np.generic], colours: Sequence[int], where: str) -> NDArray[np.uint8]:
    """(C,S...) -> (S...) positions in ``colours``."""
    codes = _codes(array)
    labels = np.full(codes.shape, len(colours), np.uint8)
    for value, colour in enumerate(colours):
        labels[codes == colour] = value
    unknown, counts = np.unique(codes[labels == len(colours)], return_counts=True)
    if len(unknown):
        shown = [f"{_shown(int(unknown[i]))} in {counts[i]} pixels" for i in np.argsort(-counts)[:3]]
        got = ", ".join(shown) + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
        raise Refused([complaint("mask colours", ", ".join(map(_shown, colours)), got, where)])
    return labels


def _codes(array: NDArray[np.generic]) -> NDArray[np.int64]:
    """(C,S...) of 8-bit grey or RGB -> (S...) 0xRRGGBB."""
    red, green, blue = (array if len(array) == 3 else np.repeat(array[:1], 3, axis=0)).astype(np.int64)
    return red << 16 | green << 8 | blue


def _shown(code: int) -> str:
    return f"#{code:06x}"


def _of_text(text: str) -> list[tuple[str, str]]:
    parts = [part.partition("=") for part in text.split(",")]
    return [(name.strip(), colour.strip()) for name, _, colour in parts]


def _of_file(path: Path) -> list[tuple[str, str]]:
    try:
        table = pd.read_csv(path, dtype=str, skipinitialspace=True, encoding="utf-8-sig").rename(
            columns=lambda name: name.strip().lower()
        )
    except (OSError, ValueError) as error:
        raise Refused([complaint("table of colours", "CSV", str(error), str(path))]) from error
    if {"name", "r", "g", "b"} <= {*table.columns}:
        shades = table[["r", "g", "b"]].apply(pd.to_numeric, errors="coerce").fillna(-1).to_numpy(int)
        return [
            (str(name), "#" + "".join(f"{shade:02x}" for shade in row))
            for name, row in zip(table["name"], shades, strict=True)
        ]
    if {"name", "colour"} <= {*table.columns}:
        return [(str(name), str(colour)) for name, colour in zip(table["name"], table["colour"], strict=True)]
    got = ", ".join(table.columns)
    raise Refused([complaint("table of colours", "columns name and colour, or name, r, g, b", got, str(path))])
