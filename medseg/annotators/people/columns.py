"""The columns of each table, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping

INTERVAL = "_low and _high: its 95 % interval, of the bootstrap over patients"
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "annotators.csv": {
        "annotator": "whom a row is about",
        "class": "and which class",
        "cluster": "annotators of one number err alike, over all classes",
        "cases": "how many he labelled, and something to measure him by is there",
        "sensitivity": f"share of the voxels of the class in the reference that he calls so; {INTERVAL}",
        "specificity": "share of all other voxels that he does not call so",
        "relative_area": "what he drew over what the reference has of it, mean over cases: above 1 wide",
        "boundary_bias": "how far his border lies outside (+) or inside (-) of the reference's, mean over cases",
        "unit": "of boundary_bias: mm, or px where a case has no scale",
        "border_error_voxels": "how far his border lies off the reference's to either side",
        "information_nats": "what a label of his tells of the truth beside its border, over all classes; 0: nothing, "
        "log of the number of classes: all",
    },
    "confusion.csv": {
        "annotator": "whose matrix",
        "observed": "what he calls a voxel",
        "true": "what it is in the reference",
        "share": f"of those voxels; the shares of one true class sum to 1; {INTERVAL}",
        "estimated": "the same as a network learned it, from confusion.csv of an evaluated run; else nan",
    },
    "pairs.csv": {
        "annotator": "one of two",
        "other": "the other",
        "cases": "how many both labelled, and one of them drew something in",
        "dice": f"of their labels, mean over foreground classes, then over cases; {INTERVAL}",
        "style_distance": "how unlike their errors are: 0 alike, to 0.83",
    },
    "agreement.csv": {
        "case": "its name",
        "split": "of a run, or as the manifest has it",
        "annotators": "how many labelled it",
        "dice": "mean over all pairs of them",
        "fleiss_kappa": "over the voxels that all of them labelled, in the box of all foregrounds: 1 perfect, 0 chance",
        "krippendorff_alpha": "the same over all voxels with two labels or more",
    },
    "outliers.csv": {
        "case": "the worst first",
        "split": "of a run, or as the manifest has it",
        "annotator": "whose mask",
        "dice": "with the reference, all foreground together",
        "z_case": "robust z of that among all who labelled the case, each less his own median",
        "z_annotator": "and among all that he labelled, each less the median of its case; outliers: both below -3.5",
    },
    "repeats.csv": {
        "annotator": "who labelled the same image files in two cases",
        "case": "one of them",
        "other": "the other",
        "dice": "of his two masks, all foreground together",
        "others_dice": "mean of the same of either of them with every mask that others drew of the image",
    },
    "ask.csv": {
        "case": "which one to have labelled once more; the most is learned by the first row",
        "split": "of a run, or as the manifest has it",
        "annotator": "by whom",
        "gain_nats": "what is expected to be learned of its truth",
        "present": "how many have labelled it",
        "voxels": "so many are in question: those on which annotators differ; all, where but one has labelled",
    },
}
"""File -> column -> what it is."""
