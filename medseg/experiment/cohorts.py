"""`medseg index`, `medseg check`, `medseg simulate`: from folders to validated cohorts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from medseg.annotators import simulate_among, simulate_cohort
from medseg.cohorts import COHORT_YAML, MANIFEST, load_cohort, with_rules, write_cohort
from medseg.cohorts.layouts import CONVERTED, index
from medseg.contracts import Cohort, ObjectCohort, Refused, Report, complaint
from medseg.experiment.methods import layouts, method_of_cohort
from medseg.images import whole_or_none

INDEXED = (MANIFEST, COHORT_YAML, CONVERTED, "masks")
"""What `medseg index` may write into a folder."""


def indexed(folder: Path, **choices: Any) -> Cohort:
    """A folder in a layout of any method -> Cohort; choices as in ``cohorts.layouts.Choices``."""
    return index(folder, layouts=layouts(), **choices)


def index_folder(folder: Path, out: Path, *, overwrite: bool = False, rules: str | None = None, **choices: Any) -> str:
    """Write manifest.csv and cohort.yaml; return what the user reads.

    rules: YAML, see ``object_rules.with_rules``. choices: as in ``cohorts.layouts.Choices``.
    Where it is refused, nothing is left that was not there before.
    """
    with whole_or_none(out, INDEXED):
        told = index_lines(folder, out, overwrite=overwrite, rules=rules, **choices)
        return "\n".join([*told, f"next: medseg check {out}"])


def index_lines(
    folder: Path, out: Path, *, overwrite: bool = False, rules: str | None = None, **choices: Any
) -> list[str]:
    """``index_folder``, by lines; where it is refused, files of ``INDEXED`` may be left."""
    cohort = replace(indexed(folder, out=out, **choices), root=out)
    cohort = cohort if rules is None else with_rules(cohort, rules, "--rules")
    out.mkdir(parents=True, exist_ok=True)
    write_cohort(cohort, overwrite=overwrite)
    patients = len({case.patient for case in cohort.cases})
    classes = ", ".join(f"{label.name}={'/'.join(map(str, label.values))}" for label in cohort.classes)
    classes += f"; ignored {', '.join(map(str, cohort.ignored))}" if cohort.ignored else ""
    who = f"{len(cohort.annotators)} annotators, {len(cohort.crowd)} crowd slots"
    what = "objects by the rules in cohort.yaml" if isinstance(cohort, ObjectCohort) else who
    lines = [f"{out / 'manifest.csv'}: {len(cohort.cases)} cases of {patients} patients, {what}, classes {classes}"]
    method = method_of_cohort(cohort)
    return [*lines, *method.describe(cohort), *method.remarks(cohort)]


def check_folder(folder: Path, page: Path | None = None) -> Report:
    """Read every file of a cohort; draw some of its objects to ``page``.

    Raises Refused where the manifest itself cannot be read, and for a page of a cohort without objects.
    """
    cohort = load_cohort(folder)
    method = method_of_cohort(cohort)
    if page is not None:
        method.draw_cohort(cohort, page)
    return method.check(cohort)


def after_check(folder: Path) -> str:
    """What a user does next with a cohort in which nothing is wrong."""
    if isinstance(load_cohort(folder), ObjectCohort):
        return "next: medseg train CONFIG, a file of configs/amodal with this folder as data.cohort"
    return f"next: medseg train {folder}"


def simulate_folder(
    source: Path,
    out: Path,
    *,
    annotators: str | None,
    replaced: str | None,
    added: str | None,
    seed: int,
    cases: int | None,
    labels_per_image: int | None,
    noise: float,
) -> str:
    """Write a cohort with simulated annotators, all of them or among real ones; return what the user reads.

    annotators, replaced, added: as ``simulate_cohort`` and ``simulate_among`` have them, parted by commas.
    Raises Refused where it is not one of the two, and as they do.
    """
    among = [*_listed(replaced), *_listed(added)]
    if (annotators is None) != bool(among):
        expected = "either --annotators, or --replace and --add"
        raise Refused([complaint("simulated annotators", expected, "both" if among else "neither", "simulate")])
    if annotators is not None:
        specs = _listed(annotators)
        simulate_cohort(
            source, out, annotators=specs, seed=seed, cases=cases, labels_per_image=labels_per_image, noise=noise
        )
        return f"{out}: {_size(out)}, annotators {', '.join(specs)}; true confusion in confusion.csv"
    if labels_per_image is not None:
        expected = "none beside --replace and --add (data.labels_per_image of a config)"
        raise Refused([complaint("labels per image", expected, labels_per_image, "labels_per_image")])
    simulate_among(source, out, replaced=_listed(replaced), added=_listed(added), seed=seed, cases=cases)
    return f"{out}: {_size(out)}, simulated {', '.join(among)}; confusion with the truth in confusion.csv"


def _listed(text: str | None) -> list[str]:
    """What commas part; nothing where an option was not given."""
    return [] if text is None else text.split(",")


def _size(folder: Path) -> str:
    return f"{len(load_cohort(folder).cases)} cases"
