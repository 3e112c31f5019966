"""What `medseg check` found, and its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SHOWN = 3
"""So many places of equal complaints are named."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How much one annotator has labelled."""

    annotator: str
    """Who."""
    train: int
    """Masks in this split."""
    val: int
    """Masks in this split."""
    test: int
    """Masks in this split."""
    unassigned: int
    """Masks of cases without a split."""
    foreground: float
    """Mean fraction of voxels that is foreground; nan without a mask."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was found; ``str`` gives a table, then everything, one line each."""

    errors: tuple[str, ...]
    """They stop a training."""
    warnings: tuple[str, ...]
    """They do not."""
    notes: tuple[str, ...]
    """What reading them changed."""

    def table(self) -> list[str]:
        """Lines that say what the cohort holds."""
        return []

    def __str__(self) -> str:
        lines = self.table()
        for kind in ("errors", "warnings", "notes"):
            found = getattr(self, kind)
            if found or kind == "errors":
                lines += ["", f"{len(found) or 'no'} {kind[:-1] if len(found) == 1 else kind}", *gathered(found)]
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class ImageFindings(Findings):
    """Of a cohort of annotated images."""

    coverage: tuple[Coverage, ...]
    """A row per annotator."""
    summary: tuple[str, ...] = ()
    """Lines on sizes, intensities, volumes and agreement."""

    def table(self) -> list[str]:
        """Who labelled how much, and what there is."""
        return [*_table_of_annotators(self.coverage), *(["", *self.summary] if self.summary else [])]


def _table_of_annotators(coverage: Sequence[Coverage]) -> list[str]:
    width = max((len(row.annotator) for row in coverage), default=0)
    width = max(width, len("annotator"))
    lines = [f"{'annotator':<{width}}  cases  train    val   test  no split  foreground"]
    for row in coverage:
        cases = row.train + row.val + row.test + row.unassigned
        counts = f"{cases:>5}  {row.train:>5}  {row.val:>5}  {row.test:>5}  {row.unassigned:>8}"
        lines.append(f"{row.annotator:<{width}}  {counts}  {row.foreground:>10.2%}")
    return lines


def gathered(lines: Sequence[str]) -> list[str]:
    """Lines that differ only in the place in their last brackets are one, with a count and the first three places.

    >>> gathered([f"mask values: expected 0, 1, got 7 (c{number})" for number in range(5)])
    ['mask values: expected 0, 1, got 7 (5 times: c0; c1; c2; ...)']
    """
    places: dict[str, list[str]] = {}
    for line in lines:
        what, opened, place = line.rpartition(" (")
        key, place = (what, place[:-1]) if opened and place.endswith(")") else (line, "")
        places.setdefault(key, []).append(place)
    told = []
    for what, where in places.items():
        if len(where) <= SHOWN:
            told += [f"{what} ({place})" if place else what for place in where]
        else:
            told.append(f"{what} ({len(where)} times: {'; '.join(where[:SHOWN])}; ...)")
    return told


def some(names: Sequence[str]) -> str:
    """The first five, and whether there are more."""
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
