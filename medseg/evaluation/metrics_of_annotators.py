"""Rows of the table of metrics: of a recovered truth, and of what was learned about the annotators."""

from __future__ import annotations

from functools import partial

from medseg.contracts import LENGTH, Metric

_OVERLAP = "both masks empty: nan; one of them: 0"
_SURFACE = "either mask empty: nan"
_VOXELS = "background counts like any other class; no labelled voxel: nan"
_AREA = "nobody drew anything: nan"
_OVERVIEW = "The recovered truth"
_BORDERS = "Its border, and the predicted annotators as a set"

_distance = partial(Metric, unit=LENGTH, direction="lower", level="case", empty=_SURFACE)

METRICS_OF_ANNOTATORS = (
    Metric(
        name="truth_dice",
        meaning="Dice of the recovered truth and the known truth, of one class",
        direction="higher",
        level="case",
        empty=_OVERLAP,
        overview=_OVERVIEW,
    ),
    Metric(
        name="truth_iou",
        meaning="intersection over union of the recovered truth and the known truth, of one class",
        direction="higher",
        level="case",
        empty=_OVERLAP,
    ),
    _distance(
        name="truth_hd95",
        meaning="95th percentile of the distances between the surfaces of the recovered and the known truth",
        overview=_BORDERS,
    ),
    _distance(
        name="truth_assd",
        meaning="mean distance between the surfaces of the recovered and the known truth, from both sides",
    ),
    Metric(
        name="truth_ece",
        meaning="expected calibration error: how far the truth's probabilities are from how often they are right",
        direction="lower",
        level="case",
        empty=_VOXELS,
    ),
    Metric(
        name="confusion_rmse",
        meaning="root mean squared difference of an annotator's estimated confusion matrix and the one counted against "
        "the known truth; a recipe without matrices takes every annotator to write the truth: the identity",
        direction="lower",
        level="run",
        empty="true classes that do not occur are left out; none occurs: nan",
        overview=_OVERVIEW,
    ),
    Metric(
        name="annotator_nll",
        meaning="negative log-likelihood of the labels that an annotator drew, mean over the labelled voxels",
        unit="nats/voxel",
        direction="lower",
        level="case",
        empty=_VOXELS,
        overview=_OVERVIEW,
    ),
    Metric(
        name="annotator_ece",
        meaning="expected calibration error: how far an annotator's probabilities are from how often he writes so",
        direction="lower",
        level="case",
        empty=_VOXELS,
    ),
    Metric(
        name="annotator_dice",
        meaning="Dice of the labels predicted for an annotator and those that he drew, of one class",
        direction="higher",
        level="case",
        empty=_OVERLAP,
        overview=_OVERVIEW,
    ),
    Metric(
        name="vote_dice",
        meaning="Dice of the recovered truth and the majority vote of the annotators, of one class",
        direction="higher",
        level="case",
        empty=_OVERLAP,
        overview=_OVERVIEW,
    ),
    _distance(
        name="vote_hd95",
        meaning="95th percentile of the distances between the surfaces of the recovered truth and the majority vote",
        overview=_BORDERS,
    ),
    Metric(
        name="vote_area_ratio",
        meaning="foreground voxels of the recovered truth over those of the majority vote",
        direction="near 1",
        level="case",
        empty="no foreground in the vote: nan",
        overview=_OVERVIEW,
    ),
    Metric(
        name="reliance",
        meaning="how far the truth that is fused of all labels relies on an annotator: evidence of his labels for it, "
        "mean over the voxels on which annotators differ; near 0 they say nothing, below 0 they were overruled",
        unit="nats/voxel",
        direction="neither",
        level="case",
        empty="nobody differs: nan",
    ),
    Metric(
        name="fused_dice",
        meaning="Dice of the recovered truth and the truth that is fused of all labels, all foreground together",
        direction="higher",
        level="case",
        empty=_OVERLAP,
    ),
    Metric(
        name="fused_area_ratio",
        meaning="foreground voxels of the recovered truth over those of the truth that is fused of all labels",
        direction="near 1",
        level="case",
        empty="no foreground in the fused truth: nan",
    ),
    Metric(
        name="annotator_fused_dice",
        meaning="Dice of an annotator's labels and the truth that is fused of all labels, all foreground together",
        direction="neither",
        level="case",
        empty=_OVERLAP,
    ),
    Metric(
        name="relative_area",
        meaning="foreground that an annotator drew over the mean of all annotators of the case: a style, above 1 wide",
        direction="neither",
        level="case",
        empty=_AREA,
    ),
    Metric(
        name="predicted_relative_area",
        meaning="relative_area of the labels that are predicted for the annotators",
        direction="neither",
        level="case",
        empty=_AREA,
    ),
    Metric(
        name="expected_relative_area",
        meaning="relative_area of the expected foreground of the annotators, the sum of its probabilities: it is there "
        "where no voxel is more likely than not an annotator's foreground, and his predicted labels are empty",
        direction="neither",
        level="case",
        empty="no foreground is expected: nan",
    ),
    Metric(
        name="ged2_v",
        meaning="squared generalised energy distance of the set of predicted and the set of drawn maps, all pairs",
        direction="lower",
        level="case",
        empty="two empty maps are alike; no annotator: nan",
        overview=_BORDERS,
    ),
    Metric(
        name="ged2_u",
        meaning="the same without the pairs of a map with itself: unbiased, may be below 0",
        direction="lower",
        level="case",
        empty="two empty maps are alike; fewer than two annotators: nan",
        overview=_BORDERS,
    ),
    Metric(
        name="hm_iou",
        meaning="intersection over union of the best one-to-one match of predicted and drawn maps (Hungarian method), "
        "mean over pairs",
        direction="higher",
        level="case",
        empty="two empty maps are alike; no annotator: nan",
    ),
    Metric(
        name="dice_max",
        meaning="Dice of each drawn map and the predicted map that is nearest to it, mean over drawn maps",
        direction="higher",
        level="case",
        empty="two empty maps are alike; no annotator: nan",
    ),
    Metric(
        name="dice_match",
        meaning="Dice of the best one-to-one match of predicted and drawn maps (Hungarian method), mean over pairs",
        direction="higher",
        level="case",
        empty="two empty maps are alike; no annotator: nan",
    ),
    Metric(
        name="soft_dice",
        meaning="Dice of the mean of the annotators' predicted probabilities and of the share of annotators who drew a "
        "voxel, both cut at .1, .3, .5, .7 and .9, mean over cuts; of one class",
        direction="higher",
        level="case",
        empty="cuts that are empty in both are left out; all are: nan",
    ),
    Metric(
        name="agreement_dice",
        meaning="Dice of two annotators' labels, mean over all pairs of annotators: says how hard the case is",
        direction="neither",
        level="case",
        empty="pairs of empty masks are left out; no pair left: nan",
    ),
    Metric(
        name="agreement_alpha",
        meaning="Krippendorff's alpha of the annotators: 1 perfect agreement, 0 that of chance",
        direction="neither",
        level="case",
        empty="one single class, or fewer than two annotators: nan",
    ),
)
