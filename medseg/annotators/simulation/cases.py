"""The cases of a simulated cohort on the disk: what is copied, what is read, what is written for an annotator."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.simulation.simulators import confusion_counts, normalise, simulate
from medseg.contracts import Case, Cohort, Refused, Volume, complaint
from medseg.images import read_labels, suffix_of, write_labels

ANNOTATOR_STREAM, KEPT_STREAM, NOISE_STREAM = 1, 2, 3
"""What a generator of (seed, case, stream) is for; never 0: numpy draws the same from (seed, case, 0) and
(seed, case), from which the embedded samples are rendered."""

RESULTS = ("images", "truth", "annotations", "confusion.csv", "manifest.csv", "cohort.yaml")
"""What a simulation leaves in its folder."""


@dataclass(frozen=True, kw_only=True)
class KnownCase:
    """A case whose image and truth are in the new folder already, the masks of its simulated annotators not yet."""

    case: Case
    """The case."""
    truth: Volume
    """Class indices (S...), as they were written to ``case.truth``."""


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """What a simulated annotator makes of one case."""

    observed: NDArray[np.integer]
    """(S...) class indices."""
    counts: NDArray[np.int64]
    """n[o,t] (O,T): voxels of the true class t written as o."""


def annotation(frame: Cohort, item: KnownCase, spec: str, *, stream: Sequence[int]) -> Annotation:
    """The labels of the annotator ``spec``, drawn from ``stream``, and how they confuse the classes of ``frame``."""
    truth, num_classes = item.truth.array.astype(np.int64), len(frame.classes)
    observed = simulate(truth, spec, num_classes, np.random.default_rng(stream))
    return Annotation(observed=observed, counts=confusion_counts(observed, truth, num_classes))


def write_mask(frame: Cohort, annotator: str, item: KnownCase, observed: NDArray[np.integer]) -> Path:
    """Class indices -> the cohort's label values, beside the truth's file name and geometry."""
    assert item.case.truth is not None
    path = frame.root / "annotations" / annotator / item.case.truth.name
    return write_labels(path, replace(item.truth, array=label_values(frame)[observed]))


def write_confusion(frame: Cohort, annotators: Sequence[str], counts: NDArray[np.int64]) -> None:
    """confusion.csv: p(observed|true), nan where the true class never occurs; counts (A,O,T)."""
    names = [label.name for label in frame.classes]
    with (frame.root / "confusion.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("annotator", "observed", "true", "probability"))
        for annotator, table in zip(annotators, counts, strict=True):
            for (observed, true), probability in np.ndenumerate(normalise(table)):
                rows.writerow((annotator, names[observed], names[true], f"{probability:.6g}"))


def read_truth(cohort: Cohort, case: Case) -> Volume:
    """The truth's label values as class indices (S...). Raises Refused without one, and for values of no class."""
    if case.truth is None:
        raise Refused([complaint("truth", "a mask of the known truth", "none", case.name)])
    stored = read_labels(case.truth, f"{case.name}/truth")
    values = label_values(cohort)
    unknown = np.setdiff1d(stored.array, values)
    if unknown.size:
        expected, got = (", ".join(map(str, some.tolist())) for some in (values, unknown))
        raise Refused([complaint("truth values", f"the classes' {expected}", got, f"{case.name}/truth")])
    order = np.argsort(values)
    indices = order[np.searchsorted(values, stored.array, sorter=order)]
    return replace(stored, array=indices.astype(np.uint8))


def label_values(cohort: Cohort) -> NDArray[np.int64]:
    """(T,) what stands for each class in the mask files."""
    return np.array([label.value for label in cohort.classes])


def copied_images(case: Case, out: Path) -> tuple[Path, ...]:
    """The images of a case, copied to images/ under its name, channels numbered."""
    numbers = [f"_{n:04d}" for n in range(len(case.images))] if len(case.images) > 1 else [""]
    return tuple(
        copied(path, out / "images", case.name + number) for path, number in zip(case.images, numbers, strict=True)
    )


def copied(path: Path, folder: Path, stem: str) -> Path:
    """The file under another name, its suffix kept."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(path, folder / (stem + path.name[len(path.name) - len(suffix_of(path)) :])))
