"""One label map: taken apart, every object completed, put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.assembly import AmodalSignature
from medseg.amodal.completion.completer import Completer
from medseg.amodal.completion.fronts import agreed_fronts
from medseg.amodal.completion.order import Order, occlusion_order
from medseg.amodal.completion.rows import ObjectRow, dropped_row, row_of
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.objects import Extraction, objects_of
from medseg.amodal.objects.crops import padded
from medseg.amodal.objects.growth import painted
from medseg.amodal.objects.kinds import rest_values
from medseg.amodal.objects.pieces import piece_pairs, with_pieces
from medseg.amodal.objects.seams import bridged
from medseg.amodal.occlusion.frames import frame_of
from medseg.amodal.occlusion.sections import FrameConfig
from medseg.contracts import ObjectScheme, Volume


@dataclass(frozen=True, kw_only=True)
class CompletedMap:
    """A label map whose objects are completed."""

    labels: NDArray[np.generic]
    """(S...) the map with every amodal mask painted where no other object is, see ``painted``."""
    objects: tuple[AmodalObject, ...]
    """With room to grow around them."""
    completions: tuple[Completion, ...]
    """One per object, on its crop."""
    rows: tuple[ObjectRow, ...]
    """Of the objects, then of those that were dropped."""
    orders: tuple[Order, ...]
    """Of the pairs that touch, those left alone not among them."""
    affine: NDArray[np.float64]
    """(4,4) of the map."""
    spacing_mm: tuple[float, ...] | None
    """(S,) of the map."""


@dataclass(frozen=True, kw_only=True)
class MapCompleter:
    """A completer with how maps are taken apart, and how far objects may grow: a label map -> CompletedMap."""

    completer: Completer
    """The trained run."""
    scheme: ObjectScheme
    """How maps are taken apart."""
    samples: int
    """Draws of each amodal mask."""
    gap: int
    """See ``may_grow``."""
    anywhere: bool
    """See ``may_grow``."""
    empty: bool = False
    """A map of background alone stays as it is; else it is refused."""

    def extract(self, case: str, volume: Volume) -> Extraction:
        """The objects of a label map (S...), with the model's class indices; raises Refused as ``objects_of`` does."""
        if self.empty and np.isin(volume.array, rest_values(self.scheme)).all():
            return Extraction(objects=(), dropped=())
        found = objects_of(volume, self.scheme, case)
        names = [label.name for label in self.completer.signature.classes[1:]]

        def known(objects: Sequence[AmodalObject]) -> tuple[AmodalObject, ...]:
            indexed = [replace(each, class_index=names.index(each.label)) for each in objects]
            return tuple(bridged(indexed, volume.array, self.scheme, self.gap))

        return replace(found, objects=known(found.objects), specks=known(found.specks))

    def __call__(self, case: str, volume: Volume) -> CompletedMap:
        """Complete a label map (S...); raises Refused as ``extract`` does."""
        found = self._pieces_joined(self.extract(case, volume))
        objects = [
            _with_room(amodal_object, self.completer.frame, self.gap, self.anywhere) for amodal_object in found.objects
        ]
        fronts = agreed_fronts(objects, self.completer.hidden)
        answers = self.completer.answers(objects, self.samples, gap=self.gap, anywhere=self.anywhere, fronts=fronts)
        completions = [answer.completion for answer in answers]
        taken = [number for number, answer in enumerate(answers) if answer.status != "left"]
        return CompletedMap(
            labels=painted(volume.array, self.scheme, objects, [completion.amodal for completion in completions]),
            objects=tuple(objects),
            completions=tuple(completions),
            rows=(
                *(row_of(amodal_object, answer) for amodal_object, answer in zip(objects, answers, strict=True)),
                *(dropped_row(case, dropped, volume) for dropped in found.dropped),
            ),
            orders=tuple(
                occlusion_order(
                    [objects[n] for n in taken], [completions[n] for n in taken], [fronts[n] for n in taken]
                )
            ),
            affine=volume.affine,
            spacing_mm=volume.spacing_mm,
        )

    def _pieces_joined(self, found: Extraction) -> Extraction:
        """Where the rules leave it to the model: pieces are one object that it finds as likely connected as not."""
        rules = self.scheme.rules
        if rules.pieces != "decided" or rules.instances or not rules.component:
            return found
        pieces = [*found.objects, *found.specks]
        pairs = [(a, b) for a, b in piece_pairs(pieces) if a < len(found.objects)]  # two specks are not asked about
        likely = self.completer.connected(pieces, pairs)
        linked = [pair for pair, share in zip(pairs, likely, strict=True) if share >= 0.5]
        return with_pieces(found, linked, rules.smallest)


def completed_scheme(signature: AmodalSignature) -> ObjectScheme:
    """The signature's own, but for ``smallest_occluded``.

    That keeps contacts out of training and judging; here they are completed like all others.
    """
    return replace(signature, rules=replace(signature.rules, smallest_occluded=1))


def _with_room(amodal_object: AmodalObject, rules: FrameConfig, gap: int, anywhere: bool) -> AmodalObject:
    """Room for the seam of a gap; where the object may grow anywhere, as much as its frame shows."""
    if not anywhere and amodal_object.occluder is not None:
        return padded(amodal_object, [gap] * amodal_object.visible.ndim)
    frame = frame_of(amodal_object, rules)
    reach = np.abs(frame.matrix) @ np.asarray(frame.size) / 2
    return padded(amodal_object, np.ceil(reach).astype(int).tolist())
