"""A cohort with simulated annotators, made from any cohort with a known truth or from MNIST's idx files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from medseg.annotators.simulation.arguments import argument_complaints
from medseg.annotators.simulation.cases import (
    ANNOTATOR_STREAM,
    KEPT_STREAM,
    NOISE_STREAM,
    RESULTS,
    KnownCase,
    annotation,
    copied,
    copied_images,
    read_truth,
    write_confusion,
    write_mask,
)
from medseg.annotators.simulation.digits import holds_digits, read_digits
from medseg.annotators.simulation.simulators import annotator_names
from medseg.cohorts import load_cohort, require_empty, write_cohort
from medseg.contracts import Case, ClassLabel, Cohort, Refused, Volume
from medseg.images import place_complaints, whole_or_none, write_labels


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
        frame = replace(original, root=out, name=f"{original.name}_simulated", crowd=(), people={}, cases=())
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
        masks = {}
        for annotator, (name, spec) in enumerate(zip(names, annotators, strict=True)):
            drawn_labels = annotation(frame, item, spec, stream=(seed, index, ANNOTATOR_STREAM, annotator))
            counts[annotator] += drawn_labels.counts
            if annotator in drawn:
                masks[name] = write_mask(frame, name, item, drawn_labels.observed)
        cases.append(replace(item.case, annotations=masks))
    write_confusion(frame, names, counts)
    named = tuple(name for name in names if any(name in case.annotations for case in cases))
    write_cohort(replace(frame, annotators=named, cases=tuple(cases)))
    return frame.root


# ------------------------------------------------------------------------------------ from a cohort
def _check_truths(cohort: Cohort) -> None:
    """Raise Refused with every case that has no truth, or one with values that cohort.yaml does not name."""
    complaints = []
    for case in cohort.cases:
        try:
            read_truth(cohort, case)
        except Refused as refused:
            complaints.extend(refused.complaints)
    if complaints:
        raise Refused(complaints)


def _copied_cases(cohort: Cohort, out: Path) -> Iterator[KnownCase]:
    for case in cohort.cases:
        assert case.truth is not None
        images, truth = copied_images(case, out), copied(case.truth, out / "truth", case.name)
        yield KnownCase(case=replace(case, images=images, annotations={}, truth=truth), truth=read_truth(cohort, case))


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
