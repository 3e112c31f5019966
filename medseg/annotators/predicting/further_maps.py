"""What `medseg predict` writes if asked: matrices voxel by voxel, plausible segmentations, how novel an image looks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from medseg.annotators.assembly import Signature
from medseg.annotators.nouns import Prediction
from medseg.annotators.predicting.matrices import MATRICES, RELIABILITY, matrix_complaints, write_matrices
from medseg.annotators.predicting.novelty import COLUMNS, TABLE as NOVELTY, novelty
from medseg.annotators.predicting.plausible import SAMPLES, TABLE, drawn_annotators, sample_complaints
from medseg.annotators.predicting.predicted_maps import label_values
from medseg.annotators.predicting.predictor import Predictor
from medseg.contracts import AskedMaps, Volume, complaint
from medseg.evaluation import write_table
from medseg.images import write_labels, write_map

PROBABILITIES = "annotator_probabilities"

Row = tuple[str, str, tuple[Any, ...]]
"""The case, the table, the other columns."""


@dataclass(frozen=True, kw_only=True)
class FurtherMaps:
    """See ``predictor.Further``.

    annotator_probabilities/<annotator>/<class>/<case>: q^(a)[o], float32; confusion/<annotator>/<case> and
    reliability/<annotator>/<case>: see ``matrices.write_matrices``; samples/<number>/<case>, and samples.csv which
    says whose label each is: see ``plausible``; novelty.csv: see ``novelty``.
    """

    asked: AskedMaps
    """Which of them."""
    rows: list[Row] = field(default_factory=list, init=False)
    """Of the tables, of the images written so far."""

    @property
    def results(self) -> tuple[str, ...]:
        """Files and folders."""
        probabilities = (PROBABILITIES,) if self.asked.annotator_probabilities else ()
        matrices = (MATRICES, RELIABILITY) if self.asked.confusion else ()
        samples = () if self.asked.samples is None else (SAMPLES, TABLE)
        return (*probabilities, *matrices, *samples, *((NOVELTY,) if self.asked.novelty else ()))

    def complaints(self, predictor: Predictor, run: Path) -> list[str]:
        """A run without matrices, one that takes all annotators for one, a number of samples that is none, nobody."""
        asked = self.asked
        found = matrix_complaints(predictor, "--confusion", run) if asked.confusion else []
        of_annotators = asked.annotator_probabilities or asked.confusion or asked.samples is not None or asked.unseen
        if not asked.annotators and of_annotators:
            found.append(complaint("--no-annotators", "no maps of annotators", "some that are asked for", str(run)))
        return found if asked.samples is None else [*found, *sample_complaints(predictor, asked.samples, run)]

    def write(self, predictor: Predictor, image: Volume, prediction: Prediction, *, out: Path, suffix: str) -> None:
        """Of one image."""
        if self.asked.annotator_probabilities:
            write_probabilities(prediction, predictor.signature, out / PROBABILITIES, suffix)
        if self.asked.confusion:
            write_matrices(predictor, image, prediction, out=out, suffix=suffix)
        if self.asked.novelty:
            self.rows.append((prediction.case, NOVELTY, tuple(asdict(novelty(predictor, image)).values())))
        annotators = predictor.signature.annotators
        drawn = drawn_annotators(prediction.case, self.asked.samples or 0, len(annotators)).tolist()
        for index in sorted(set(drawn)):
            labels = label_values(prediction.annotator_probs[index], predictor.signature)
            volume = Volume(array=labels, affine=prediction.affine, spacing_mm=prediction.spacing_mm)
            for number in (number for number, each in enumerate(drawn, start=1) if each == index):
                write_labels(out / SAMPLES / f"{number:04d}" / f"{prediction.case}{suffix}", volume)
        named = enumerate((annotators[index] for index in drawn), start=1)
        self.rows.extend((prediction.case, TABLE, (number, name, 1 / len(annotators))) for number, name in named)

    def finish(self, out: Path) -> None:
        """samples.csv, weight being that with which an annotator is drawn, and novelty.csv."""
        tables = {TABLE: ("case", "sample", "annotator", "weight"), NOVELTY: COLUMNS}
        for name in (name for name in tables if name in self.results):
            write_table(out / name, tables[name], [(case, *rest) for case, table, rest in self.rows if table == name])


def write_probabilities(prediction: Prediction, signature: Signature, out: Path, suffix: str) -> None:
    """q^(a)[o] as <annotator>/<class>/, float32, with one file per case."""
    for annotator, of_classes in zip(signature.annotators, prediction.annotator_probs, strict=True):
        for label, probs in zip(signature.classes, of_classes, strict=True):
            volume = Volume(array=probs, affine=prediction.affine, spacing_mm=prediction.spacing_mm)
            write_map(out / annotator / label.name / f"{prediction.case}{suffix}", volume)
