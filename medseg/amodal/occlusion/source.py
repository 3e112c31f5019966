"""The batches of a run of method two: objects unoccluded, synthetically or really occluded, each in its frame.

A batch is a pure function of (target, epoch, step, rank), as it is for annotated images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from medseg.amodal.nouns import AmodalObject, MaskBatch
from medseg.amodal.objects import complete_objects, is_contact, objects_of_split, with_contacts
from medseg.amodal.occlusion.batches import batch_of
from medseg.amodal.occlusion.deforming import (
    Deformation,
    DeformedShapes,
    deformed_object,
    deformed_scene,
    draw_deformation,
)
from medseg.amodal.occlusion.frames import fits, frame_of
from medseg.amodal.occlusion.known import known_scenes, without_told
from medseg.amodal.occlusion.sections import FrameConfig, ShowingConfig
from medseg.amodal.occlusion.showing import mirrored, simulated
from medseg.amodal.occlusion.sloppiness import sloppy
from medseg.contracts import ObjectCohort, ObjectRules, Refused, Split, Target, complaint

VALIDATION = 128
"""So many validation objects, drawn once, are enough to choose a checkpoint by."""


ENOUGH = 16
"""Really occluded validation objects of known whole, by which stage III is judged."""


class OcclusionSource:
    """The objects of the training and validation cases of one run, read once.

    The target ``visible`` shows the really occluded objects; in a cohort without any it shows unoccluded ones occluded
    synthetically, and keeps the amodal mask to itself. Its validation shows those whose amodal mask is known.
    Raises Refused when a split has no unoccluded object, and for objects larger than the frame allows.
    """

    def __init__(
        self,
        cohort: ObjectCohort,
        showing: ShowingConfig,
        seed: int,
        *,
        batch_size: int,
        objects_per_epoch: int | None = None,
    ) -> None:
        self.showing, self.seed, self.batch_size = showing, seed, batch_size
        objects = {split: objects_of_split(with_contacts(cohort), split) for split in ("train", "val")}
        self.unoccluded = {split: _learnt_from(found, cohort.rules) for split, found in objects.items()}
        self.occluded = {split: [o for o in found if not o.unoccluded] for split, found in objects.items()}
        _refuse_lacking(self.unoccluded, cohort)
        _refuse_too_large([o for split in self.unoccluded.values() for o in split], showing.frame)
        for split, found in self.occluded.items():
            self.occluded[split] = [o for o in found if fits(o, showing.frame)]
        self.known = {split: self._known_scenes(cohort, split) for split in ("train", "val")}
        kept = {case.name for case in without_told(cohort, 1).split("train")} if showing.occlusion.known else set[str]()
        self.untold = _some([one for one in self.occluded["train"] if one.case in kept], VALIDATION, seed)
        for pool in (self.unoccluded, self.occluded):
            pool["val"] = _some(pool["val"], VALIDATION, seed)
        self.others = [o.visible for o in self.unoccluded["train"]]
        pools = (self.unoccluded, self.occluded, self.known)
        names = (o.name for split in ("train", "val") for pool in pools for o in pool[split])
        self.names = list(dict.fromkeys(names))  # a known whole is also an occluded object
        self.index = {name: position for position, name in enumerate(self.names)}
        self.objects_per_epoch = objects_per_epoch or len(self.unoccluded["train"])

    def load(self, targets: Iterable[Target]) -> None:
        """Nothing is left to read."""

    def steps_per_epoch(self) -> int:
        """Steps until as many objects were shown as an epoch has."""
        return -(-self.objects_per_epoch // self.batch_size)

    def batch(self, target: Target, epoch: int, step: int, rank: int = 0, world: int = 1) -> MaskBatch:
        """This rank's share of one global batch; an epoch goes on in the order where the one before has stopped."""
        objects, real = self._pool(target, "train")
        first = (epoch * self.steps_per_epoch() + step) * self.batch_size
        places = np.arange(first, first + self.batch_size)[rank::world]
        turns = {int(turn) for turn in places // len(objects)}
        orders = {turn: np.random.default_rng((self.seed, turn)).permutation(len(objects)) for turn in turns}
        originals, shown = [], []
        for place in places.tolist():
            turn, position = divmod(place, len(objects))
            rng = np.random.default_rng((self.seed, place, 1))
            known = self._known_at(place) if target == "occluded" else None
            originals.append(known or objects[orders[turn][position]])
            if known:
                seen = deformed_scene(known, self._deformation(known, place))
            else:
                seen = originals[-1] if real else self._simulated(originals[-1], rng, place)
            shown.append(self._shown(seen, target, rng, training=True))
        return self._collated(shown, originals)

    def validation(self, target: Target, rank: int = 0, world: int = 1) -> Iterator[MaskBatch]:
        """The validation objects, each occluded in the same way in every epoch; no edge is roughened."""
        pool = self._validated(target)
        share = range(rank, len(pool), world)
        for start in range(0, len(share), self.batch_size):
            numbers = share[start : start + self.batch_size]
            originals, shown = [pool[number][0] for number in numbers], []
            for number in numbers:
                (one, real), rng = pool[number], np.random.default_rng((self.seed, number, 2))
                shown.append(self._shown(one if real else self._simulated(one, rng), target, rng, training=False))
            yield self._collated(shown, originals)

    def _pool(self, target: Target, split: Split) -> tuple[list[AmodalObject], bool]:
        """The objects of a target, and whether they are really occluded."""
        real = target == "visible" and bool(self.occluded["train"]) and bool(self.occluded["val"])
        return (self.occluded if real else self.unoccluded)[split], real

    def _validated(self, target: Target) -> list[tuple[AmodalObject, bool]]:
        """The validation objects of a target, and whether each is really occluded.

        Of ``visible`` they are of known whole: the really occluded ones, with those of the training patients of whom
        nothing is told, for patients of validation are few; simulated ones where these are not enough. Of ``occluded``
        as many of known whole are among them as training shows.
        """
        objects, real = self._pool(target, "val")
        if target == "visible":
            known = [one for one in (*self.occluded["val"], *self.untold) if one.amodal is not None]
            objects, real = (known, True) if len(known) >= ENOUGH else (self.unoccluded["val"], False)
        told = round(self.told * len(objects)) if target == "occluded" else 0
        known = _some(self.known["val"], told, self.seed)
        rest = _some(objects, len(objects) - len(known), self.seed)
        return [*((one, real) for one in rest), *((one, True) for one in known)]

    def _known_scenes(self, cohort: ObjectCohort, split: Split) -> list[AmodalObject]:
        """None where no config asks for any."""
        asked = self.showing.occlusion.known > 0
        return known_scenes(cohort, split, self.occluded[split], self.showing.frame) if asked else []

    @property
    def told(self) -> float:
        """The probability of an object of known whole: as configured, but each no more often than each complete one."""
        known, complete = (len(pool["train"]) for pool in (self.known, self.unoccluded))
        return min(self.showing.occlusion.known, known / (known + complete))

    def _known_at(self, place: int) -> AmodalObject | None:
        """The object of known whole that a place of the training shows instead of one that is drawn over, if any."""
        rng = np.random.default_rng((self.seed, place, 9))
        told = rng.random() < self.told
        return self.known["train"][rng.integers(len(self.known["train"]))] if told else None

    def _simulated(self, complete: AmodalObject, rng: np.random.Generator, place: int | None = None) -> AmodalObject:
        """The object among neighbours drawn for it; at a place of the training all of them deformed, by draws of their
        own."""
        if place is None or not self.showing.deformation.probability:
            return simulated(complete, self.others, self.showing, rng)
        changed = deformed_object(complete, self._deformation(complete, place))
        others = DeformedShapes(self.unoccluded["train"], self.showing.deformation, (self.seed, place, 8))
        return simulated(changed, others, self.showing, rng)

    def _deformation(self, one: AmodalObject, place: int) -> Deformation | None:
        rng = np.random.default_rng((self.seed, place, 7))
        return draw_deformation(one.visible.ndim, self.showing.deformation, rng)

    def _shown(self, seen: AmodalObject, target: Target, rng: np.random.Generator, *, training: bool) -> AmodalObject:
        if target == "visible" and training:
            seen = replace(seen, amodal=seen.visible)
        if training and self.showing.occlusion.mask_jitter and target != "complete":
            seen = sloppy(seen, self.showing.occlusion.mask_jitter, rng)
        flips = [axis for axis in range(seen.visible.ndim) if self.showing.mirror and rng.random() < 0.5]
        return mirrored(seen, flips)

    def _collated(self, shown: Sequence[AmodalObject], originals: Sequence[AmodalObject]) -> MaskBatch:
        return batch_of(shown, self.showing.frame, [self.index[original.name] for original in originals])


def _learnt_from(objects: Sequence[AmodalObject], rules: ObjectRules) -> list[AmodalObject]:
    """Complete ones; the known whole of one that only touches its neighbours is not taken for an overlap."""
    return complete_objects([o for o in objects if o.unoccluded or o.amodal is None or not is_contact(o, rules)], rules)


def _some(objects: list[AmodalObject], most: int, seed: int) -> list[AmodalObject]:
    chosen = np.random.default_rng((seed, 5)).permutation(len(objects))[:most]
    return [objects[number] for number in sorted(chosen)]


def _refuse_lacking(complete: dict[str, list[AmodalObject]], cohort: ObjectCohort) -> None:
    lacking = [split for split, found in complete.items() if not found]
    if lacking:
        raise Refused(
            complaint(f"unoccluded objects in the {split} split", "at least one", "none", cohort.name)
            for split in lacking
        )


def _refuse_too_large(objects: Sequence[AmodalObject], rules: FrameConfig) -> None:
    found = []
    for amodal_object in objects:
        reduction = frame_of(amodal_object, rules).reduction
        if reduction > rules.reduction:
            expected = f"one that fits the frame when shown at most {rules.reduction:g} times smaller (data.frame)"
            found.append(complaint("object size", expected, f"{reduction:.1f} times", amodal_object.name))
    if found:
        raise Refused(found)
