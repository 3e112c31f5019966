"""The run that is diagnosed: its network, its cases in their split, and those that training did not see."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.assembly import build_annotator_model
from medseg.annotators.consensus import majority_vote
from medseg.annotators.loading.grid import labels_to_grid
from medseg.annotators.loading.records import Record
from medseg.annotators.mathematics.model import AnnotatorModel, TrueLabelNetwork
from medseg.annotators.people.labelling import Labelling, labelling_of
from medseg.annotators.predicting.predictor import Predictor
from medseg.contracts import UNLABELLED, Case, Refused, Split, complaint

MOST_CASES = 100
"""Of each split are looked into by whoever looks into features."""


@dataclass(frozen=True, kw_only=True)
class GridCase:
    """One case as the network sees it: whole, or of a grid of patches the one patch around all that was drawn."""

    case: Case
    """Whose files these are."""
    image: NDArray[np.float32]
    """(C,S...)."""
    labels: NDArray[np.integer]
    """(A,S...) class indices, UNLABELLED in the padding and of an annotator who did not see the case."""
    reference: NDArray[np.integer]
    """(S...) the known truth where the case has one, else the vote; UNLABELLED where nobody said anything."""


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A trained run of method one."""

    predictor: Predictor
    """With its final weights."""
    labelling: Labelling
    """Its cohort in its split."""

    @staticmethod
    def load(run: Path) -> Examined:
        """Raises Refused for a run of another method, one without weights, and one whose data have changed."""
        return Examined(predictor=Predictor.load(run, mirror=False, learned=0), labelling=labelling_of(run))

    @property
    def learned_from(self) -> tuple[Case, ...]:
        """The training cases that somebody labelled."""
        return self.labelling.cohort.split("train")

    @property
    def held_out(self) -> tuple[Case, ...]:
        """The test cases, or where there is none those of validation. Raises Refused where there is none either."""
        splits: tuple[Split, ...] = ("test", "val")
        for split in splits:
            if cases := self.labelling.cohort.split(split):
                return cases
        cohort = self.labelling.cohort.name
        raise Refused([complaint("held-out cases", "at least one of test or validation", "none", cohort)])

    def network(self, *, trained: bool) -> TrueLabelNetwork:
        """The true-label network, trained or as the seed made it. Raises Refused where a run has one per annotator."""
        config, signature = self.predictor.config, self.predictor.signature
        model = self.predictor.model if trained else build_annotator_model(config, signature).to(self.predictor.device)
        if not isinstance(model, AnnotatorModel):
            got = f"one per annotator (recipe {config.recipe})"
            raise Refused([complaint("run to diagnose", "one true-label network", got, config.experiment)])
        return model.network.eval()

    def on_grid(self, record: Record) -> GridCase:
        """A case as the network sees it."""
        config = self.predictor.config.data
        placement = config.grid.place(record.image.shape[1:], record.affine, record.spacing_mm)
        labels = labels_to_grid(record.labels, placement)
        vote = majority_vote(labels, len(self.labelling.classes))
        known = None if record.truth is None else labels_to_grid(record.truth[None], placement)[0]
        window = _window(labels, config.grid.size)
        return GridCase(
            case=record.case,
            image=config.intensity.to_grid(record.image, placement)[(slice(None), *window)],
            labels=labels[(slice(None), *window)],
            reference=(vote if known is None else known)[window],
        )


def first_cases(cases: Sequence[Case]) -> list[Case]:
    """At most MOST_CASES of them, in an order that their names alone make."""
    return sorted(cases, key=lambda case: (stream_of(case), case.name))[:MOST_CASES]


def stream_of(case: Case) -> int:
    """What random numbers of a case are drawn from, beside a seed."""
    return zlib.crc32(case.name.encode())


def _window(labels: NDArray[np.integer], size: Sequence[int]) -> tuple[slice, ...]:
    """(S,) of ``size`` around the middle of all that anybody drew; everything where the grid is no larger."""
    places = np.argwhere((labels > 0).any(axis=0) if (labels > 0).any() else (labels != UNLABELLED).any(axis=0))
    if not len(places):
        return tuple(slice(0, length) for length in size)
    middle = (places.min(axis=0) + places.max(axis=0)) // 2
    most = np.array(labels.shape[1:]) - size
    first = np.clip(middle - np.array(size) // 2, 0, most)
    return tuple(slice(int(start), int(start) + length) for start, length in zip(first, size, strict=True))
