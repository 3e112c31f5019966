"""What the pictures of one case need: of a volume, the slice with the most foreground."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.loading.records import Record
from medseg.annotators.nouns import Prediction
from medseg.annotators.pictures.panels import Panel
from medseg.evaluation import voxel_entropy


def panel_of(
    record: Record,
    prediction: Prediction,
    *,
    annotators: Sequence[str],
    classes: Sequence[str],
    evidence: NDArray[np.floating] | None = None,
    reliability: NDArray[np.floating] | None = None,
) -> Panel:
    """A case as it was drawn and as it is predicted.

    annotators, classes: names in the order of A and of T. evidence, reliability (A,S...): see ``Panel``.
    """
    spacing = prediction.spacing_mm or (1.0,) * (record.image.ndim - 1)
    flat = (slice(None),) * 2
    if record.image.ndim == 4:
        foreground = (record.labels > 0).any(0) | (prediction.truth_probs.argmax(0) > 0)
        flat = (*flat, int(foreground.sum((0, 1)).argmax()))
    image = record.image[(slice(None), *flat)]
    low, high = np.percentile(image, [0.5, 99.5])
    shown = np.clip((image - low) / max(high - low, 1e-6), 0, 1)
    return Panel(
        case=prediction.case,
        image=np.moveaxis(shown, 0, -1) if len(shown) == 3 else shown[0],
        labels=record.labels[(slice(None), *flat)],
        truth_labels=prediction.truth_probs.argmax(0)[flat],
        annotator_labels=prediction.annotator_probs.argmax(1)[(slice(None), *flat)],
        entropy=voxel_entropy(prediction.truth_probs)[flat],
        known_truth=None if record.truth is None else record.truth[flat],
        annotators=tuple(annotators),
        classes=tuple(classes),
        aspect=spacing[0] / spacing[1],
        evidence=None if evidence is None else evidence[(slice(None), *flat)],
        reliability=None if reliability is None else reliability[(slice(None), *flat)],
    )


def write_panel(folder: Path, panel: Panel) -> None:
    """As ``<case>.npz``, which ``read_panel`` reads."""
    arrays = {name: value for name, value in vars(panel).items() if name != "case" and value is not None}
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / f"{panel.case}.npz", allow_pickle=False, **arrays)
