"""Of the truths that labels allow, the one to believe: their fusion, or where images say so their mean shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import numpy as np

from medseg.annotators.drawn import Index, Labels
from medseg.annotators.fitting import REACH, fit_fusion, fit_mean_shape
from medseg.annotators.fusion import Fusion
from medseg.annotators.seen_in_images import MARGIN, Box, Looked, choose, look, look_at_some
from medseg.annotators.witnesses import WITNESS, second_witness
from medseg.cohorts import Array
from medseg.evaluation import present

LITTLE = 0.6
"""Nats that labels tell of a voxel beside the border, of which less is little; one who is always right tells .69."""


class Looks(Protocol):
    """At some disputed voxels of one case, through its image: ``look_of`` of what it reads."""

    def __call__(self, truths: Sequence[Fusion], *, most: int, rng: np.random.Generator) -> Looked:
        """truths: of which the image is asked."""
        ...


def fit_truth(
    labels: Sequence[Labels],
    num_classes: int,
    looks: Sequence[Looks],
    *,
    annotator_index: Sequence[Index | None] | None = None,
    annotators: int | None = None,
) -> Fusion:
    """The fusion of the labels (P,S...) of many cases, as ``fit_fusion`` has it; or their mean shape.

    looks: one per case. Images are looked at where no second annotator says what was fused (``witnesses``), and the
    mean shape is taken where they tell more of it by ``MARGIN`` (``seen_in_images``). Its reach is then above 0.
    """
    whose = annotator_index or [None] * len(labels)
    truth = _chosen(labels, num_classes, looks, annotator_index=whose, annotators=annotators or len(labels[0]))
    return replace(truth, heard=_heard(truth, labels, whose))


def _chosen(
    labels: Sequence[Labels],
    num_classes: int,
    looks: Sequence[Looks],
    *,
    annotator_index: Sequence[Index | None],
    annotators: int,
) -> Fusion:
    whose: dict[str, Any] = {"annotator_index": annotator_index, "annotators": annotators}
    fusion = fit_fusion(labels, num_classes, **whose)
    if not second_witness(fusion, labels, annotator_index) < WITNESS:
        return fusion
    reach = float(fusion.edges[REACH])
    mean = fit_mean_shape(labels, num_classes, reach=reach, **whose)
    looked = look_at_some([partial(each, [fusion, mean]) for each in looks])
    return choose([fusion, mean], looked, num_classes)


def _heard(truth: Fusion, labels: Sequence[Labels], annotator_index: Sequence[Index | None]) -> float:
    """What ``Fusion.heard`` is; labels (P,S...) of each case."""
    information, sums, voices = truth.information(), [], 0
    for drawn, whose in zip(labels, annotator_index, strict=True):
        said = present(drawn)
        sums.append(information[said if whose is None else whose[said]].sum())
        voices = max(voices, int(said.sum()))
    return float(np.mean(sums)) if voices > 1 else float("nan")  # labels that are never compared tell what is assumed


def look_of(
    image: Array, labels: Labels, whose: Index | None, truths: Sequence[Fusion], *, most: int, rng: np.random.Generator
) -> Looked:
    """image (C,S...), labels (P,S...) of these annotators: ``seen_in_images.look`` at these truths."""

    def said(box: Box) -> list[Labels]:
        return [truth(labels[(slice(None), *box)], whose).argmax(axis=0) for truth in truths]

    return look(image, labels, said, most=most, rng=rng)


def doubts_of(truth: Fusion) -> list[str]:
    """What is to be said of a truth that is the mean shape of the labels, or of which labels tell ``LITTLE``."""
    if truth.reach:
        return [
            f"nobody is seen to be right: images tell {truth.told:.2f} nats of a disputed voxel where the truth is the "
            f"mean shape of all labels, and less by {MARGIN} at least where it is their fusion; so the mean shape is "
            "the truth, whose size is that of the annotators on average"
        ]
    if truth.heard < LITTLE:
        return [
            f"labels tell little of the truth: {truth.heard:.2f} nats of a voxel beside the border, all those of an "
            f"image together, and one who is always right tells {np.log(2):.2f}; look at what was made of them before "
            "you trust it"
        ]
    return []
