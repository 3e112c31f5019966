"""How far the labels' truth relies on whom: per case and annotator a number and a map, per annotator a summary.

A fusion (``annotators.fusion``) is fitted on the labels of a run's training cases, and asked case by case. It needs no
network, so that every recipe's run has it. Training leaves fusion.json, reliance.csv (the cases that it saw) and
annotators.csv in the run folder; ``medseg evaluate`` adds the test cases, as scores and maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medseg.annotators.assembly import Signature, read_annotator_run
from medseg.annotators.consensus import disputed
from medseg.annotators.drawn import Index, drawn_box
from medseg.annotators.fusion import Fusion
from medseg.annotators.fusion_file import FUSION, fusion_in, write_fusion
from medseg.annotators.loading.grid import Grid, labels_to_grid
from medseg.annotators.loading.placement import probs_to_native
from medseg.annotators.loading.records import Record
from medseg.annotators.loading.samples import Sample
from medseg.annotators.loading.source import CohortSource
from medseg.annotators.sources import build_source
from medseg.cohorts import Array
from medseg.contracts import UNLABELLED, Cohort, Score, Volume, watched
from medseg.evaluation import present, score_of, write_table
from medseg.images import suffix_of, write_map

RELIANCE, SUMMARY = "reliance.csv", "annotators.csv"
"""What training leaves in the run folder, beside the fusion."""


@dataclass(frozen=True, kw_only=True)
class Reliance:
    """How far the fused truth of one case relies on each annotator's labels."""

    evidence: NDArray[np.float32]
    """(A,S...) nats by which a label speaks for the fused truth (``Fusion.evidence``)."""
    nats: NDArray[np.float64]
    """(A,) mean of the evidence over the disputed voxels that the annotator labelled; nan where there is none."""
    share: NDArray[np.float64]
    """(A,) share of the same voxels in which the annotator's label is the fused class."""
    probs: NDArray[np.float32]
    """(T,S...) p(t | all labels); all 0 where nobody labelled."""
    fused: NDArray[np.integer]
    """(S...) the most probable class given all labels; UNLABELLED where nobody labelled."""


def rely(
    fusion: Fusion, labels: NDArray[np.integer], annotator_index: Index | None = None, consensus: Array | None = None
) -> Reliance:
    """labels (A,S...) of one case on the network's grid, or of those at ``annotator_index`` -> its Reliance there.

    consensus: (T,S...) what the fusion says of these labels, where it is known.
    """
    probs = fusion(labels, annotator_index) if consensus is None else np.asarray(consensus)
    evidence = fusion.evidence(labels, probs, annotator_index)
    asked = [disputed(labels) & (drawn != UNLABELLED) for drawn in labels]
    fused = _most_probable(probs)
    nats, share = _means(evidence, asked), _means(labels == fused, asked)
    return Reliance(evidence=evidence, nats=nats, share=share, probs=probs, fused=fused)


def rely_on_native(fusion: Fusion, record: Record, grid: Grid) -> Reliance:
    """The same of a case on its own grid: the numbers are those of the network's grid, the maps come back from it."""
    placement = grid.place(record.image.shape[1:], record.affine, record.spacing_mm)
    labels = labels_to_grid(record.labels, placement)
    found = rely(fusion, labels)
    probs = probs_to_native(found.probs, placement)
    fused = np.where((record.labels != UNLABELLED).any(axis=0), probs.argmax(axis=0), UNLABELLED)
    return replace(found, evidence=probs_to_native(found.evidence, placement), probs=probs, fused=fused)


def reliance_scores(
    record: Record, reliance: Reliance, recovered: NDArray[np.integer], *, annotators: Sequence[str]
) -> list[Score]:
    """Rows of scores.csv: for each annotator (names in the order of A) who saw the case, and for the recovered truth.

    recovered: (S...) class indices of the network's truth, which is set beside the fused one.
    """
    case, fused = record.case.name, reliance.fused
    area = np.count_nonzero(fused > 0)
    covered = np.count_nonzero((recovered > 0) & (fused != UNLABELLED))
    scores = [
        score_of("fused_dice", overall_dice(recovered, fused), case=case),
        score_of("fused_area_ratio", covered / area if area else float("nan"), case=case),
    ]
    for index in np.flatnonzero(present(record.labels)).tolist():
        of_one = {"reliance": reliance.nats[index], "annotator_fused_dice": overall_dice(record.labels[index], fused)}
        scores += [
            score_of(name, float(value), case=case, annotator=annotators[index]) for name, value in of_one.items()
        ]
    return scores


def overall_dice(labels: NDArray[np.integer], fused: NDArray[np.integer]) -> float:
    """Dice of all foreground classes together, of labels (S...) and the fused truth (S...): nan without foreground."""
    known = (labels != UNLABELLED) & (fused != UNLABELLED)
    mine, other = labels[known], fused[known]
    size = np.count_nonzero(mine > 0) + np.count_nonzero(other > 0)
    return 2 * np.count_nonzero((mine == other) & (mine > 0)) / size if size else float("nan")


def write_reliance_maps(record: Record, reliance: Reliance, annotators: Sequence[str], out: Path) -> None:
    """<annotator>/<case>, float maps in nats on the case's own grid, of each annotator who saw it (pictures: TIFF)."""
    name = record.case.name + suffix_of(record.case.images[0])
    for index in np.flatnonzero(present(record.labels)).tolist():
        evidence = Volume(array=reliance.evidence[index], affine=record.affine, spacing_mm=record.spacing_mm)
        write_map(out / annotators[index] / name, evidence)


def write_reliance(run: Path, cohort: Cohort, source: CohortSource | None = None) -> Fusion:
    """Fit the fusion on the training cases just as training does; write what it says of all cases that were seen.

    cohort: the run's own, with its split. source: that of the training, where it is at hand, which has read the cases,
    and perhaps fused them. Raises Refused where a file cannot be read.
    """
    signature, source = Signature.read(run), source or _source_of_run(run, cohort)
    target = "annotated" if source.samples.fusion is None else "fused"
    fusion = source.samples.fusion or source.samples.fuse(source.train)
    rows = [
        (case.name, split, signature.annotators[index], float(nats), float(share))
        for split, cases in (("train", source.train), ("val", source.val))
        for case, sample in (
            (case, source.samples.of(case, target)) for case in watched(cases, f"relying, {split}", len(cases))
        )
        for found in (_relied_in_box(fusion, sample),)
        for index, nats, share in zip(_whose(sample), found.nats, found.share, strict=True)
    ]
    write_table(run / RELIANCE, ("case", "split", "annotator", "nats", "share"), rows)
    skills = dict(zip(signature.annotators, fusion.information().tolist(), strict=True))
    frame = pd.DataFrame(rows, columns=["case", "split", "annotator", "nats", "share"])
    summary = [(name, skill, *_summary(frame.loc[frame["annotator"] == name])) for name, skill in skills.items()]
    write_table(run / SUMMARY, ("annotator", "skill", "nats", "share", "cases", "worst_case"), summary)
    write_fusion(run / FUSION, fusion)
    return fusion


def _relied_in_box(fusion: Fusion, sample: Sample) -> Reliance:
    """In the box around all that was drawn: the numbers are those of the whole case, of which less is held."""
    labels = np.asarray(sample.labels)
    box = (slice(None), *drawn_box(labels))
    return rely(
        fusion, labels[box], sample.annotator_index, None if sample.consensus is None else sample.consensus[box]
    )


def any_disputed(run: Path) -> bool:
    """Whether annotators.csv of a run tells of a voxel that they label differently; False where there is none."""
    path = run / SUMMARY
    return path.is_file() and bool(pd.read_csv(path)["share"].notna().any())


def fusion_of_run(run: Path, cohort: Cohort | None) -> Fusion | None:
    """As training left it; of a run that has none fitted on the run's own ``cohort``, where that is given."""
    known = fusion_in(run)
    if known is not None or cohort is None:
        return known
    source = _source_of_run(run, cohort)
    return source.samples.fuse(source.train)


def _source_of_run(run: Path, cohort: Cohort) -> CohortSource:
    return build_source(read_annotator_run(run), cohort, Signature.read(run).annotators)


def _whose(sample: Sample) -> Sequence[int]:
    """The annotators of a sample's rows."""
    return range(len(sample.labels)) if sample.annotator_index is None else sample.annotator_index.tolist()


def _most_probable(probs: NDArray[np.floating]) -> NDArray[np.integer]:
    return np.where(probs.sum(axis=0) > 0, probs.argmax(axis=0), UNLABELLED)


def _means(values: NDArray[np.generic], asked: Sequence[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """(A,) of values (A,S...) where each annotator is asked; nan where nowhere."""
    return np.array([of_one[at].mean() if at.any() else np.nan for of_one, at in zip(values, asked, strict=True)])


def _summary(rows: pd.DataFrame) -> tuple[float, float, int, str]:
    """Means over an annotator's cases, how many they are, and the one in which he was relied on least."""
    defined = rows.dropna(subset=["nats"])
    worst = "" if defined.empty else str(defined["case"].iloc[int(defined["nats"].to_numpy().argmin())])
    return float(defined["nats"].mean()), float(defined["share"].mean()), len(rows), worst
