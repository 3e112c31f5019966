"""What a user says of a folder where its files cannot: the options of `medseg index`, and their words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import cast

from medseg.cohorts.manifest import SPLITS, did_you_mean
from medseg.cohorts.spacing_text import spacing_complaint, spacing_of_text
from medseg.contracts import ClassLabel, Refused, Split, complaint

BACKGROUND = ClassLabel(name="background", value=0)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The options of `medseg index` as they are typed; None: the files decide."""

    layout: str | None = None
    """Name of the layout."""
    out: Path | None = None
    """Where masks go that no file holds as they are needed; the folder itself by default."""
    task: str | None = None
    """Which of a folder's targets (QUBIQ, BIDS)."""
    patient_from: str | None = None
    """Regular expression; the text it finds in a case's name becomes its patient."""
    pattern: tuple[str, str] | None = None
    """Paths of images and of masks with ``{case}``, ``{annotator}`` and ``{channel}`` in them."""
    classes: str | None = None
    """``background=0,object=255/1``: what the values of all masks mean, the one that is written first."""
    ignore: str | None = None
    """``255`` or ``254,255``: values of voxels that nobody labelled."""
    split_words: str | None = None
    """``validate=val``: what a word that names a split means; ``site1=`` means none."""
    annotators: str | None = None
    """``reference=anna``: another name for an annotator."""
    colours: str | None = None
    """``background=#000000,object=#ff0000``, or a CSV file with the columns name and colour (or r, g, b)."""
    spacing: str | None = None
    """``0.5`` or ``0.5x0.25``: mm of a pixel along the axes of pictures that have no scale of their own."""

    @property
    def given(self) -> list[str]:
        """Names of those that are not None."""
        return [field.name for field in fields(self) if getattr(self, field.name) is not None]


def stated_classes(text: str | None) -> tuple[ClassLabel, ...]:
    """``object=255/1,other=2`` -> classes, the first the background, which is 0 where only one is named.

    Empty for None. Raises Refused for what is no ``name=value``, and for a value that two classes have.
    """
    if text is None:
        return ()
    pairs = _pairs(text, "--classes", "name=value or name=value/value")
    complaints: list[str] = []
    classes: list[ClassLabel] = []
    for name, cell in pairs.items():
        values = [_whole(number) for number in cell.split("/")]
        if None in values:
            complaints.append(complaint("class", "name=value or name=value/value", f"{name}={cell}", "--classes"))
        else:
            first, *others = cast("list[int]", values)
            classes.append(ClassLabel(name=name, value=first, others=tuple(others)))
    if len(classes) == 1 and 0 not in classes[0].values:
        classes.insert(0, BACKGROUND)
    every = [value for label in classes for value in label.values]
    twice = sorted({value for value in every if every.count(value) > 1})
    complaints += [complaint("class", "one for each value", f"two with {value}", "--classes") for value in twice]
    if len(classes) < 2 and not complaints:
        complaints.append(complaint("classes", "two or more", text, "--classes"))
    if complaints:
        raise Refused(complaints)
    return tuple(classes)


def ignored_values(text: str | None) -> tuple[int, ...]:
    """``254,255`` -> the values; empty for None. Raises Refused for anything that is no whole number."""
    values = [_whole(number) for number in text.split(",")] if text is not None else []
    if None in values:
        raise Refused([complaint("values to ignore", "whole numbers from 0, as in 255", text, "--ignore")])
    return tuple(cast("list[int]", values))


def split_meanings(text: str | None) -> dict[str, Split]:
    """``validate=val,site1=`` -> word in lower case -> split. Raises Refused for a split that there is not."""
    pairs = _pairs(text, "--map", "word=train, val, test or nothing") if text is not None else {}
    complaints = [
        complaint("split", "train, val, test or nothing", f"{meant}{did_you_mean(meant, SPLITS[:3])}", "--map")
        for meant in pairs.values()
        if meant not in SPLITS
    ]
    if complaints:
        raise Refused(complaints)
    return {word.lower(): cast(Split, meant) for word, meant in pairs.items()}


def new_names(text: str | None) -> dict[str, str]:
    """``reference=anna`` -> old name -> new one. Raises Refused for two that would bear one name."""
    pairs = _pairs(text, "--annotators", "name=another name") if text is not None else {}
    if len({*pairs.values()}) < len(pairs):
        raise Refused([complaint("new names", "another one for each annotator", text, "--annotators")])
    return pairs


def stated_spacing(text: str | None) -> Callable[[int], tuple[float, ...] | None]:
    """``0.5`` or ``0.5x0.25`` -> spacing in mm as a function of the number of axes. Raises Refused for no length."""
    found = spacing_complaint(text, None, "--spacing") if text is not None else []
    if found or text == "":
        raise Refused(found or [complaint("spacing", "a length in mm", "nothing", "--spacing")])
    lengths = spacing_of_text(text or "")
    return lambda axes: lengths * axes if lengths and len(lengths) == 1 else lengths


def _pairs(text: str, option: str, expected: str) -> dict[str, str]:
    """``a=b,c=d`` -> mapping, blanks around names dropped."""
    parts = [part.partition("=") for part in text.split(",")]
    bad = [f"{name}{sign}{value}" for name, sign, value in parts if not sign or not name.strip()]
    names = [name.strip() for name, _, _ in parts]
    twice = sorted({name for name in names if names.count(name) > 1})
    complaints = [complaint("part", expected, part or "nothing", option) for part in bad]
    complaints += [complaint("part", "each name once", name, option) for name in twice]
    if complaints:
        raise Refused(complaints)
    return {name.strip(): value.strip() for name, _, value in parts}


def _whole(text: str) -> int | None:
    return int(text) if text.strip().isascii() and text.strip().isdigit() and len(text.strip()) < 10 else None


def class_text(classes: Mapping[str, object]) -> str:
    """``background=0,object=255``, for a hint."""
    return ",".join(f"{name}={value}" for name, value in classes.items())
