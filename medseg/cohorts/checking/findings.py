"""What `medseg check` found, and its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medseg.contracts import gathered


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


def some(names: Sequence[str]) -> str:
    """The first five, and whether there are more."""
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
