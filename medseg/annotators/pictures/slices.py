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
    at: int | None = None,
) -> Panel:
    """A case as it was drawn and as it is predicted.

    annotators, classes: names in the order of A and of T. evidence, reliability (A,S...): see ``Panel``.
    at: of a volume this slice along its last axis, by default the one with the most foreground.
    """
    spacing = prediction.spacing_mm or (1.0,) * (record.image.ndim - 1)
    flat: tuple[slice | int, ...] = (slice(None),) * 2
    if record.image.ndim == 4:
        flat = (*flat, int(foreground_of(record, prediction).sum((0, 1)).argmax()) if at is None else at)
    each = (slice(None), *flat)
    low, high = np.percentile(record.image, [0.5, 99.5])
    shown = np.clip((record.image[each] - low) / max(high - low, 1e-6), 0, 1)
    truth_probs = prediction.truth_probs[each]
    return Panel(
        case=prediction.case,
        image=np.moveaxis(shown, 0, -1) if len(shown) == 3 else shown[0],
        labels=record.labels[each],
        truth_labels=truth_probs.argmax(0),
        annotator_labels=prediction.annotator_labels[each],
        entropy=voxel_entropy(truth_probs),
        known_truth=None if record.truth is None else record.truth[flat],
        annotators=tuple(annotators),
        classes=tuple(classes),
        aspect=spacing[0] / spacing[1],
        evidence=None if evidence is None else evidence[each],
        reliability=None if reliability is None else reliability[each],
    )


def foreground_of(record: Record, prediction: Prediction) -> NDArray[np.bool_]:
    """(S...) what anybody drew, and what is recovered."""
    return (record.labels > 0).any(0) | (prediction.truth_probs.argmax(0) > 0)


def write_panel(folder: Path, panel: Panel) -> None:
    """As ``<case>.npz``, which ``read_panel`` reads."""
    arrays = {name: value for name, value in vars(panel).items() if name != "case" and value is not None}
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / f"{panel.case}.npz", allow_pickle=False, **arrays)
