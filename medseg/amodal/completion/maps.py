"""One label map: taken apart, every object completed, put together again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.assembly import AmodalSignature
from medseg.amodal.completion.completer import Completer
from medseg.amodal.completion.rows import ObjectRow, dropped_row, row_of
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.objects import Extraction, objects_of
from medseg.amodal.objects.crops import padded
from medseg.amodal.objects.growth import bridged, painted
from medseg.amodal.occlusion.frames import FrameRules, frame_of
from medseg.amodal.order import Order, occlusion_order
from medseg.contracts import ObjectScheme, Volume


@dataclass(frozen=True)
class CompletedMap:
    """A label map whose objects are completed.

    labels: (S...) the map with every whole painted where no other object is, see ``painted``. objects: with room to
    grow around them; completions: one per object, on its crop. rows: of the objects, then of those that were dropped.
    orders: of the pairs that touch, those left alone not among them. affine, spacing_mm: of the map.
    """

    labels: NDArray[np.generic]
    objects: tuple[AmodalObject, ...]
    completions: tuple[Completion, ...]
    rows: tuple[ObjectRow, ...]
    orders: tuple[Order, ...]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, ...] | None


@dataclass(frozen=True)
class MapCompleter:
    """A completer with how maps are taken apart, and how far objects may grow: a label map -> CompletedMap."""

    completer: Completer
    scheme: ObjectScheme
    samples: int
    gap: int
    anywhere: bool

    def extract(self, case: str, volume: Volume) -> Extraction:
        """The objects of a label map (S...), with the model's class indices; raises Refused as ``objects_of`` does."""
        found = objects_of(volume, self.scheme, case)
        names = [label.name for label in self.completer.signature.classes[1:]]
        known = [
            replace(amodal_object, class_index=names.index(amodal_object.label)) for amodal_object in found.objects
        ]
        return replace(found, objects=tuple(bridged(known, volume.array, self.scheme, self.gap)))

    def __call__(self, case: str, volume: Volume) -> CompletedMap:
        """Complete a label map (S...); raises Refused as ``extract`` does."""
        found = self.extract(case, volume)
        objects = [
            _with_room(amodal_object, self.completer.frame, self.gap, self.anywhere) for amodal_object in found.objects
        ]
        answers = self.completer.answers(objects, self.samples, self.gap, self.anywhere)
        completions = [answer.completion for answer in answers]
        taken = [number for number, answer in enumerate(answers) if answer.status != "left"]
        return CompletedMap(
            painted(volume.array, self.scheme, objects, [completion.amodal for completion in completions]),
            tuple(objects),
            tuple(completions),
            (
                *(row_of(amodal_object, answer) for amodal_object, answer in zip(objects, answers, strict=True)),
                *(dropped_row(case, dropped, volume) for dropped in found.dropped),
            ),
            tuple(occlusion_order([objects[n] for n in taken], [completions[n] for n in taken])),
            volume.affine,
            volume.spacing_mm,
        )


def completed_scheme(signature: AmodalSignature) -> ObjectScheme:
    """The signature's own, but for ``smallest_occluded``.

    That keeps contacts out of training and judging; here they are completed like all others.
    """
    return replace(signature, rules=replace(signature.rules, smallest_occluded=1))


def _with_room(amodal_object: AmodalObject, rules: FrameRules, gap: int, anywhere: bool) -> AmodalObject:
    """Room for the seam of a gap; where the object may grow anywhere, as much as its frame shows."""
    if not anywhere and amodal_object.occluder is not None:
        return padded(amodal_object, [gap] * amodal_object.visible.ndim)
    frame = frame_of(amodal_object, rules)
    reach = np.abs(frame.matrix) @ np.asarray(frame.size) / 2
    return padded(amodal_object, np.ceil(reach).astype(int).tolist())
