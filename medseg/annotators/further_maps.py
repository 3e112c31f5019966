"""What `medseg predict` writes if asked: the learned matrices voxel by voxel, and plausible segmentations."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from medseg.annotators.matrices import MATRICES, RELIABILITY, matrix_complaints, write_matrices
from medseg.annotators.nouns import Prediction
from medseg.annotators.plausible import SAMPLES, TABLE, drawn_annotators, sample_complaints
from medseg.annotators.predictor import Predictor
from medseg.contracts import Volume
from medseg.evaluation import write_table
from medseg.images import write_labels


@dataclass(frozen=True, kw_only=True)
class FurtherMaps:
    """See ``predictor.Further``."""

    confusion: bool = False
    """confusion/<annotator>/<case> and reliability/<annotator>/<case>: see ``matrices.write_matrices``."""
    samples: int | None = None
    """samples/<number>/<case>, and samples.csv which says whose label each is: see ``plausible``."""
    _rows: list[tuple[str, int, str, float]] = field(default_factory=list, init=False)

    @property
    def results(self) -> tuple[str, ...]:
        """Files and folders."""
        matrices = (MATRICES, RELIABILITY) if self.confusion else ()
        return matrices if self.samples is None else (*matrices, SAMPLES, TABLE)

    def complaints(self, predictor: Predictor, run: Path) -> list[str]:
        """A run without matrices, one that takes all annotators for one, and a number of samples that is none."""
        found = matrix_complaints(predictor, "--confusion", run) if self.confusion else []
        return found if self.samples is None else [*found, *sample_complaints(predictor, self.samples, run)]

    def write(self, predictor: Predictor, image: Volume, prediction: Prediction, *, out: Path, suffix: str) -> None:
        """Of one image."""
        if self.confusion:
            write_matrices(predictor, image, prediction, out=out, suffix=suffix)
        annotators = predictor.signature.annotators
        values = np.array([label.value for label in predictor.signature.classes])
        drawn = drawn_annotators(prediction.case, self.samples or 0, len(annotators))
        for number, index in enumerate(drawn.tolist(), start=1):
            labels = values[prediction.annotator_probs[index].argmax(axis=0)]
            volume = Volume(array=labels, affine=prediction.affine, spacing_mm=prediction.spacing_mm)
            write_labels(out / SAMPLES / f"{number:04d}" / f"{prediction.case}{suffix}", volume)
            self._rows.append((prediction.case, number, annotators[index], 1 / len(annotators)))

    def finish(self, out: Path) -> None:
        """samples.csv; weight: with which an annotator is drawn."""
        if self.samples is not None:
            write_table(out / TABLE, ("case", "sample", "annotator", "weight"), self._rows)
