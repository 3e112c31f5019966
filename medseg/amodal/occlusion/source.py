"""The batches of a run of method two: objects whole, synthetically hidden, or really hidden, each in its frame.

A batch is a pure function of (view, epoch, step, rank), as it is for annotated images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from medseg.amodal.nouns import AmodalObject, MaskBatch
from medseg.amodal.objects import objects_of_split
from medseg.amodal.occlusion.batches import batch_of
from medseg.amodal.occlusion.frames import FrameRules, fits, frame_of
from medseg.amodal.occlusion.showing import Showing, mirrored, original_name, simulated
from medseg.amodal.occlusion.sloppiness import sloppy
from medseg.contracts import ObjectCohort, Refused, Split, View, complaint

VALIDATION = 128
"""So many validation objects, drawn once, are enough to choose a checkpoint by."""


class OcclusionSource:
    """The objects of the training and validation cases of one run, read once.

    The view ``visible`` shows the really hidden objects; in a cohort without any it shows complete ones hidden
    synthetically, and keeps the whole to itself.
    Raises Refused when a split has no complete object, and for objects larger than the frame allows.
    """

    def __init__(
        self, cohort: ObjectCohort, showing: Showing, seed: int, batch_size: int, objects_per_epoch: int | None = None
    ) -> None:
        self.showing, self.seed, self.batch_size = showing, seed, batch_size
        objects = {split: objects_of_split(cohort, split) for split in ("train", "val")}
        self.complete = {split: [o for o in found if o.complete] for split, found in objects.items()}
        self.hidden = {split: [o for o in found if not o.complete] for split, found in objects.items()}
        _refuse_lacking(self.complete, cohort)
        _refuse_too_large([o for split in self.complete.values() for o in split], showing.frame)
        for split, found in self.hidden.items():
            self.hidden[split] = [o for o in found if fits(o, showing.frame)]
        for pool in (self.complete, self.hidden):
            pool["val"] = _some(pool["val"], VALIDATION, seed)
        self.others = [o.visible for o in self.complete["train"]]
        self.names = [o.name for split in ("train", "val") for o in (*self.complete[split], *self.hidden[split])]
        self.index = {name: position for position, name in enumerate(self.names)}
        self.objects_per_epoch = objects_per_epoch or len(self.complete["train"])

    def steps_per_epoch(self) -> int:
        """Steps until as many objects were shown as an epoch has."""
        return -(-self.objects_per_epoch // self.batch_size)

    def batch(self, view: View, epoch: int, step: int, rank: int = 0, world: int = 1) -> MaskBatch:
        """This rank's share of one global batch; an epoch goes on in the order where the one before has stopped."""
        things, real = self._pool(view, "train")
        first = (epoch * self.steps_per_epoch() + step) * self.batch_size
        places = np.arange(first, first + self.batch_size)[rank::world]
        turns = {int(turn) for turn in places // len(things)}
        orders = {turn: np.random.default_rng((self.seed, turn)).permutation(len(things)) for turn in turns}
        shown = []
        for place in places.tolist():
            turn, position = divmod(place, len(things))
            rng = np.random.default_rng((self.seed, place, 1))
            shown.append(self._shown(things[orders[turn][position]], view, real, rng, roughened=True))
        return self._collated(shown)

    def validation(self, view: View, rank: int = 0, world: int = 1) -> Iterator[MaskBatch]:
        """The validation objects, each hidden in the same way in every epoch; no edge is roughened."""
        things, real = self._pool(view, "val")
        share = range(rank, len(things), world)
        for start in range(0, len(share), self.batch_size):
            numbers = share[start : start + self.batch_size]
            rngs = [np.random.default_rng((self.seed, number, 2)) for number in numbers]
            yield self._collated(
                [self._shown(things[n], view, real, rng, False) for n, rng in zip(numbers, rngs, strict=True)]
            )

    def _pool(self, view: View, split: Split) -> tuple[list[AmodalObject], bool]:
        """The objects of a view, and whether they are really hidden."""
        real = view == "visible" and bool(self.hidden["train"]) and bool(self.hidden["val"])
        return (self.hidden if real else self.complete)[split], real

    def _shown(
        self, thing: AmodalObject, view: View, real: bool, rng: np.random.Generator, roughened: bool
    ) -> AmodalObject:
        seen = thing if real else simulated(thing, self.others, self.showing, rng)
        if view == "visible":
            seen = replace(seen, whole=seen.visible)
        if roughened and self.showing.gap and view != "complete":
            seen = sloppy(seen, self.showing.gap, rng)
        flips = [axis for axis in range(thing.visible.ndim) if self.showing.mirror and rng.random() < 0.5]
        return mirrored(seen, flips)

    def _collated(self, things: Sequence[AmodalObject]) -> MaskBatch:
        return batch_of(things, self.showing.frame, [self.index[original_name(thing)] for thing in things])


def _some(things: list[AmodalObject], most: int, seed: int) -> list[AmodalObject]:
    chosen = np.random.default_rng((seed, 5)).permutation(len(things))[:most]
    return [things[number] for number in sorted(chosen)]


def _refuse_lacking(complete: dict[str, list[AmodalObject]], cohort: ObjectCohort) -> None:
    lacking = [split for split, found in complete.items() if not found]
    if lacking:
        raise Refused(
            complaint(f"complete objects in the {split} split", "at least one", "none", cohort.name)
            for split in lacking
        )


def _refuse_too_large(things: Sequence[AmodalObject], rules: FrameRules) -> None:
    found = []
    for thing in things:
        reduction = frame_of(thing, rules).reduction
        if reduction > rules.reduction:
            expected = f"one that fits the frame when shown at most {rules.reduction:g} times smaller (data.frame)"
            found.append(complaint("object size", expected, f"{reduction:.1f} times", thing.name))
    if found:
        raise Refused(found)
