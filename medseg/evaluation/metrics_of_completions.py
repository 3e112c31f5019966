"""Rows of the table of metrics: of completed objects, and of the samples that say how sure a completion is."""

from __future__ import annotations

from medseg.contracts import LENGTH, Metric

_OVERLAP = "both masks empty: nan; one of them: 0"
_SURFACE = "either mask empty: nan"
_OCCLUDED = "nothing occluded: nan"
_ANSWER, _SAMPLES = "The completed objects", "Their samples"

METRICS_OF_COMPLETIONS = (
    Metric(
        name="amodal_iou",
        meaning="intersection over union of the completed object and its known amodal mask",
        direction="higher",
        level="object",
        empty=_OVERLAP,
        overview=_ANSWER,
    ),
    Metric(
        name="amodal_dice",
        meaning="Dice of the completed object and its known amodal mask",
        direction="higher",
        level="object",
        empty=_OVERLAP,
    ),
    Metric(
        name="occluded_iou",
        meaning="intersection over union of what the answer adds to the visible part and what is occluded",
        direction="higher",
        level="object",
        empty=_OCCLUDED,
        overview=_ANSWER,
    ),
    Metric(
        name="area_ratio",
        meaning="voxels of the completed object over those of its known amodal mask",
        direction="near 1",
        level="object",
        empty="empty amodal mask: nan",
        overview=_ANSWER,
    ),
    Metric(
        name="occluded_fraction",
        meaning="share of the object that is occluded: says how hard the object is",
        direction="neither",
        level="object",
        empty="empty amodal mask: nan",
    ),
    Metric(
        name="pieces",
        meaning="connected parts in which the object is visible, over faces, edges and corners",
        direction="neither",
        level="object",
        empty="nothing visible: 0",
    ),
    Metric(
        name="contact",
        meaning="1 where less of the object is occluded than smallest_occluded of cohort.yaml: it touches a neighbour; "
        "0 where the two overlap",
        direction="neither",
        level="object",
        empty="nothing occluded: 1",
    ),
    Metric(
        name="front",
        meaning="of an object of an ordinary map, where the overlap belongs to the one in front: 1 where nothing of it "
        "is occluded, else 0",
        direction="neither",
        level="object",
        empty="nothing occluded: 1",
    ),
    Metric(
        name="amodal_hd95",
        meaning="95th percentile of the distances between the surfaces of the completed and the known amodal mask",
        unit=LENGTH,
        direction="lower",
        level="object",
        empty=_SURFACE,
        overview=_ANSWER,
    ),
    Metric(
        name="amodal_assd",
        meaning="mean distance between the surfaces of the completed and the known amodal mask, from both sides",
        unit=LENGTH,
        direction="lower",
        level="object",
        empty=_SURFACE,
    ),
    Metric(
        name="occluded_ece",
        meaning="expected calibration error of the probabilities behind the occluders, over the voxels of all objects",
        direction="lower",
        level="run",
        empty="no voxel behind an occluder: nan",
        overview=_ANSWER,
    ),
    Metric(
        name="order_correct",
        meaning="1 where the one of two objects that the rules, or an ordinary map, put in front is said to be there, "
        "else 0; no row where they state no order",
        direction="higher",
        level="object",
        empty="undecided: 0",
        overview=_ANSWER,
    ),
    Metric(
        name="order_log_loss",
        meaning="negative log-likelihood of the true front of two visible pieces of objects of an ordinary map, one of "
        "which hides the other; 0.69 without knowledge, 13.8 at most; no row where no probability is said",
        unit="nats",
        direction="lower",
        level="object",
        empty="none said: no row",
    ),
    Metric(
        name="novelty",
        meaning="how unlike all training objects one looks; above 1 medseg complete leaves the object alone",
        direction="lower",
        level="object",
        empty="not asked, or no limit fitted: nan",
    ),
    Metric(
        name="best_of_10_iou",
        meaning="occluded_iou of the best of the first ten samples",
        direction="higher",
        level="object",
        empty="nothing occluded, or fewer than ten samples: nan",
        overview=_SAMPLES,
    ),
    Metric(
        name="diversity",
        meaning="1 - mean intersection over union of what two of the first ten samples add to the visible part",
        direction="neither",
        level="object",
        empty="two samples that add nothing are alike; fewer than two samples: nan",
        overview=_SAMPLES,
    ),
    *(
        Metric(
            name=f"covered_{percent}",
            meaning=f"1 where the central {percent} % interval of the samples' volumes holds the true one, else 0",
            direction=f"mean near {percent / 100:g}",
            level="object",
            empty="no sample: nan",
            overview=_SAMPLES,
        )
        for percent in (50, 80, 90)
    ),
)
