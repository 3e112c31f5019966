"""`medseg annotators`: a run or a cohort -> a folder of tables, pictures and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from medseg.annotators.people.examples import draw_outliers
from medseg.annotators.people.findings import Findings, find
from medseg.annotators.people.labelling import labelling_of
from medseg.annotators.people.page import cells, write_page
from medseg.annotators.people.pictures import draw_matrices, draw_measures, draw_pairs, draw_space
from medseg.annotators.people.tables import tables_of
from medseg.annotators.truths import doubts_of
from medseg.contracts import Refused, complaint
from medseg.evaluation import mean_of_defined, write_table
from medseg.images import place_complaints, whole_or_as_before
from medseg.reporting import markdown, number_text

PAGE = "index.html"

MEASURES = (
    "Dots are values, bars their 95 % intervals over patients; who errs alike has one colour. Grey: to neither side."
)
MATRICES = "Of the voxels that are what stands below (true), the share that the annotator calls what stands beside it."
PAIRS = "Those who err alike are neighbours; a frame is a cluster. Empty: themselves, or no case that both labelled."
OUTLIERS = "A mask that is far worse than the others' of its case, and than its annotator's own of other cases."
SPACE = (
    "All cases, each moved and scaled so that centre and radius of the object agree. Red: the share of his cases in "
    "which the annotator adds there, less that in which he cuts; blue: the other way round. Line: the usual object."
)


def report_people(source: Path, out: Path | None = None) -> str:
    """Who errs, how and where, of a run folder or a cohort; returns what the user reads.

    out: by default the folder ``annotators`` of a run; what is there is replaced when all is made.
    Raises Refused as ``labelling_of``, for a cohort without ``out``, and for a place that takes no folder.
    """
    of_run = (source / "config.yaml").is_file()
    if out is None and not of_run and source.is_dir():
        raise Refused([complaint("--out", "a folder for the report on a cohort", "none", str(source))])
    place = source / "annotators" if out is None else out
    if complaints := place_complaints(place, None if of_run else source):
        raise Refused(complaints)
    findings = find(labelling_of(source))
    tables = tables_of(findings)
    said = _said(findings, tables)
    with whole_or_as_before(place) as folder:
        for name, table in tables.items():
            write_table(folder / name, list(table.columns), table.itertuples(index=False, name=None))
        pictures = _draw(findings, tables, folder)
        title = f"The annotators of {findings.labelling.cohort.name}"
        write_page(folder / PAGE, title, said=said, tables=tables, pictures=pictures)
    return "\n".join([markdown(cells(tables["annotators.csv"])), *said, f"page: {place / PAGE}"])


def _draw(findings: Findings, tables: Mapping[str, pd.DataFrame], folder: Path) -> dict[str, dict[str, str]]:
    """Table -> the pictures that belong to it -> how they are read."""
    labelling = findings.labelling
    order = [labelling.annotators[index] for index in findings.styles.order]
    draw_measures(tables["annotators.csv"], order, folder / "annotators.png")
    draw_matrices(tables["confusion.csv"], order, folder / "confusion.png")
    draw_pairs(findings, _dice(findings), folder / "pairs.png")
    draw_outliers(findings, folder / "outliers.png")
    shown = {
        "annotators.csv": {"annotators.png": MEASURES},
        "confusion.csv": {"confusion.png": MATRICES},
        "pairs.csv": {"pairs.png": PAIRS},
        "outliers.csv": {"outliers.png": OUTLIERS},
    }
    for label, name in enumerate(labelling.classes[1:], start=1):
        picture = f"where_{name}.png"
        draw_space(findings, label, folder / picture)
        shown["annotators.csv"][picture] = SPACE
    return shown


def _dice(findings: Findings) -> np.ndarray:
    """(A,A) mean over cases; nan of pairs that share none."""
    dice = np.stack([each.dice for each in findings.agreement])
    return np.ma.filled(np.ma.masked_invalid(dice).mean(axis=0), np.nan)


def _said(findings: Findings, tables: Mapping[str, pd.DataFrame]) -> Sequence[str]:
    """What a table of annotators does not say, in sentences."""
    labelling = findings.labelling
    agreement = tables["agreement.csv"]
    means = {name: number_text(mean_of_defined(agreement[name].to_numpy(np.float64)))
             for name in ("dice", "fleiss_kappa", "krippendorff_alpha")}  # fmt: skip
    patients = len(set(findings.patients))
    lines = [
        f"{len(labelling.cohort.cases)} cases of {patients} patients; each annotator is measured by "
        f"{labelling.measured_by}",
        f"agreement, means over cases: pairwise Dice {means['dice']}, Fleiss' kappa {means['fleiss_kappa']}, "
        f"Krippendorff's alpha {means['krippendorff_alpha']}",
    ]
    if not labelling.known:
        lines += [f"alarm: {doubt}" for doubt in doubts_of(labelling.fusion)]
    if set(labelling.annotators) <= set(labelling.cohort.crowd):
        lines.append("the annotators are slots of a crowd: another person from case to case")
    lines += _again(tables["repeats.csv"])
    outliers, asks = tables["outliers.csv"], tables["ask.csv"]
    worst = [f"{row.case}/{row.annotator} (Dice {row.dice:.2f})" for row in outliers.head(3).itertuples()]
    lines.append(f"outliers: {len(outliers)}" + (f", {', '.join(worst)}" if worst else ""))
    if len(asks):
        first = asks.iloc[0]
        lines.append(f"ask next: {first['annotator']} about {first['case']} ({first['gain_nats']:.4g} nats)")
    else:
        lines.append("ask next: nobody, for all annotators labelled all cases")
    return lines


def _again(repeats: pd.DataFrame) -> list[str]:
    """How far people agree with themselves, beside how far with others, of the images that they labelled twice."""
    if not len(repeats):
        return []
    own, others = (number_text(mean_of_defined(repeats[name].to_numpy(np.float64))) for name in ("dice", "others_dice"))
    who = f"{len(repeats)} pairs of masks of {repeats['annotator'].nunique()} annotators"
    return [f"labelled again: {who}; mean Dice with oneself {own}, with others of the same image {others}"]
