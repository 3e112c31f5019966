"""`medseg predict`: a run folder and images -> maps on the images' own grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medseg.contracts import NO_MORE, AskedMaps
from medseg.experiment.methods import method_of_run


def predict_images(run: Path, images: Path, out: Path, asked: AskedMaps = NO_MORE) -> Sequence[Path]:
    """Predict an image, or every one of a folder; a path per case. Raises Refused before anything is written."""
    return method_of_run(run).predict(run, images, out, asked)
