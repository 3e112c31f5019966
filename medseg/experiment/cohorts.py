"""`medseg index`, `medseg check`, `medseg simulate`: from folders to validated cohorts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from medseg.data.check import Findings, check_cohort, describe
from medseg.data.cohort import load_cohort, write_cohort
from medseg.data.layouts import index
from medseg.data.simulate import simulate_cohort

__all__ = ["check_folder", "describe", "index_folder", "simulate_folder"]


def index_folder(
    folder: Path, out: Path, layout: str | None, task: str | None, patient_from: str | None, overwrite: bool
) -> str:
    """Write manifest.csv and cohort.yaml; return what the user reads."""
    cohort = replace(index(folder, layout=layout, task=task, patient_from=patient_from), root=out)
    out.mkdir(parents=True, exist_ok=True)
    write_cohort(cohort, overwrite=overwrite)
    patients = len({case.patient for case in cohort.cases})
    classes = ", ".join(f"{label.name}={label.value}" for label in cohort.classes)
    return (
        f"{out / 'manifest.csv'}: {len(cohort.cases)} cases of {patients} patients, "
        f"{len(cohort.annotators)} annotators, {len(cohort.crowd)} crowd slots, classes {classes}\n"
        f"next: medseg check {out}"
    )


def check_folder(folder: Path) -> Findings:
    """Read every file of a cohort.

    Raises Refused where the manifest itself cannot be read.
    """
    return check_cohort(load_cohort(folder))


def simulate_folder(
    source: Path,
    out: Path,
    raters: Sequence[str],
    seed: int,
    cases: int | None,
    labels_per_image: int | None,
    noise: float,
) -> str:
    """Write a cohort with simulated annotators; return what the user reads."""
    simulate_cohort(source, out, raters, seed, cases, labels_per_image, noise)
    return (
        f"{out}: {len(load_cohort(out).cases)} cases, annotators {', '.join(raters)}; true confusion in confusion.csv"
    )
