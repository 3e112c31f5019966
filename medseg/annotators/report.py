"""report/index.html of a run with annotators, from what training and evaluation left in its folder."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from medseg.annotators.diagnosis import section
from medseg.annotators.fusion_file import fusion_in
from medseg.contracts import Refused, complaint
from medseg.evaluation import METRICS
from medseg.reporting import Table, number_text, write_page

PICTURES = {
    "run.png": "Cases and confusion matrices",
    "reliance.png": "How far the labels' truth relied on whom",
    "reliability.png": "How reliable each annotator is learned to be, and where",
    "calibration.png": "Whether probabilities can be believed",
}
"""What lies in report/, in the order of the page."""
WORST = ("truth_dice", "fused_dice", "annotator_nll")
"""By the first of these that is defined, the worst cases come first."""
WORDS = {
    "labelled in train": "so many training cases has the annotator labelled",
    "labelled in val": "so many validation cases",
    "skill": "nats that a label beside a border tells of the truth that is fused of all labels: from 0, of an "
    "annotator who writes the same whatever is there, to the logarithm of the number of classes",
    "nats": "reliance, mean over the cases that the training saw: how far the fused truth relies on the annotator's "
    "labels where annotators differ; below 0 they were overruled",
    "share": "of the voxels on which annotators differ, the share in which the annotator's label is the fused class",
    "labels' truth": "what all labels say together: their fusion, each weighed by what its annotator is worth; or "
    "their mean shape, where images tell more of it: nobody is good, and they err on both sides of the truth",
    "told by the labels": "nats that the labels of an image tell of a voxel beside the border, the skills of those who "
    "labelled it together: below 0.6 the truth is in doubt; n/a where it was not counted",
    "told by the images": "nats per disputed voxel that a simple look at the image tells of that truth: near 0 where "
    "it cannot be seen, the logarithm of the number of classes at most",
    "worst case": "of an annotator: the case of training or validation in which the annotator was relied on least",
}
"""The columns of the table of annotators."""
SUMMARY, RELIANCE = ("annotator", "skill", "nats", "share", "cases", "worst_case"), ("case", "split", "annotator")
READ = ("config.yaml", "metrics.jsonl", "splits.json", "annotators.csv", "reliance.csv")
"""What training left, and the page shows."""


def write_report(folder: Path) -> Path:
    """The page of an evaluated run folder. Raises Refused for a table that `medseg` did not write."""
    found = {
        "The annotators": annotators_table(folder),
        "The truth of their labels": truth_table(folder),
        "The diagnosis": section.diagnosis_table(folder),
    }
    about = {heading: [table] for heading, table in found.items() if table is not None}
    return write_page(folder, METRICS, pictures={**PICTURES, **section.PICTURES}, about=about, words=WORDS)


def annotators_table(folder: Path) -> Table | None:
    """annotators.csv, with how many cases everybody labelled (reliance.csv); None where they are not there."""
    if not ((folder / "annotators.csv").is_file() and (folder / "reliance.csv").is_file()):
        return None
    people, cases = _read(folder / "annotators.csv", SUMMARY), _read(folder / "reliance.csv", RELIANCE)
    counts = cases.groupby(["annotator", "split"]).size()
    rows = []
    for _, row in people.iterrows():
        labelled = (str(counts.get((row["annotator"], split), 0)) for split in ("train", "val"))
        numbers = (number_text(float(row[name] or "nan")) for name in ("skill", "nats", "share"))
        rows.append((str(row["annotator"]), *labelled, *numbers, str(row["worst_case"])))
    columns = ("annotator", "labelled in train", "labelled in val", "skill", "nats", "share", "worst case")
    return Table(columns=columns, rows=rows)


def truth_table(folder: Path) -> Table | None:
    """What fusion.json says of the truth that was taken; None where it is not there, or says nothing of it."""
    fusion = fusion_in(folder)
    if fusion is None or (math.isnan(fusion.told) and math.isnan(fusion.heard)):
        return None
    made = f"the mean shape, {fusion.reach:.2g} voxels of reach" if fusion.reach else "the fusion"
    columns = ("labels' truth", "told by the labels", "told by the images")
    return Table(columns=columns, rows=[(made, number_text(fusion.heard), number_text(fusion.told))])


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError) as error:  # pandas' own errors of parsing are ValueErrors
        raise Refused([complaint(path.name, "a table", str(error).splitlines()[0], str(path))]) from None
    if not set(columns) <= set(frame.columns):
        raise Refused([complaint(path.name, ",".join(columns), ",".join(frame.columns), str(path))])
    return frame
