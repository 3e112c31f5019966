"""From the folders people have to a Cohort: one file per layout, chosen by the folder's names."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import regex

from medseg.cohorts.layouts import (
    bids,
    folder_per_annotator,
    lidc_crops,
    msd,
    nnunet,
    qubiq,
    riga,
    spinalcord,
)
from medseg.cohorts.manifest import did_you_mean
from medseg.contracts import Cohort, Refused, complaint

MOST_SECONDS = 3
"""For the patients of all cases; some expressions take years over forty letters."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one layout is told from others and read."""

    needs: str
    """The names it is known by, for the user."""
    detect: Callable[[Path], bool]
    """Whether a folder is one."""
    index: Callable[..., Cohort]
    """Folder -> Cohort."""
    has_tasks: bool = False
    """``index`` takes the task as its second argument."""
    writes: bool = False
    """``index`` takes the folder of the cohort as its second argument, and writes masks there."""


LAYOUTS = {
    "folder_per_annotator": Layout(
        needs=folder_per_annotator.NEEDS, detect=folder_per_annotator.detect, index=folder_per_annotator.index
    ),
    "nnunet": Layout(needs=nnunet.NEEDS, detect=nnunet.detect, index=nnunet.index),
    "msd": Layout(needs=msd.NEEDS, detect=msd.detect, index=msd.index),
    "bids": Layout(needs=bids.NEEDS, detect=bids.detect, index=bids.index, has_tasks=True),
    "qubiq": Layout(needs=qubiq.NEEDS, detect=qubiq.detect, index=qubiq.index, has_tasks=True),
    "spinalcord": Layout(needs=spinalcord.NEEDS, detect=spinalcord.detect, index=spinalcord.index),
    "lidc_crops": Layout(needs=lidc_crops.NEEDS, detect=lidc_crops.detect, index=lidc_crops.index),
    "riga": Layout(needs=riga.NEEDS, detect=riga.detect, index=riga.index),
}


def index(
    root: Path,
    *,
    layout: str | None = None,
    task: str | None = None,
    patient_from: str | None = None,
    out: Path | None = None,
    layouts: Mapping[str, Layout] = LAYOUTS,
) -> Cohort:
    """A folder in one of ``layouts`` -> Cohort with absolute paths.

    layout: its name; None: the one whose names the folder has. task: which of a folder's targets (QUBIQ,
    BIDS). patient_from: regular expression; the text it finds in a case's name becomes its patient.
    out: where masks go that the layout keeps in no file of their own (COCO); the folder itself by default.
    Nothing else is written. Raises Refused if no layout fits or two do, and for whatever the layout itself refuses.
    """
    root = root.absolute()
    name = _fitting(root, layouts) if layout is None else _named(root, layout, layouts)
    chosen = layouts[name]
    if task is not None and not chosen.has_tasks:
        raise Refused([complaint("task", f"none (a folder in layout {name} has one target)", task, str(root))])
    arguments = [task] if chosen.has_tasks else [(out or root).absolute()] if chosen.writes else []
    cohort = chosen.index(root, *arguments)
    return cohort if patient_from is None else _with_patients(cohort, patient_from)


def _fitting(root: Path, layouts: Mapping[str, Layout]) -> str:
    fitting = [name for name, layout in layouts.items() if layout.detect(root)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        got = f"{' and '.join(fitting)}; choose with --layout"
        raise Refused([complaint("layout", "one", got, str(root))])
    known = [f"layout {name}: {layout.needs}" for name, layout in layouts.items()]
    raise Refused([complaint("layout", "one of those below", "none of them", str(root)), *known])


def _named(root: Path, name: str, layouts: Mapping[str, Layout]) -> str:
    if name not in layouts:
        raise Refused([complaint("layout", ", ".join(layouts), f"{name}{did_you_mean(name, layouts)}", str(root))])
    if not layouts[name].detect(root):
        raise Refused([complaint(f"layout {name}", layouts[name].needs, "other names", str(root))])
    return name


def _with_patients(cohort: Cohort, pattern: str) -> Cohort:
    try:
        expression = regex.compile(pattern)
        until = time.monotonic() + MOST_SECONDS
        found = [
            expression.search(case.name, timeout=max(until - time.monotonic(), 1e-3), concurrent=False)
            for case in cohort.cases
        ]
    except TimeoutError as error:
        got = f"{pattern}, which takes longer: it repeats what repeats itself"
        expected = f"a regular expression that is done in {MOST_SECONDS} s"
        raise Refused([complaint("patient_from", expected, got, "--patient-from")]) from error
    except (regex.error, OverflowError, RecursionError) as error:
        raise Refused([complaint("patient_from", "a regular expression", str(error), pattern)]) from error
    complaints = [
        complaint("patient", f"text that {pattern} finds in the case's name", "nothing", case.name)
        for case, match in zip(cohort.cases, found, strict=True)
        if not match or not match[0]
    ]
    if complaints:
        raise Refused(complaints)
    patients = [match[0] for match in found if match]
    cases = (replace(case, patient=name) for case, name in zip(cohort.cases, patients, strict=True))
    return replace(cohort, cases=tuple(cases))
