"""`medseg index`, `medseg check`, `medseg simulate`: from folders to validated cohorts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from medseg.contracts import AmodalObject, Refused, complaint
from medseg.data.checking import check_cohort
from medseg.data.checking.findings import Findings, describe
from medseg.data.checking.objects import chosen_objects
from medseg.data.cohort import load_cohort, write_cohort
from medseg.data.layouts import index
from medseg.data.layouts.label_maps import remarks
from medseg.data.rules import with_rules
from medseg.data.simulation.cohort import simulate_cohort
from medseg.reporting.objects import ObjectPicture, draw_objects

__all__ = ["check_folder", "describe", "index_folder", "simulate_folder"]

MOST_PICTURES, PAGE_SEED = 60, 0


def index_folder(
    folder: Path,
    out: Path,
    layout: str | None,
    task: str | None,
    patient_from: str | None,
    overwrite: bool,
    rules: str | None = None,
) -> str:
    """Write manifest.csv and cohort.yaml; return what the user reads. rules: YAML, see ``data.rules.with_rules``."""
    cohort = replace(index(folder, layout=layout, task=task, patient_from=patient_from, out=out), root=out)
    cohort = cohort if rules is None else with_rules(cohort, rules, "--rules")
    out.mkdir(parents=True, exist_ok=True)
    write_cohort(cohort, overwrite=overwrite)
    patients = len({case.patient for case in cohort.cases})
    classes = ", ".join(f"{label.name}={label.value}" for label in cohort.classes)
    who = f"{len(cohort.annotators)} annotators, {len(cohort.crowd)} crowd slots"
    what = who if cohort.rules is None else "objects by the rules in cohort.yaml"
    lines = [f"{out / 'manifest.csv'}: {len(cohort.cases)} cases of {patients} patients, {what}, classes {classes}"]
    return "\n".join([*lines, *remarks(cohort), f"next: medseg check {out}"])


def check_folder(folder: Path, page: Path | None = None) -> Findings:
    """Read every file of a cohort; draw some of its objects to ``page``.

    Raises Refused where the manifest itself cannot be read, and for a page of a cohort without objects.
    """
    cohort = load_cohort(folder)
    if page is not None and cohort.rules is None:
        raise Refused([complaint("page", "a cohort of objects (cohort.yaml has objects)", cohort.name, str(page))])
    findings = check_cohort(cohort)
    if page is not None:
        draw_objects(page, [_picture(one) for one in chosen_objects(cohort, MOST_PICTURES, PAGE_SEED)])
    return findings


def _picture(one: AmodalObject) -> ObjectPicture:
    spacing = one.spacing_mm or (1.0,) * one.visible.ndim
    return ObjectPicture(name=one.name, visible=one.visible, occluder=one.occluder, whole=one.whole, spacing=spacing)


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
