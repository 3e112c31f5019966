"""What was learned about each annotator, against what is known: counts, matrices, areas."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import multiclass_confusion_matrix

from medseg.contracts import UNLABELLED
from medseg.evaluation import present


def joint_counts(labels: NDArray[np.integer], truth: NDArray[np.integer], num_classes: int) -> NDArray[np.float64]:
    """(A,O,T) voxels that annotator A called O and that are T.

    labels: (A,S...), truth: (S...). Voxels UNLABELLED in either are skipped; counts of several cases
    may be added.
    """
    counts = np.zeros((len(labels), num_classes, num_classes))
    for annotator, drawn in enumerate(labels):
        known = (drawn != UNLABELLED) & (truth != UNLABELLED)
        observed, true = (torch.from_numpy(classes[known].astype(np.int64)) for classes in (drawn, truth))
        # torchmetrics counts (target, prediction): with the observed class as the target that is (O,T)
        counts[annotator] = multiclass_confusion_matrix(true, observed, num_classes, validate_args=False).numpy()
    return counts


def mean_confusion(joint: NDArray[np.floating]) -> NDArray[np.float64]:
    """(A,O,T) confusion C[a,o,t] = p(o|t): every column of the joint divided by its sum.

    joint: (A,O,T) probabilities or counts. A true class that does not occur has a column of nan.
    """
    joint = np.asarray(joint, dtype=np.float64)
    of_truth = np.einsum("aot->at", joint)[:, None, :]
    return np.divide(joint, of_truth, out=np.full_like(joint, np.nan), where=of_truth > 0)


def empirical_confusion(
    labels: NDArray[np.integer], truth: NDArray[np.integer], num_classes: int
) -> NDArray[np.float64]:
    """(A,O,T) confusion counted on labels (A,S...) with a known truth (S...); see ``mean_confusion``."""
    return mean_confusion(joint_counts(labels, truth, num_classes))


def confusion_rmse(estimated: NDArray[np.floating], empirical: NDArray[np.floating]) -> float:
    """Root mean squared difference of two confusion matrices (O,T) of one annotator; lower is better.

    Over the true classes whose columns are defined in both; nan if there is none. Without unit, 0 to 1;
    average it over annotators.
    """
    squared = (estimated - empirical) ** 2
    occurring = ~np.isnan(squared).any(axis=0)
    return float(np.sqrt(squared[:, occurring].mean())) if occurring.any() else float("nan")


def relative_area(labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """(A,) foreground area of each annotator divided by the mean over those who saw the case.

    labels: (A,S...). Without unit; 1 is the average style, above it over-segments. nan for an absent
    annotator, and for all when nobody drew anything.
    """
    area = (labels > 0).reshape(len(labels), -1).sum(axis=1).astype(np.float64)
    return relative_to_mean(np.where(present(labels), area, np.nan))


def expected_area(annotator_probs: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """(A,) voxels of foreground that are expected of each annotator where he labelled: sum of 1 - q[background].

    annotator_probs: (A,O,S...), labels: (A,S...). Of one matrix for all voxels the most probable label can be
    background everywhere while this is not 0. nan for an absent annotator.
    """
    known = labels != UNLABELLED
    area = np.where(known, 1 - annotator_probs[:, 0].astype(np.float64), 0).reshape(len(labels), -1).sum(axis=1)
    return np.where(present(labels), area, np.nan)


def relative_to_mean(areas: NDArray[np.floating]) -> NDArray[np.float64]:
    """(A,) areas divided by the mean of those that are known; nan for all where it is 0."""
    known = areas[~np.isnan(areas)]
    mean_area = known.mean() if known.size else 0.0
    return np.asarray(areas / mean_area, np.float64) if mean_area > 0 else np.full(len(areas), np.nan)
