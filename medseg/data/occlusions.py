"""Objects of label maps -> MaskBatch: whole, synthetically hidden, or really hidden, each in its frame.

A batch is a pure function of (view, epoch, step, rank), as it is for annotated images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from medseg.contracts import AmodalObject, Cohort, MaskBatch, Refused, Split, View, complaint
from medseg.data.frames import FrameRules, frame_around, to_frame
from medseg.data.objects import read_objects
from medseg.data.occluders import Ranges, apply_occlusion, draw_occlusion, roughen

Mask = NDArray[np.bool_]

VALIDATION = 128
"""So many validation objects, drawn once, are enough to choose a checkpoint by."""


@dataclass(frozen=True)
class Showing:
    """How objects are shown: their frames, the occluders drawn over them, sloppiness, mirror images.

    gap: visible part and occluder are dilated or eroded by up to so many voxels in training, each on its own.
    mirror: frames are mirrored at random along every axis.
    """

    frame: FrameRules
    ranges: Ranges
    gap: int = 0
    mirror: bool = True


def padded(thing: AmodalObject, margin: Sequence[int]) -> AmodalObject:
    """The same object on a larger crop: ``margin`` more voxels on either side of each axis, with nothing in them."""
    width = [(m, m) for m in margin]

    def pad(mask: Mask | None) -> Mask | None:
        return None if mask is None else np.pad(mask, width)

    corner = tuple(c - m for c, m in zip(thing.corner, margin, strict=True))
    visible = np.pad(thing.visible, width)
    return replace(thing, visible=visible, occluder=pad(thing.occluder), whole=pad(thing.whole), corner=corner)


def on_canvas(thing: AmodalObject, rules: FrameRules) -> AmodalObject:
    """The object with as much room around it as its frame shows, and 4 voxels at least."""
    voxel = np.asarray(thing.spacing_mm or (1.0,) * thing.visible.ndim)
    extent = np.asarray(thing.visible.shape) * voxel
    step = rules.spacing or float((extent * rules.margin / np.asarray(rules.size)).max())
    room = (np.asarray(rules.size) * step / voxel - thing.visible.shape) / 2
    return padded(thing, [max(4, int(np.ceil(r))) for r in room])


def simulated(thing: AmodalObject, others: Sequence[Mask], showing: Showing, rng: np.random.Generator) -> AmodalObject:
    """A complete object, hidden by an occluder drawn for it; its whole stays known."""
    canvas = on_canvas(thing, showing.frame)
    occlusion = draw_occlusion(canvas.visible, others, showing.ranges, rng)
    hidden = apply_occlusion(canvas.visible, occlusion, others)
    name = f"{thing.name}~{occlusion.kind}"
    return replace(
        canvas,
        name=name,
        visible=hidden.visible,
        occluder=hidden.occluder,
        whole=canvas.visible,
        complete=False,
    )


def fits(thing: AmodalObject, rules: FrameRules) -> bool:
    """Whether the object is not larger than its frame allows."""
    return frame_around(thing.visible, rules, thing.spacing_mm).reduction <= rules.reduction


class OcclusionSource:
    """The objects of the training and validation cases of one run, read once.

    The view ``visible`` shows the really hidden objects; in a cohort without any it shows complete ones hidden
    synthetically, and keeps the whole to itself.
    Raises Refused when a split has no complete object, and for objects larger than the frame allows.
    """

    def __init__(
        self, cohort: Cohort, showing: Showing, seed: int, batch_size: int, objects_per_epoch: int | None = None
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
        shown = []
        for place in places:
            turn, position = divmod(int(place), len(things))
            thing = things[np.random.default_rng((self.seed, turn)).permutation(len(things))[position]]
            rng = np.random.default_rng((self.seed, int(place), 1))
            shown.append(self._shown(thing, view, real, rng, roughened=True))
        return replace(self._collated(shown), epoch=epoch + step / self.steps_per_epoch())

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
            seen = _sloppy(seen, self.showing.gap, rng)
        flips = [axis for axis in range(thing.visible.ndim) if self.showing.mirror and rng.random() < 0.5]
        return _mirrored(seen, flips)

    def _collated(self, things: Sequence[AmodalObject]) -> MaskBatch:
        return batch_of(things, self.showing.frame, [self.index[thing.name.split("~")[0]] for thing in things])


def objects_of_split(cohort: Cohort, split: Split) -> list[AmodalObject]:
    """Every object of the cases of one split, in the order of the manifest."""
    return [thing for case in cohort.split(split) for thing in read_objects(case, cohort).objects]


def batch_of(things: Sequence[AmodalObject], rules: FrameRules, case_index: Sequence[int] | None = None) -> MaskBatch:
    """Objects in their frames; an unknown occluder is everything that is not visible, an unknown whole the visible."""
    frames = [frame_around(thing.visible, rules, thing.spacing_mm) for thing in things]

    def stacked(masks: Sequence[Mask | None]) -> torch.Tensor:
        grids = [
            1 - visible if mask is None else to_frame(mask, frame)
            for mask, frame, visible in zip(masks, frames, shown, strict=True)
        ]
        return torch.from_numpy(np.stack(grids))[:, None]

    shown = [to_frame(thing.visible, frame) for thing, frame in zip(things, frames, strict=True)]
    return MaskBatch(
        torch.from_numpy(np.stack(shown))[:, None],
        stacked([thing.occluder for thing in things]),
        stacked([thing.visible if thing.whole is None else thing.whole for thing in things]),
        torch.tensor([thing.class_index for thing in things]),
        torch.tensor(list(case_index) if case_index is not None else list(range(len(things)))),
    )


def _sloppy(thing: AmodalObject, gap: int, rng: np.random.Generator) -> AmodalObject:
    """As a segmenter would see it: visible part and occluder each a little too large or too small."""
    changes = rng.integers(-gap, gap + 1, 2)
    occluder = None if thing.occluder is None else roughen(thing.occluder, int(changes[1]))
    return replace(thing, visible=roughen(thing.visible, int(changes[0])), occluder=occluder)


def _mirrored(thing: AmodalObject, axes: Sequence[int]) -> AmodalObject:
    if not axes:
        return thing

    def mirrored(mask: Mask) -> Mask:
        return np.flip(mask, tuple(axes))

    return replace(
        thing,
        visible=mirrored(thing.visible),
        occluder=None if thing.occluder is None else mirrored(thing.occluder),
        whole=None if thing.whole is None else mirrored(thing.whole),
    )


def _some(things: list[AmodalObject], most: int, seed: int) -> list[AmodalObject]:
    chosen = np.random.default_rng((seed, 5)).permutation(len(things))[:most]
    return [things[number] for number in sorted(chosen)]


def _refuse_lacking(complete: dict[str, list[AmodalObject]], cohort: Cohort) -> None:
    lacking = [split for split, found in complete.items() if not found]
    if lacking:
        raise Refused(
            complaint(f"complete objects in the {split} split", "at least one", "none", cohort.name)
            for split in lacking
        )


def _refuse_too_large(things: Sequence[AmodalObject], rules: FrameRules) -> None:
    found = []
    for thing in things:
        reduction = frame_around(thing.visible, rules, thing.spacing_mm).reduction
        if reduction > rules.reduction:
            expected = f"one that fits the frame when shown at most {rules.reduction:g} times smaller (data.frame)"
            found.append(complaint("object size", expected, f"{reduction:.1f} times", thing.name))
    if found:
        raise Refused(found)
