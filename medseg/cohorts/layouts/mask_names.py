"""Whose mask a file is, by what its name adds to the name of an image: ``case01_seg_rater1`` is rater1's."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from medseg.cohorts.layouts.nnunet import REFERENCE

_SEPARATOR = re.compile(r"[_\-. ]+")
_MASK_WORD = re.compile(
    r"(?:masks?|seg|segs|segmentations?|labels?|annotations?|annotator|annot|gt|by)(?P<number>\d*)", re.IGNORECASE
)
"""Words that say mask and not whose; a number behind one is a person's."""


@dataclass(frozen=True, kw_only=True)
class NamedMask:
    """A mask and the image whose name begins its own."""

    path: Path
    """The file."""
    case: str
    """The image's name."""
    addition: str
    """What follows; "" where both bear one name."""


def named_after(masks: Mapping[str, Path], cases: Collection[str]) -> list[NamedMask]:
    """Masks by their names without suffix -> those whose names begin with a case's, the longest that does."""
    found = []
    for name, path in masks.items():
        case = next((start for start in starts(name) if start in cases), None)
        if case is not None:
            found.append(NamedMask(path=path, case=case, addition=name[len(case) :]))
    return found


def annotator_named(addition: str) -> str:
    """``_rater1`` -> rater1, ``_mask_2`` -> annotator2, ``_seg`` -> reference.

    >>> [annotator_named(addition) for addition in ("_rater1", "-mask2", "_seg", "_label_anna_k")]
    ['rater1', 'annotator2', 'reference', 'anna_k']
    """
    kept = []
    for word in filter(None, _SEPARATOR.split(addition)):
        match = _MASK_WORD.fullmatch(word)
        kept += [word] if match is None else [match["number"]] if match["number"] else []
    who = "_".join(kept)
    return f"annotator{who}" if who.isdigit() else who or REFERENCE


def by_annotator(masks: Iterable[NamedMask]) -> dict[str, list[NamedMask]]:
    """Annotator -> his masks, as the names say."""
    found: dict[str, list[NamedMask]] = {}
    for mask in masks:
        found.setdefault(annotator_named(mask.addition), []).append(mask)
    return found


def starts(name: str) -> Iterable[str]:
    """The whole name, then what stands before each separator, the longest first."""
    yield name
    yield from (name[: match.start()] for match in reversed(list(_SEPARATOR.finditer(name))) if match.start())
