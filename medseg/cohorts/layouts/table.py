"""From the folders people have to a Cohort: one file per layout, chosen by the folder's names."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import regex

from medseg.cohorts.layouts import (
    bids,
    dicom,
    folder_per_annotator,
    lidc_crops,
    mask_folders,
    mask_suffixes,
    msd,
    nnunet,
    path_pattern,
    path_table,
    qubiq,
    spinalcord,
)
from medseg.cohorts.layouts.choices import Choices
from medseg.cohorts.layouts.published import (
    bubil,
    chase_db1,
    curvas,
    gleason2019,
    isbi2015,
    lidc_idri,
    mmis2024,
    riga,
    stare,
)
from medseg.cohorts.manifest import did_you_mean
from medseg.contracts import Cohort, Refused, complaint

MOST_SECONDS = 3
"""For the patients of all cases; some expressions take years over forty letters."""
EVERY = ("layout", "out", "patient_from")
"""Choices that have a meaning for each layout."""
OF_IMAGES = ("classes", "ignore", "split_words", "annotators", "colours", "spacing")
"""Those for each layout of annotated images."""
OPTIONS = {"split_words": "map"}
"""Choices that the command line calls otherwise."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one layout is told from others and read."""

    needs: str
    """The names it is known by, for the user."""
    detect: Callable[[Path], bool]
    """Whether a folder is one."""
    index: Callable[[Path, Choices], Cohort]
    """Folder -> Cohort."""
    takes: tuple[str, ...] = OF_IMAGES
    """Choices that have a meaning for it, beside those of ``EVERY``."""
    general: bool = False
    """Its names are so common that it is looked at only where no other layout fits."""


def _of_images(module: Any, *further: str, general: bool = False) -> Layout:
    """The row of a file of this room."""
    takes = (*OF_IMAGES, *further)
    return Layout(needs=module.NEEDS, detect=module.detect, index=module.index, takes=takes, general=general)


LAYOUTS = {
    "folder_per_annotator": _of_images(folder_per_annotator),
    "nnunet": _of_images(nnunet),
    "msd": _of_images(msd),
    "bids": _of_images(bids, "task"),
    "qubiq": _of_images(qubiq, "task"),
    "spinalcord": _of_images(spinalcord),
    "lidc_crops": _of_images(lidc_crops),
    "bubil": _of_images(bubil),
    "chase_db1": _of_images(chase_db1),
    "curvas": _of_images(curvas),
    "gleason2019": _of_images(gleason2019),
    "isbi2015": _of_images(isbi2015),
    "lidc_idri": _of_images(lidc_idri),
    "mmis2024": _of_images(mmis2024),
    "riga": _of_images(riga),
    "stare": _of_images(stare),
    "dicom": _of_images(dicom, general=True),
    "path_table": _of_images(path_table, general=True),
    "mask_folders": _of_images(mask_folders, general=True),
    "mask_suffixes": _of_images(mask_suffixes, general=True),
    "path_pattern": _of_images(path_pattern, "pattern"),
}


def index(root: Path, *, layouts: Mapping[str, Layout] = LAYOUTS, **choices: Any) -> Cohort:
    """A folder in one of ``layouts`` -> Cohort with absolute paths.

    choices: the fields of ``Choices``. Files are written only where masks or images must be converted, into
    ``choices.out``. Raises Refused if no layout fits or two do, for choices that mean nothing to the layout, and for
    whatever the layout itself refuses.
    """
    root, chosen = root.absolute(), Choices(**choices)
    name = _named(root, chosen, layouts) if chosen.layout or chosen.pattern else _fitting(root, layouts)
    layout = layouts[name]
    complaints = [
        complaint(
            f"--{OPTIONS.get(key, key)}", f"none (it means nothing to layout {name})", getattr(chosen, key), str(root)
        )
        for key in chosen.given
        if key not in (*EVERY, *layout.takes)
    ]
    if complaints:
        raise Refused(complaints)
    cohort = layout.index(root, replace(chosen, out=(chosen.out or root).absolute()))
    return cohort if chosen.patient_from is None else _with_patients(cohort, chosen.patient_from)


def _fitting(root: Path, layouts: Mapping[str, Layout]) -> str:
    for general in (False, True):
        fitting = [name for name, layout in layouts.items() if layout.general == general and layout.detect(root)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            got = f"{' and '.join(fitting)}; choose with --layout"
            raise Refused([complaint("layout", "one", got, str(root))])
    known = [f"layout {name}: {layout.needs}" for name, layout in layouts.items()]
    first = next((path for path in root.rglob("*") if path.is_file()), None)
    files = f"files like {first.relative_to(root)}" if first else "no file"
    got = f"{files}; --pattern 'images/{{case}}.png' 'masks/{{annotator}}/{{case}}.png' reads any folder"
    raise Refused([complaint("layout", "one of those below", got, str(root)), *known])


def _named(root: Path, choices: Choices, layouts: Mapping[str, Layout]) -> str:
    """The layout that is named, or that --pattern implies."""
    name = choices.layout or "path_pattern"
    if name not in layouts:
        raise Refused([complaint("layout", ", ".join(layouts), f"{name}{did_you_mean(name, layouts)}", str(root))])
    if not choices.pattern and not layouts[name].detect(root):
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
