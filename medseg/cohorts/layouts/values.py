"""Which values the masks of a cohort hold, annotator by annotator, and what classes they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medseg.cohorts.layouts.colours import colours_in
from medseg.cohorts.layouts.files import doubled
from medseg.cohorts.reading import read_all
from medseg.contracts import ClassLabel, Refused, complaint
from medseg.images import read_labels, suffix_of

MOST_FILES = 400
MOST_VALUES = 100
MARKERS = (255, 65535)
"""Largest values of 8 and 16 bit: where classes are numbered far below, they often mean something else."""
FAR_BELOW = 200
"""Of 255: 0, 128 and 255 are two shades of one picture, and classes nevertheless."""


def values_found(masks: Mapping[str, Sequence[Path]]) -> dict[str, frozenset[int]]:
    """Annotator -> the values in those of his masks that can be read; masks: annotator -> files.

    Beyond 400 masks only 400 are read, spread evenly over annotators and cases: `medseg check` reads all, and names a
    value that was missed. Raises Refused for annotators without a single mask that can be read.
    """
    flat = [(annotator, path) for annotator, paths in masks.items() for path in paths]
    chosen = np.linspace(0, len(flat) - 1, min(len(flat), MOST_FILES)).round().astype(int)
    read = read_all([flat[i][1] for i in chosen], _looked_into)
    found: dict[str, set[int]] = {}
    broken: dict[str, list[str]] = {}
    for (annotator, _), mask in zip((flat[i] for i in chosen), read, strict=True):
        if mask.complaints:
            broken.setdefault(annotator, []).extend(mask.complaints)
        else:
            found.setdefault(annotator, set()).update(mask.values)
    lost = [line for annotator, lines in broken.items() if annotator not in found for line in lines]
    if lost:
        raise Refused([*lost, *_colour_hint(flat[0][1], lost)])
    return {annotator: frozenset(values) for annotator, values in found.items()}


def classes_of(values: Mapping[str, frozenset[int]], names: Mapping[int, str], where: str) -> tuple[ClassLabel, ...]:
    """The values in ascending order; the smallest is the background.

    A value without a name in ``names`` becomes ``background``, ``object`` (where it is the only other one), or
    ``class_1``, ``class_2``, ...
    Raises Refused for fewer than 2 or more than 100 values, and for two annotators without a foreground value in
    common: whether 255 of one and 1 of another are one class, only the user knows.
    """
    every = sorted({value for own in values.values() for value in own})
    if not 2 <= len(every) <= MOST_VALUES:
        seen = ", ".join(map(str, every[:5])) + (", ..." if len(every) > 5 else "")
        raise Refused([complaint("label values", f"2 to {MOST_VALUES}", f"{len(every)}: {seen}", where)])
    found = _codes_apart(values, every[0], names, where)
    if found:
        raise Refused(found)
    default = ["background", *(["object"] if len(every) == 2 else [])]
    default += [f"class_{rank}" for rank in range(len(default), len(every))]
    labels = [ClassLabel(name=names.get(value, name), value=value) for value, name in zip(every, default, strict=True)]
    if doubled(label.name for label in labels):
        got = ", ".join(f"{label.value} {label.name}" for label in labels)
        raise Refused([complaint("class names", "another one for each value", got, where)])
    return tuple(labels)


def markers(classes: Sequence[ClassLabel]) -> list[ClassLabel]:
    """Classes that may be none: the largest value of 8 or 16 bit, where the others but the background are far below."""
    foreground = classes[1:]
    others = [label.value for label in foreground if label.value not in MARKERS]
    return [label for label in foreground if label.value in MARKERS and others and max(others) < FAR_BELOW]


def blur_hint(masks: Sequence[Path]) -> str:
    """Why masks hold grey values that nobody drew, as the end of a complaint."""
    return (
        "; JPEG blurs labels: store them as PNG" if any(suffix_of(path) in (".jpg", ".jpeg") for path in masks) else ""
    )


def _codes_apart(
    values: Mapping[str, frozenset[int]], background: int, names: Mapping[int, str], where: str
) -> list[str]:
    """A complaint about two annotators whose foregrounds have no value in common, unless all values have names."""
    drawn = {name: own - {background} for name, own in values.items() if own - {background}}
    pairs = [(a, b) for a in drawn for b in drawn if a < b and drawn[a].isdisjoint(drawn[b])]
    if not pairs or all(value in names for own in drawn.values() for value in own):
        return []
    shown = " and ".join(f"{', '.join(map(str, sorted(values[name])))} of {name}" for name in pairs[0])
    one, other = min(drawn[pairs[0][0]]), min(drawn[pairs[0][1]])
    hint = (
        f"if both mean one class: --classes background={background},object={one}/{other}; "
        f"if two: --classes background={background},first={one},second={other}"
    )
    return [complaint("mask values", "the same of every annotator", f"{shown}; {hint}", where)]


def _colour_hint(mask: Path, lost: Sequence[str]) -> list[str]:
    """How to say what colours mean, where they are what makes masks unreadable."""
    if not all(line.startswith("mask channels") for line in lost):
        return []
    found = colours_in(mask)
    got = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    return [complaint("colours", "a table of them: --colours background=#000000,name=#rrggbb", got, str(mask))]


@dataclass(frozen=True, kw_only=True)
class _Mask:
    """What one mask holds."""

    values: Sequence[int] = ()
    """That occur in it."""
    complaints: Sequence[str] = ()
    """Why it cannot be read."""


def _looked_into(mask: Path) -> _Mask:
    try:
        return _Mask(values=np.unique(read_labels(mask).array).tolist())
    except Refused as refused:
        return _Mask(complaints=refused.complaints)
