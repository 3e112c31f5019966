"""DICOM: series of slices in any folders, and SEG or RTSTRUCT files, in any folders too, that say what was drawn on
which series."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medseg.cohorts.layouts.choices import Choices, stated_classes
from medseg.cohorts.layouts.converting import put_image, put_mask
from medseg.cohorts.layouts.files import natural
from medseg.cohorts.layouts.segments import classes_by_name, label_map
from medseg.cohorts.layouts.survey import cohort_of
from medseg.cohorts.manifest import TRUTH
from medseg.cohorts.reading import read_all
from medseg.contracts import Case, Cohort, Refused, Volume, complaint
from medseg.images import (
    SUFFIXES,
    DicomMasks,
    DicomSeries,
    find_series,
    mask_kind,
    masks_on,
    read_mask_header,
    read_series,
    suffix_of,
)

NEEDS = "series of DICOM slices, and the SEG or RTSTRUCT files that name them, in any folders"

_TELLS: tuple[Callable[[DicomMasks], str], ...] = (
    lambda file: file.creator,
    lambda file: file.description,
    lambda file: file.path.parent.name,
    lambda file: file.path.stem,
)
"""What may say whose a file is, the best first."""


@dataclass(frozen=True, kw_only=True)
class _Scan:
    """A series that somebody drew on."""

    name: str
    """Of its case."""
    series: DicomSeries
    """Its slices."""
    masks: dict[str, DicomMasks]
    """Annotator -> file."""


def detect(root: Path) -> bool:
    """Whether any file below the root is a DICOM SEG or RTSTRUCT."""
    return any(mask_kind(path) for path in _files(root))


def index(root: Path, choices: Choices) -> Cohort:
    """A case per series that a SEG or RTSTRUCT names; both are written anew as NIfTI, CT in Hounsfield units.

    Segments and structures go by their names, all of them, or those of ``choices.classes`` alone. An annotator is who
    made the file (ContentCreatorName, OperatorsName), what it calls itself (SeriesDescription, StructureSetLabel), its
    folder, or its name: of these the one that every file has, that tells the files of each scan apart, and that names
    the fewest people; ``truth`` is the known truth. Raises Refused without highdicom, for files whose scan is not
    there, and as ``masks_on`` does.
    """
    out = choices.out or root
    files = [read_mask_header(path) for path in _files(root) if mask_kind(path)]
    scans = _scans(root, files)
    names = [name for scan in scans for masks in scan.masks.values() for name in masks.names]
    classes = stated_classes(choices.classes) or classes_by_name(names)
    values = {label.name: label.value for label in classes}
    chosen = values if choices.classes is not None else None
    cases = read_all(scans, lambda scan: _case(scan, values, chosen, out))
    return cohort_of(root, cases, choices, classes=classes)


def _files(root: Path) -> Iterator[Path]:
    """Those that may be DICOM: its files bear any suffix, or none."""
    found = (path for path in root.rglob("*") if suffix_of(path) not in SUFFIXES and not path.name.startswith("."))
    return (path for path in sorted(found, key=lambda path: natural(path.as_posix())) if path.is_file())


def _scans(root: Path, files: Sequence[DicomMasks]) -> list[_Scan]:
    """The series that are drawn on, each with its files by annotator."""
    folders = dict.fromkeys(path.parent for path in _files(root) if not mask_kind(path))
    series = {each.series: each for folder in folders for each in find_series(folder)}
    complaints = [
        complaint("scan of a mask", "a series below the folder", file.series or "none named", str(file.path))
        for file in files
        if file.series not in series
    ]
    if complaints:
        raise Refused(complaints)
    drawn: dict[str, list[DicomMasks]] = {}
    for file in files:
        drawn.setdefault(file.series, []).append(file)
    whose, several = _annotators(list(drawn.values())), [series[name].patient for name in drawn]
    return [
        _Scan(
            name=_case_name(series[name], several.count(series[name].patient) > 1),
            series=series[name],
            masks={whose[file.path]: file for file in own},
        )
        for name, own in drawn.items()
    ]


def _case_name(series: DicomSeries, several: bool) -> str:
    """The patient, and of several scans of one the end of the series' name."""
    patient = _word(series.patient)
    return "_".join(filter(None, (patient, series.series.rsplit(".", 1)[-1][-6:] if several or not patient else "")))


def _annotators(drawn: Sequence[Sequence[DicomMasks]]) -> Mapping[Path, str]:
    """File -> annotator; drawn: the files of each scan. Raises Refused where nothing tells those of one apart."""
    told = [{file.path: _word(tells(file)) for own in drawn for file in own} for tells in _TELLS]
    fitting = [
        names
        for names in told
        if all(names.values()) and all(len({names[file.path] for file in own}) == len(own) for own in drawn)
    ]
    if not fitting:
        own = max(drawn, key=len)
        got = f"{own[0].path} and {own[-1].path}"
        expected = "files that differ in who made them, what they are called, or their folder"
        raise Refused([complaint("masks of one scan", expected, got, own[0].series)])
    return min(fitting, key=lambda names: len({*names.values()}))


def _word(text: str) -> str:
    """As a name that a file can have: ``Doe^Anna`` -> ``Doe_Anna``."""
    return re.sub(r"[^\w.-]+", "_", text).strip("_. ")


def _case(scan: _Scan, values: Mapping[str, int], chosen: Mapping[str, int] | None, out: Path) -> Case:
    volume = read_series(scan.series, scan.name)
    masks: dict[str, Path] = {}
    for annotator, file in scan.masks.items():
        where = f"{scan.name}/{annotator}"
        parts = ((name, inside) for name, inside in masks_on(file, volume, where) if chosen is None or name in chosen)
        labels = label_map(parts, values, volume.array.shape[1:], where)
        masks[annotator] = put_mask(
            out, annotator, scan.name, Volume(array=labels, affine=volume.affine, spacing_mm=volume.spacing_mm)
        )
    patient = _word(scan.series.patient) or scan.name
    image, known = put_image(out, scan.name, volume), masks.pop(TRUTH, None)
    return Case(name=scan.name, patient=patient, images=(image,), annotations=masks, truth=known)
