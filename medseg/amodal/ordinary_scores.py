"""What `medseg complete` makes of ordinary label maps, against the known amodal masks of their objects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add

import numpy as np

from medseg.amodal.completion.completer import Completer
from medseg.amodal.completion.maps import CompletedMap, MapCompleter
from medseg.amodal.completion.order import UNDECIDED, Order
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.objects.crops import windows
from medseg.amodal.objects.ordinary import OrdinaryMap, ordinary_cases, pieces_of, read_ordinary_map
from medseg.amodal.scores import OccludedCalibration, front_score, score_object, score_order
from medseg.contracts import ObjectCohort, Score, Split, watched
from medseg.evaluation import score_of

LEAST = 1e-6
"""No probability counts for less: one that is 0 by rounding says no more."""


@dataclass(kw_only=True)
class OrdinaryScores:
    """Of the ordinary maps of some cases."""

    objects: list[AmodalObject] = field(default_factory=list)
    """Those that are judged, as the maps show them."""
    scores: list[Score] = field(default_factory=list)
    """Of each of them, of the order of each pair of which one hides the other, and of all together."""


def score_ordinary(completer: Completer, cohort: ObjectCohort, samples: int, split: Split = "test") -> OrdinaryScores:
    """The cases of a split as ordinary maps, see ``ordinary_map``, each completed as a user's would be, and scored.

    An object is what is visible of it, and what its pieces grew: the pieces that are its own for the most part.
    """
    found = OrdinaryScores()
    cases = ordinary_cases(cohort, split)
    calibrations: list[OccludedCalibration] = []
    for case in watched(cases, "completing ordinary maps", len(cases)):
        shown = read_ordinary_map(case, cohort)
        if not shown.objects:
            continue
        job = MapCompleter(completer=completer, scheme=shown.scheme, samples=samples, gap=0, anywhere=False)
        completed = job(case.name, shown.volume)
        pieces = {one.name: pieces_of(one, completed.objects) for one in shown.objects}
        for one in shown.objects:
            said = joined(one, completed, pieces[one.name])
            found.scores += [*score_object(one, said), front_score(one)]
            calibrations.append(OccludedCalibration.of(one, said))
        found.objects += shown.objects
        found.scores += order_scores(shown, completed, pieces)
    if calibrations:
        found.scores.append(reduce(add, calibrations).score())
    return found


def joined(one: AmodalObject, completed: CompletedMap, pieces: Sequence[int]) -> Completion:
    """The object's visible part with what its pieces grew, on its own crop; sample n is that of every piece.

    Its intervals are what those of objects.csv say its pieces add, together.
    """
    drawn = max((len(completed.completions[number].samples) for number in pieces), default=0)
    amodal, probs = one.visible.copy(), one.visible.astype(np.float32)
    samples = np.repeat(one.visible[None], drawn, axis=0)
    for number in pieces:
        piece, said = completed.objects[number], completed.completions[number]
        there, here = windows(amodal.shape, said.amodal.shape, np.subtract(piece.corner, one.corner))
        grown = ~piece.visible[here]
        amodal[there] |= said.amodal[here] & grown
        probs[there] = np.maximum(probs[there], said.probs[here] * grown)
        if len(said.samples):
            samples[:, *there] |= said.samples[:, *here] & grown
    seen = float(np.count_nonzero(one.visible))
    added = [
        np.array(said.intervals) - np.count_nonzero(piece.visible)
        for piece, said in ((completed.objects[number], completed.completions[number]) for number in pieces)
        if said.intervals
    ]
    intervals = tuple((seen + low, seen + high) for low, high in np.sum(added, axis=0).tolist()) if added else ()
    novelty = np.array([completed.completions[number].novelty for number in pieces] or [np.nan])
    return Completion(
        name=one.name,
        amodal=amodal,
        probs=probs,
        samples=samples,
        novelty=float(np.fmax.reduce(novelty)),
        intervals=intervals,
    )


def order_scores(shown: OrdinaryMap, completed: CompletedMap, pieces: dict[str, list[int]]) -> Iterator[Score]:
    """Of every pair of which one hides the other: order_correct, by what most of the pairs of their pieces say, and
    order_log_loss of each pair of pieces whose order has a probability."""
    owners = {completed.objects[number].name: name for name, numbers in pieces.items() for number in numbers}
    for front, back in shown.fronts:
        orders = [order for order in completed.orders if {owners.get(order.a), owners.get(order.b)} == {front, back}]
        said = [owners[order.front] for order in orders if order.front != UNDECIDED]
        balance = said.count(front) - said.count(back)
        named = front if balance > 0 else back if balance < 0 else UNDECIDED
        yield score_order(f"{front}+{back.rpartition('/')[2]}", named, front)
        for order in orders:
            if not math.isnan(order.probability):
                yield _order_log_loss(order, right=owners[order.front] == front)


def _order_log_loss(order: Order, *, right: bool) -> Score:
    """-log of the probability of the true front: that of ``order.front`` where this is right, else what is left."""
    probability = order.probability if right else 1 - order.probability
    pair = f"{order.a}+{order.b.rpartition('/')[2]}"
    return score_of("order_log_loss", math.log(1 / max(probability, LEAST)), case=pair)
