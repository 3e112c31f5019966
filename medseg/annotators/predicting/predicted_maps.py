"""A prediction -> files: the maps that `medseg predict` always writes, one file per case in each folder.

Label files hold the cohort's values; maps are float32 (pictures: TIFF).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.assembly import Signature
from medseg.annotators.nouns import Prediction
from medseg.contracts import Volume
from medseg.evaluation import voxel_entropy
from medseg.images import write_labels, write_map

RESULTS = ("truth", "probabilities", "annotators", "entropy")
"""The folders."""


def write_prediction(prediction: Prediction, signature: Signature, out: Path, suffix: str) -> Path:
    """truth/, probabilities/<class>/, annotators/<annotator>/ and entropy/; returns the path of the truth."""
    name, probs = prediction.case + suffix, prediction.truth_probs
    truth = _write_labels(out / "truth" / name, probs, prediction, signature)
    for label, of_class in zip(signature.classes, probs, strict=True):
        write_map(out / "probabilities" / label.name / name, _like(prediction, of_class))
    write_map(out / "entropy" / name, _like(prediction, voxel_entropy(probs)))
    for annotator, maps in zip(signature.annotators, prediction.annotator_probs, strict=False):  # or nobody
        _write_labels(out / "annotators" / annotator / name, maps, prediction, signature)
    return truth


def _write_labels(path: Path, probs: NDArray[np.float32], prediction: Prediction, signature: Signature) -> Path:
    return write_labels(path, _like(prediction, label_values(probs, signature)))


def label_values(probs: NDArray[np.float32], signature: Signature) -> NDArray[np.integer]:
    """(T,S...) -> (S...) the most probable labels, as files have them."""
    values = np.array([label.value for label in signature.classes])
    values = values.astype(np.min_scalar_type(int(values.max())))
    labels = np.empty(probs.shape[1:], values.dtype)
    for plane in range(len(labels)):  # argmax has 8 bytes for each voxel
        labels[plane] = values[probs[:, plane].argmax(axis=0)]
    return labels


def _like(prediction: Prediction, array: NDArray[np.generic]) -> Volume:
    return Volume(array=array, affine=prediction.affine, spacing_mm=prediction.spacing_mm)
