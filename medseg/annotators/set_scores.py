"""The annotators of a case as a set of plausible segmentations: what is predicted for them, against what they drew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.consensus import soft_mean
from medseg.contracts import UNLABELLED, Score
from medseg.evaluation import (
    dice_match,
    dice_max,
    ged2_u,
    ged2_v,
    hungarian_iou,
    krippendorff_alpha,
    mean_pairwise_dice,
    score_of,
    soft_dice,
)


def set_scores(
    case: str,
    drawn: NDArray[np.integer],
    predicted: NDArray[np.integer],
    *,
    mean: NDArray[np.floating],
    classes: Sequence[str],
) -> list[Score]:
    """Scores of one case: drawn (P,S...), predicted (P,S...) the most probable labels of each, mean (O,S...) of q^(a).

    Both sets have the annotators who saw the case as members, with equal weights. classes: names in the order of O.
    """
    number = len(classes)
    of_all = {
        "ged2_v": ged2_v(predicted, drawn, number),
        "ged2_u": ged2_u(predicted, drawn, number),
        "hm_iou": hungarian_iou(predicted, drawn, number),
        "dice_max": dice_max(predicted, drawn, number),
        "dice_match": dice_match(predicted, drawn, number),
        "agreement_dice": mean_pairwise_dice(drawn, number),
        "agreement_alpha": krippendorff_alpha(drawn, number),
    }
    known = (drawn != UNLABELLED).any(axis=0)
    mean, share = mean[:, known], soft_mean(drawn, number)[:, known]
    return [score_of(metric, value, case=case) for metric, value in of_all.items()] + [
        score_of("soft_dice", soft_dice(mean[label], share[label]), case=case, label=name)
        for label, name in enumerate(classes[1:], start=1)
    ]
