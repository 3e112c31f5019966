"""What `medseg predict` writes if asked: the learned matrices voxel by voxel, and plausible segmentations."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from medseg.annotators.assembly import Signature
from medseg.annotators.matrices import MATRICES, RELIABILITY, matrix_complaints, write_matrices
from medseg.annotators.nouns import Prediction
from medseg.annotators.plausible import SAMPLES, TABLE, drawn_annotators, sample_complaints
from medseg.annotators.predicted_maps import label_values
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
        """Of one image."""
        if self.asked.annotator_probabilities:
            write_probabilities(prediction, predictor.signature, out / PROBABILITIES, suffix)
        if self.asked.confusion:
            write_matrices(predictor, image, prediction, out=out, suffix=suffix)
        annotators = predictor.signature.annotators
        drawn = drawn_annotators(prediction.case, self.asked.samples or 0, len(annotators)).tolist()
        for index in sorted(set(drawn)):
            labels = label_values(prediction.annotator_probs[index], predictor.signature)
            volume = Volume(array=labels, affine=prediction.affine, spacing_mm=prediction.spacing_mm)
            for number in (number for number, each in enumerate(drawn, start=1) if each == index):
                write_labels(out / SAMPLES / f"{number:04d}" / f"{prediction.case}{suffix}", volume)
        named = enumerate((annotators[index] for index in drawn), start=1)
        self.rows.extend((prediction.case, number, name, 1 / len(annotators)) for number, name in named)

    def finish(self, out: Path) -> None:
        """samples.csv; weight: with which an annotator is drawn."""
        if self.asked.samples is not None:
            write_table(out / TABLE, ("case", "sample", "annotator", "weight"), self.rows)


def write_probabilities(prediction: Prediction, signature: Signature, out: Path, suffix: str) -> None:
    """q^(a)[o] as <annotator>/<class>/, float32, with one file per case."""
    for annotator, of_classes in zip(signature.annotators, prediction.annotator_probs, strict=True):
        for label, probs in zip(signature.classes, of_classes, strict=True):
            volume = Volume(array=probs, affine=prediction.affine, spacing_mm=prediction.spacing_mm)
            write_map(out / annotator / label.name / f"{prediction.case}{suffix}", volume)
