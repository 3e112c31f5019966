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
    write_annotators(prediction, signature, out, suffix)
    return write_truth(prediction, signature, out, suffix)


def write_truth(prediction: Prediction, signature: Signature, out: Path, suffix: str) -> Path:
    """truth/, probabilities/<class>/ and entropy/; returns the path of the truth."""
    name, probs = prediction.case + suffix, prediction.truth_probs
    truth = _write_labels(out / "truth" / name, probs, prediction, signature)
    for label, of_class in zip(signature.classes, probs, strict=True):
        write_map(out / "probabilities" / label.name / name, _like(prediction, of_class))
    write_map(out / "entropy" / name, _like(prediction, voxel_entropy(probs)))
    return truth


def write_annotators(prediction: Prediction, signature: Signature, out: Path, suffix: str) -> None:
    """annotators/<annotator>/ of those whom the prediction has."""
    for index, probs in enumerate(prediction.annotator_probs, start=prediction.first):
        place = out / "annotators" / signature.annotators[index] / f"{prediction.case}{suffix}"
        _write_labels(place, probs, prediction, signature)


def _write_labels(path: Path, probs: NDArray[np.float32], prediction: Prediction, signature: Signature) -> Path:
    values = np.array([label.value for label in signature.classes])
    values = values.astype(np.min_scalar_type(int(values.max())))
    return write_labels(path, _like(prediction, values[probs.argmax(axis=0)]))


def _like(prediction: Prediction, array: NDArray[np.generic]) -> Volume:
    return Volume(array=array, affine=prediction.affine, spacing_mm=prediction.spacing_mm)
