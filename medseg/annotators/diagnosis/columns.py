"""The columns of each table, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping

from medseg.annotators.diagnosis.deviations import DESCRIPTORS

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "memorisation.csv": {
        "swapped": "whose labels were swapped between images of training and validation",
        "percent": "of these cases",
        "annotator": "whose labels are told of",
        "shown_nats": "per voxel, of the labels as training was shown them; _low and _high: its 95 % interval, of the "
        "bootstrap over patients",
        "swapped_nats": "the same over those training cases alone whose labels are another image's",
        "held_out_nats": "of clean labels of test cases",
        "worse_by": "than the same of a training on clean labels; an interval above 0: it breaks",
        "last_nats": "of the labels as shown, of all annotators together, as the last epoch met them: before those "
        "weights are taken that are best on validation cases, of which all else is told",
    },
    "decodability.csv": {
        "property": "what is read off the features of a voxel",
        "level": "where: image, then the network's levels in their order, with their grid",
        "channels": "features of a voxel",
        "score": "auroc: area under the ROC curve, mean over groups against all others; r2: of numbers",
        "chance": "of features that know nothing",
        "before": "the score of a linear probe of the network as its seed made it, on held-out cases",
        "after": "the same of the trained network",
        "change": "after - before; _low and _high: its 95 % interval, of the bootstrap over patients",
        "verdict": "of training: enhanced or suppressed where the interval holds no 0",
    },
    "learnability.csv": {
        "grouping": "what makes a group: the cluster of a mask, or its annotator",
        "group": "which",
        "members": "so many masks",
        "told_by": "so many examples and the distance to their mean, or the best line of words",
        "line": "that line, made of cases that are not held out",
        "accuracy": "of the choice between a held-out member and another mask, 0.5 is chance; _low and _high: its 95 % "
        "interval, over patients and examples",
    },
    "clusters.csv": {
        "case": "of the mask",
        "annotator": "who drew it",
        "class": "of which class",
        "cluster": "masks of one number deviate alike; 1 is the largest",
        **DESCRIPTORS,
    },
    "robustness.csv": {
        "epsilon": "strength of the attack, in the units in which the network sees intensities",
        "classifier": "the network's most probable class, or the votes of the nodes",
        "accuracy": "share of held-out voxels called as the reference has it, half of them of what anybody drew; _low "
        "and _high: its 95 % interval over patients",
    },
    "mapper.csv": {
        "node": "of the graph",
        "voxels": "so many training voxels are in it",
        "lens_1": "mean of their first principal component",
        "lens_2": "and of the second",
        "class": "the most frequent true class",
        "class_share": "and its share",
        "error": "share of the voxels that the network calls wrong",
        "disagreement": "share of annotators who did not write the most frequent label",
    },
}
"""File -> column -> what it is."""

HEADINGS = {
    "memorisation.csv": "What is learned by heart",
    "decodability.csv": "What can be read off each level",
    "learnability.csv": "Which groups of masks are concepts",
    "clusters.csv": "The masks in clusters",
    "robustness.csv": "Votes of a graph beside the network, under attack",
    "mapper.csv": "The nodes of the graph",
}
"""File -> heading on the page."""

PICTURES: Mapping[str, Mapping[str, str]] = {
    "memorisation.csv": {
        "memorisation.png": "A row: whose labels are swapped; a column: whose are told of. Blue below "
        "orange: learned by heart. Grey: what all labels cost in the last epoch, before the weights that are best on "
        "validation cases are taken; where it stays low, the network would have learned the swapped labels by heart."
    },
    "decodability.csv": {
        "decodability.png": "From the image to the last level: the score of a linear probe before training (grey) and "
        "after (blue), bars: 95 % interval of the change; dotted: chance."
    },
    "learnability.csv": {
        "clusters.png": "Above: where the masks of a cluster add (red) and cut (blue) in the object's frame, and its "
        "best line of words. Below: the choice of two by k examples and by that line (star), of clusters and of "
        "annotators; the share of each annotator's masks in each cluster."
    },
    "robustness.csv": {
        "mapper.png": "A dot is a cluster of voxels (its size: how many), a line joins clusters that share one; and "
        "the accuracy of both classifiers as the attack grows stronger."
    },
}
"""File -> picture -> how it is read."""
