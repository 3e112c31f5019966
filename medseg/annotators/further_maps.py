"""What `medseg predict` writes if asked: the learned matrices voxel by voxel, and plausible segmentations."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from medseg.annotators.assembly import Signature
from medseg.annotators.matrices import MATRICES, RELIABILITY, matrix_complaints, write_matrices
from medseg.annotators.nouns import Prediction
from medseg.annotators.plausible import SAMPLES, TABLE, drawn_annotators, sample_complaints
from medseg.annotators.predictor import Predictor
from medseg.contracts import AskedMaps, Volume, complaint
from medseg.evaluation import write_table
from medseg.images import write_labels, write_map

PROBABILITIES = "annotator_probabilities"


@dataclass(frozen=True, kw_only=True)
class FurtherMaps:
    """See ``predictor.Further``.

    annotator_probabilities/<annotator>/<class>/<case>: q^(a)[o], float32; confusion/<annotator>/<case> and
    reliability/<annotator>/<case>: see ``matrices.write_matrices``; samples/<number>/<case>, and samples.csv which
    says whose label each is: see ``plausible``.
    """

    asked: AskedMaps
    """Which of them."""
    rows: list[tuple[str, int, str, float]] = field(default_factory=list, init=False)
    """Of samples.csv, of the images written so far."""

    @property
    def results(self) -> tuple[str, ...]:
        """Files and folders."""
        probabilities = (PROBABILITIES,) if self.asked.annotator_probabilities else ()
        matrices = (MATRICES, RELIABILITY) if self.asked.confusion else ()
        return (*probabilities, *matrices, *(() if self.asked.samples is None else (SAMPLES, TABLE)))

    def complaints(self, predictor: Predictor, run: Path) -> list[str]:
        """A run without matrices, one that takes all annotators for one, a number of samples that is none, nobody."""
        asked = self.asked
        found = matrix_complaints(predictor, "--confusion", run) if asked.confusion else []
        if not asked.annotators and (asked.annotator_probabilities or asked.confusion or asked.samples is not None):
            found.append(complaint("--no-annotators", "no maps of annotators", "some that are asked for", str(run)))
        return found if asked.samples is None else [*found, *sample_complaints(predictor, asked.samples, run)]

    def write(self, predictor: Predictor, image: Volume, prediction: Prediction, *, out: Path, suffix: str) -> None:
        """Of one image, and of the annotators of this part of its prediction."""
        if self.asked.annotator_probabilities:
            write_probabilities(prediction, predictor.signature, out / PROBABILITIES, suffix)
        if self.asked.confusion:
            write_matrices(predictor, image, prediction, out=out, suffix=suffix)
        annotators = predictor.signature.annotators
        values = np.array([label.value for label in predictor.signature.classes])
        drawn = drawn_annotators(prediction.case, self.asked.samples or 0, len(annotators))
        here = range(prediction.first, prediction.first + len(prediction.annotator_probs))
        for number, index in enumerate(drawn.tolist(), start=1):
            if index not in here:
                continue
            labels = values[prediction.annotator_probs[index - here.start].argmax(axis=0)]
            volume = Volume(array=labels, affine=prediction.affine, spacing_mm=prediction.spacing_mm)
            write_labels(out / SAMPLES / f"{number:04d}" / f"{prediction.case}{suffix}", volume)
            self.rows.append((prediction.case, number, annotators[index], 1 / len(annotators)))

    def finish(self, out: Path) -> None:
        """samples.csv; weight: with which an annotator is drawn."""
        if self.asked.samples is not None:
            place = {case: number for number, case in enumerate(dict.fromkeys(row[0] for row in self.rows))}
            rows = sorted(self.rows, key=lambda row: (place[row[0]], row[1]))  # of parts they come in another order
            write_table(out / TABLE, ("case", "sample", "annotator", "weight"), rows)


def write_probabilities(prediction: Prediction, signature: Signature, out: Path, suffix: str) -> None:
    """q^(a)[o] as <annotator>/<class>/, float32, with one file per case."""
    for index, of_classes in enumerate(prediction.annotator_probs, start=prediction.first):
        annotator = signature.annotators[index]
        for label, probs in zip(signature.classes, of_classes, strict=True):
            volume = Volume(array=probs, affine=prediction.affine, spacing_mm=prediction.spacing_mm)
            write_map(out / annotator / label.name / f"{prediction.case}{suffix}", volume)
