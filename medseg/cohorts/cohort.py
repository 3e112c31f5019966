"""A folder with manifest.csv and cohort.yaml <-> Cohort, validated as far as needs no pixel."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medseg.cohorts.cohort_yaml import COHORT_YAML, CohortYaml, cohort_yaml_text, read_cohort_yaml
from medseg.cohorts.manifest import (
    MANIFEST,
    TRUTH,
    Row,
    cases_of,
    did_you_mean,
    manifest_text,
    read_rows,
)
from medseg.cohorts.manifest_check import complaints_about
from medseg.cohorts.names import cohort_naming_complaints
from medseg.contracts import Cohort, ObjectCohort, Refused, complaint


# ---------------------------------------------------------------------------------------- reading
def find_cohort(name: str) -> Path:
    """A cohort's folder: as given, or below ``$MEDSEG_DATA``.

    Raises Refused when neither holds a manifest.
    """
    places = [Path(name)]
    if "MEDSEG_DATA" in os.environ:
        places.append(Path(os.environ["MEDSEG_DATA"]) / name)
    for place in places:
        if (place / MANIFEST).is_file():
            return place
    looked = " or ".join(str(place) for place in places)
    hint = "" if "MEDSEG_DATA" in os.environ else "; MEDSEG_DATA is not set"
    if any(place.is_dir() for place in places):
        hint = "; write one with: medseg index DIR"
    raise Refused([complaint("cohort", f"{MANIFEST} in {looked}", f"none{hint}", "data.cohort")])


def load_cohort(root: Path) -> Cohort:
    """Read and validate a cohort; ``medseg check`` also reads the images themselves.

    Raises Refused with every complaint at once: missing files, doubled rows, a patient in two splits,
    unknown splits, keys and names.

    >>> from pathlib import Path
    >>> cohort = load_cohort(Path("cells"))
    >>> cohort.annotators, len(cohort.cases), cohort.spatial_dims
    (('good', 'over', 'swap'), 12, 2)
    """
    root = root.absolute()
    complaints: list[str] = []
    cohort_yaml, rows, of_objects = None, [], False
    try:
        cohort_yaml = read_cohort_yaml(root / COHORT_YAML)
        complaints += cohort_yaml.complaints
        of_objects = cohort_yaml.rules is not None
    except Refused as refused:
        complaints += refused.complaints
    try:
        rows = read_rows(root / MANIFEST)
        found = complaints_about(rows, root, of_objects)
        complaints += found if rows else [complaint(MANIFEST, "rows", "none", str(root))]
    except Refused as refused:
        complaints += refused.complaints
    if cohort_yaml and rows:
        complaints += _names_unlike(cohort_yaml, rows) + _channels_unlike(cohort_yaml, rows)
    if complaints or cohort_yaml is None:
        raise Refused(complaints)
    shared: dict[str, Any] = {
        "root": root,
        "name": cohort_yaml.name,
        "classes": cohort_yaml.classes,
        "channels": cohort_yaml.channels,
        "spatial_dims": cohort_yaml.spatial_dims,
        "cases": cases_of(rows, root, truth=cohort_yaml.truth, of_objects=of_objects),
    }
    if cohort_yaml.rules is not None:
        return ObjectCohort(**shared, rules=cohort_yaml.rules)
    named = dict.fromkeys(row.annotator for row in rows if row.annotator)
    apart = {*cohort_yaml.crowd, cohort_yaml.truth}
    annotators = cohort_yaml.annotators or tuple(name for name in named if name not in apart)
    return Cohort(
        **shared,
        annotators=annotators,
        crowd=cohort_yaml.crowd,
        ignored=cohort_yaml.ignored,
        people=cohort_yaml.people,
    )


def load_objects(root: Path) -> ObjectCohort:
    """``load_cohort`` for a cohort of objects. Raises Refused for one of annotated images, too."""
    cohort = load_cohort(root)
    if not isinstance(cohort, ObjectCohort):
        raise Refused(
            [complaint("cohort", "label maps, with objects: in cohort.yaml", "annotated images", cohort.name)]
        )
    return cohort


def _names_unlike(cohort_yaml: CohortYaml, rows: Sequence[Row]) -> list[str]:
    """Annotators that only one of the two files knows."""
    first: dict[str, Row] = {}
    for row in rows:
        if row.annotator:
            first.setdefault(row.annotator, row)
    stated = {"annotators": cohort_yaml.annotators, "crowd": cohort_yaml.crowd, "truth": (cohort_yaml.truth,)}
    found = [
        complaint(key, f"an annotator of {MANIFEST}", f"{name}{did_you_mean(name, first)}", COHORT_YAML)
        for key, names in stated.items()
        for name in names
        if name and name not in first
    ]
    drawing = [name for name in first if name != cohort_yaml.truth]
    found += [
        complaint("people", f"an annotator of {MANIFEST}", f"{name}{did_you_mean(name, drawing)}", COHORT_YAML)
        for name in cohort_yaml.people
        if name not in drawing
    ]
    known = [name for names in stated.values() for name in names if name]
    if cohort_yaml.annotators:
        expected = f"a name that {COHORT_YAML} lists"
        found += [
            complaint("annotator", expected, f"{name}{did_you_mean(name, known)}", row.where)
            for name, row in first.items()
            if name not in known
        ]
    doubled = sorted({name for name in known if known.count(name) > 1})
    return found + [
        complaint(f"lists that name {name}", "one of annotators, crowd, truth", "two", COHORT_YAML) for name in doubled
    ]


def _channels_unlike(cohort_yaml: CohortYaml, rows: Sequence[Row]) -> list[str]:
    count = len(cohort_yaml.channels)
    first = {row.case: row for row in reversed(rows)}
    expected = "1" if count == 1 else f"1 or {count} ({', '.join(cohort_yaml.channels)})"
    return [
        complaint("image files", expected, len(row.images), row.where)
        for row in reversed(first.values())
        if row.images and len(row.images) not in (1, count)
    ]


# ---------------------------------------------------------------------------------------- writing
def write_cohort(cohort: Cohort, overwrite: bool = False) -> None:
    """Write manifest.csv and cohort.yaml into the cohort's root.

    Raises Refused if one is there with another content, unless ``overwrite``, if an annotator bears the
    name that the known truth goes by, and for names that no file can have (``names``).
    """
    files = {MANIFEST: manifest_text(cohort), COHORT_YAML: cohort_yaml_text(cohort)}
    places = {cohort.root / name: text for name, text in files.items()}
    complaints = cohort_naming_complaints(cohort)
    if not overwrite:
        complaints += [
            complaint("file to write", "none, or the same content", "another content", str(place))
            for place, text in places.items()
            if place.exists() and place.read_text("utf-8") != text
        ]
    if TRUTH in (*cohort.annotators, *cohort.crowd) and any(case.truth for case in cohort.cases):
        complaints.append(complaint("annotator", "another name than the known truth's", TRUTH, cohort.name))
    if complaints:
        raise Refused(complaints)
    cohort.root.mkdir(parents=True, exist_ok=True)
    for place, text in places.items():
        temporary = place.with_name(f".writing-{os.getpid()}-{place.name}")
        temporary.write_text(text, "utf-8")
        os.replace(temporary, place)


def require_empty(out: Path) -> None:
    """Raise Refused if ``out`` is a file, or a folder that holds anything."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Refused([complaint("output folder", "a new or empty folder", "one that holds files", str(out))])
