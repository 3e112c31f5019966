"""What `medseg check` found, and its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Coverage:
    """One annotator: masks per split, and the mean fraction of voxels that is foreground (nan: no mask)."""

    annotator: str
    train: int
    val: int
    test: int
    unassigned: int
    foreground: float


@dataclass(frozen=True)
class Tally:
    """One class of objects: how many are complete, occluded (with a known whole or not), and dropped."""

    label: str
    complete: int
    whole_known: int
    whole_unknown: int
    dropped: int


@dataclass(frozen=True)
class Findings:
    """errors stop a training, warnings do not, notes say what the reader changed.

    coverage: of a cohort of annotated images. tallies: of a cohort of objects, with the number of objects that
    each reason dropped.
    """

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    coverage: tuple[Coverage, ...]
    tallies: tuple[Tally, ...] = ()
    reasons: tuple[str, ...] = ()


def describe(findings: Findings) -> str:
    """The table of annotators or of classes, then everything found, one line each."""
    lines = _table_of_classes(findings.tallies) if findings.tallies else _table_of_annotators(findings.coverage)
    lines += ["", *findings.reasons] if findings.reasons else []
    for kind in ("errors", "warnings", "notes"):
        found = getattr(findings, kind)
        if found or kind == "errors":
            lines += ["", f"{len(found) or 'no'} {kind[:-1] if len(found) == 1 else kind}", *found]
    return "\n".join(lines)


def _table_of_annotators(coverage: Sequence[Coverage]) -> list[str]:
    width = max((len(row.annotator) for row in coverage), default=0)
    width = max(width, len("annotator"))
    lines = [f"{'annotator':<{width}}  cases  train    val   test  no split  foreground"]
    for row in coverage:
        cases = row.train + row.val + row.test + row.unassigned
        counts = f"{cases:>5}  {row.train:>5}  {row.val:>5}  {row.test:>5}  {row.unassigned:>8}"
        lines.append(f"{row.annotator:<{width}}  {counts}  {row.foreground:>10.2%}")
    return lines


def _table_of_classes(tallies: Sequence[Tally]) -> list[str]:
    """A row per class, and where there are several one for all."""
    total = Tally(
        "all",
        sum(row.complete for row in tallies),
        sum(row.whole_known for row in tallies),
        sum(row.whole_unknown for row in tallies),
        sum(row.dropped for row in tallies),
    )
    rows = [*tallies, *([total] if len(tallies) > 1 else [])]
    width = max(len("class"), *(len(row.label) for row in rows))
    lines = [f"{'class':<{width}}  objects  complete  occluded, whole known  occluded, whole unknown  dropped"]
    for row in rows:
        objects = row.complete + row.whole_known + row.whole_unknown + row.dropped
        kept = f"{row.complete:>8}  {row.whole_known:>21}  {row.whole_unknown:>23}"
        lines.append(f"{row.label:<{width}}  {objects:>7}  {kept}  {row.dropped:>7}")
    return lines


def some(names: Sequence[str]) -> str:
    """The first five, and whether there are more."""
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def length_text(spacing_mm: Sequence[float] | None) -> str:
    """The lengths of a voxel, in mm; "none" without a scale."""
    return "x".join(f"{mm:.6g}" for mm in spacing_mm) + " mm" if spacing_mm else "none"
