"""The same file content under several cases: a leak where their patients or splits differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from medseg.cohorts.manifest import short_path
from medseg.contracts import Case, Cohort, complaint


@dataclass(frozen=True, kw_only=True)
class Fingerprinted:
    """A case and its content."""

    case: Case
    """The case."""
    digest: str
    """Equal for cases of equal content; "" where that could not be read."""


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """What is said of cases that share their content."""

    line: str
    """The sentence."""
    leak: bool
    """Their patients or splits differ."""


def find_duplicates(
    found: Iterable[Fingerprinted], what: str, path: Callable[[Case], Path], cohort: Cohort
) -> list[Duplicate]:
    """One for each content that several cases share. what: it is shared, and ``path`` tells its file."""
    sharing: dict[str, list[Case]] = {}
    for one in found:
        if one.digest:
            sharing.setdefault(one.digest, []).append(one.case)
    return [_duplicate(cases, what, path, cohort) for cases in sharing.values() if len(cases) > 1]


def _duplicate(cases: list[Case], what: str, path: Callable[[Case], Path], cohort: Cohort) -> Duplicate:
    names = [f"{case.name} (patient {case.patient}, {case.split or 'no split'})" for case in cases]
    files = " = ".join(short_path(path(case), cohort) for case in cases)
    line = complaint(f"cases with the same {what}", "one", " and ".join(names), files)
    return Duplicate(line=line, leak=len({(case.patient, case.split) for case in cases}) > 1)
