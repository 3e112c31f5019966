"""`medseg predict`: a run folder and images -> maps on the images' own grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medseg.experiment.methods import method_of_run


def predict_images(
    run: Path,
    images: Path,
    out: Path,
    *,
    annotator_probabilities: bool = False,
    confusion: bool = False,
    samples: int | None = None,
) -> Sequence[Path]:
    """Predict an image, or every one of a folder; a path per case. Raises Refused before anything is written.

    annotator_probabilities: those of each annotator's labels too; confusion: every annotator's matrices; samples: so
    many plausible segmentations of each image.
    """
    asked: dict[str, Any] = {"annotator_probabilities": annotator_probabilities, "confusion": confusion}
    return method_of_run(run).predict(run, images, out, **asked, samples=samples)
