"""A cohort with simulated annotators, made from any cohort with a known truth or from MNIST's idx files."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.simulation.arguments import argument_complaints
from medseg.annotators.simulation.digits import holds_digits, read_digits
from medseg.annotators.simulation.simulators import annotator_names, confusion_counts, normalise, simulate
from medseg.cohorts import load_cohort, require_empty, write_cohort
from medseg.contracts import Case, ClassLabel, Cohort, Refused, Volume, complaint
from medseg.images import place_complaints, read_labels, whole_or_none, write_labels

ANNOTATOR_STREAM, KEPT_STREAM, NOISE_STREAM = 1, 2, 3
"""What a generator of (seed, case, stream) is for; never 0: numpy draws the same from (seed, case, 0) and
(seed, case), from which the embedded samples are rendered."""

RESULTS = ("images", "truth", "annotations", "confusion.csv", "manifest.csv", "cohort.yaml")
"""What ``simulate_cohort`` leaves in its folder."""


@dataclass(frozen=True, kw_only=True)
class KnownCase:
    """A case whose image and truth are in the new folder already, its masks not yet."""

    case: Case
    """The case."""
    truth: Volume
    """Class indices (S...), as they were written to ``case.truth``."""


def simulate_cohort(
    source: Path,
    out: Path,
    *,
    annotators: Sequence[str],
    seed: int,
    cases: int | None = None,
    labels_per_image: int | None = None,
    noise: float = 0.3,
) -> Path:
    """Write the first ``cases`` of ``source`` to ``out``, labelled by simulated ``annotators``; returns ``out``.

    source: a cohort in which every case has a truth; its images are copied, its annotators left out. Or a
    folder with MNIST's ``t10k`` idx files: truth = intensity > 0.5; image = intensity + Gaussian noise of
    standard deviation ``noise`` (of the full range), clipped, 8 bit; ``noise`` is for these only.
    labels_per_image: keep this many annotators per case, drawn at random; None keeps all. An annotator of whom
    nothing is kept is no annotator of the new cohort.
    Beside the cohort, confusion.csv holds each annotator's p(observed|true) over all its labels, kept or not.
    Raises Refused for bad arguments, an ``out`` that is not empty, and cases without a usable truth; nothing is left.
    """
    if complaints := argument_complaints(annotators, cases, labels_per_image, noise=noise, seed=seed):
        raise Refused(complaints)
    require_empty(out)
    if complaints := place_complaints(out, source):
        raise Refused(complaints)
    if holds_digits(source):
        frame = _digit_frame(out)
        known = _digit_cases(source, out, seed=seed, cases=cases, noise=noise)
    else:
        original = load_cohort(source)
        original = replace(original, cases=original.cases[:cases])
        _check_truths(original)
        frame = replace(original, root=out, name=f"{original.name}_simulated", crowd=(), cases=())
        known = _copied_cases(original, out)
    with whole_or_none(out, RESULTS):
        return annotate(frame, known, annotators=annotators, seed=seed, labels_per_image=labels_per_image)


# ----------------------------------------------------------------------------------- the annotators
def annotate(
    frame: Cohort,
    known: Iterable[KnownCase],
    *,
    annotators: Sequence[str],
    seed: int,
    labels_per_image: int | None = None,
) -> Path:
    """Write each annotator's masks of the ``known`` cases, confusion.csv, manifest.csv and cohort.yaml.

    frame: the new cohort without annotators and cases; ``frame.root`` is where everything goes, and returned.
    Annotator a on case n draws from (seed, n, stream, a): neither other annotators nor later cases change its labels.
    """
    names, num_classes = annotator_names(annotators), len(frame.classes)
    kept_number = labels_per_image or len(names)
    counts = np.zeros((len(names), num_classes, num_classes), np.int64)
    cases = []
    for index, item in enumerate(known):
        drawn = np.random.default_rng((seed, index, KEPT_STREAM)).permutation(len(names))[:kept_number]
        truth, masks = item.truth.array.astype(np.int64), {}
        for annotator, (name, spec) in enumerate(zip(names, annotators, strict=True)):
            rng = np.random.default_rng((seed, index, ANNOTATOR_STREAM, annotator))
            observed = simulate(truth, spec, num_classes, rng)
            counts[annotator] += confusion_counts(observed, truth, num_classes)
            if annotator in drawn:
                masks[name] = _write_mask(frame, name, item, observed)
        cases.append(replace(item.case, annotations=masks))
    _write_confusion(frame, names, counts)
    named = tuple(name for name in names if any(name in case.annotations for case in cases))
    write_cohort(replace(frame, annotators=named, cases=tuple(cases)))
    return frame.root


def _write_mask(frame: Cohort, annotator: str, item: KnownCase, observed: NDArray[np.integer]) -> Path:
    """Class indices -> the cohort's label values, beside the truth's file name and geometry."""
    assert item.case.truth is not None
    path = frame.root / "annotations" / annotator / item.case.truth.name
    values = np.array([label.value for label in frame.classes])
    return write_labels(path, replace(item.truth, array=values[observed]))


def _write_confusion(frame: Cohort, annotators: Sequence[str], counts: NDArray[np.int64]) -> None:
    """confusion.csv: p(observed|true), nan where the true class never occurs; counts (A,O,T)."""
    names = [label.name for label in frame.classes]
    with (frame.root / "confusion.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("annotator", "observed", "true", "probability"))
        for annotator, table in zip(annotators, counts, strict=True):
            for (observed, true), probability in np.ndenumerate(normalise(table)):
                rows.writerow((annotator, names[observed], names[true], f"{probability:.6g}"))


# ------------------------------------------------------------------------------------ from a cohort
def _check_truths(cohort: Cohort) -> None:
    """Raise Refused with every case that has no truth, or one with values that cohort.yaml does not name."""
    complaints = []
    for case in cohort.cases:
        try:
            _read_truth(cohort, case)
        except Refused as refused:
            complaints.extend(refused.complaints)
    if complaints:
        raise Refused(complaints)


def _read_truth(cohort: Cohort, case: Case) -> Volume:
    """The truth's label values as class indices (S...)."""
    if case.truth is None:
        raise Refused([complaint("truth", "a mask of the known truth", "none", case.name)])
    stored = read_labels(case.truth, f"{case.name}/truth")
    values = np.array([label.value for label in cohort.classes])
    unknown = np.setdiff1d(stored.array, values)
    if unknown.size:
        expected, got = (", ".join(map(str, some.tolist())) for some in (values, unknown))
        raise Refused([complaint("truth values", f"the classes' {expected}", got, f"{case.name}/truth")])
    order = np.argsort(values)
    indices = order[np.searchsorted(values, stored.array, sorter=order)]
    return replace(stored, array=indices.astype(np.uint8))


def _copied_cases(cohort: Cohort, out: Path) -> Iterator[KnownCase]:
    for case in cohort.cases:
        assert case.truth is not None
        numbers = [f"_{n:04d}" for n in range(len(case.images))] if len(case.images) > 1 else [""]
        images = tuple(
            _copy(path, out / "images", case.name + number) for path, number in zip(case.images, numbers, strict=True)
        )
        truth = _copy(case.truth, out / "truth", case.name)
        yield KnownCase(case=replace(case, images=images, annotations={}, truth=truth), truth=_read_truth(cohort, case))


def _copy(path: Path, folder: Path, stem: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    suffix = ".nii.gz" if path.name.endswith(".nii.gz") else path.suffix
    return Path(shutil.copyfile(path, folder / (stem + suffix)))


# --------------------------------------------------------------------------------------- from MNIST
def _digit_frame(out: Path) -> Cohort:
    classes = (ClassLabel(name="background", value=0), ClassLabel(name="digit", value=255))
    return Cohort(
        root=out,
        name="mnist_simulated",
        classes=classes,
        channels=("intensity",),
        spatial_dims=2,
        annotators=(),
        crowd=(),
        cases=(),
    )


def _digit_cases(source: Path, out: Path, *, seed: int, cases: int | None, noise: float) -> Iterator[KnownCase]:
    digits = read_digits(source)
    for index, (image, digit) in enumerate(zip(digits.images[:cases], digits.names[:cases], strict=True)):
        name, intensity = f"digit_{index:05d}", image / 255
        rng = np.random.default_rng((seed, index, NOISE_STREAM))
        noisy = np.clip(intensity + rng.normal(0, noise, image.shape), 0, 1)
        truth = (intensity > 0.5).astype(np.uint8)
        paths = out / "images" / f"{name}.png", out / "truth" / f"{name}.png"
        for path, stored in zip(paths, (np.rint(255 * noisy), 255 * truth), strict=True):
            write_labels(path, Volume(array=stored.astype(np.uint8), affine=np.eye(4), spacing_mm=None))
        case = Case(
            name=name,
            patient=name,
            split="",
            images=paths[:1],
            annotations={},
            truth=paths[1],
            covariates={"digit": str(digit)},
        )
        yield KnownCase(case=case, truth=Volume(array=truth, affine=np.eye(4), spacing_mm=None))
