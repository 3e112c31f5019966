"""`medseg predict`: a run folder and images -> maps on the images' own grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medseg.experiment.methods import method_of_run


def predict_folder(
    run: Path, images: Path, out: Path, *, confusion: bool = False, samples: int | None = None
) -> Sequence[Path]:
    """Predict every image of a folder; a path per case. Raises Refused before anything is written.

    confusion: every annotator's matrices too; samples: so many plausible segmentations of each image.
    """
    return method_of_run(run).predict(run, images, out, confusion=confusion, samples=samples)
