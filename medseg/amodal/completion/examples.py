"""Objects of known whole, completed as a user's are: what their samples say, beside how large they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medseg.amodal.completion.completer import Completer
from medseg.amodal.completion.conformal import Example
from medseg.amodal.completion.maps import MapCompleter
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.objects.crops import on_map
from medseg.amodal.objects.ordinary import OrdinaryMap, pieces_of


def examples_of_objects(completer: Completer, objects: Sequence[AmodalObject], samples: int) -> list[Example]:
    """Of objects whose amodal mask is known, each by itself; those that the model is not asked about are left out."""
    answers = completer.answers(objects, samples, abstain=False)
    return [
        _example(each, answer.completion, int(np.count_nonzero(each.amodal)))
        for each, answer in zip(objects, answers, strict=True)
        if answer.completion.group and each.amodal is not None
    ]


def examples_of_map(completer: Completer, shown: OrdinaryMap, samples: int) -> Iterator[Example]:
    """Of the pieces of an ordinary map's objects, in front and behind, where all that touch are heard.

    What is hidden of an object that is completed in several pieces belongs to the piece that is nearest.
    """
    job = MapCompleter(completer=completer, scheme=shown.scheme, samples=samples, gap=0, anywhere=False)
    completed = job(shown.case, shown.volume)
    for one in shown.objects:
        assert one.amodal is not None
        hidden = on_map(one.amodal & ~one.visible, one)
        places = pieces_of(one, completed.objects)
        pieces = [completed.objects[place] for place in places]
        for place, piece, behind in zip(places, pieces, shares(hidden, pieces), strict=True):
            said = completed.completions[place]
            if said.group:
                yield _example(piece, said, int(np.count_nonzero(piece.visible)) + behind)


def shares(hidden: NDArray[np.bool_], pieces: Sequence[AmodalObject]) -> list[int]:
    """Of the hidden voxels (S...) of a map, how many are nearest to each piece; of two as near the first has it."""
    if not pieces:
        return []
    distances = [ndimage.distance_transform_edt(~on_map(piece.visible, piece)) for piece in pieces]
    nearest = np.stack([np.asarray(distance)[hidden] for distance in distances]).argmin(0)
    return np.bincount(nearest, minlength=len(pieces)).tolist()


def _example(shown: AmodalObject, said: Completion, truth: int) -> Example:
    volumes = np.count_nonzero(said.samples, axis=tuple(range(1, said.samples.ndim)))
    return Example(group=said.group, volumes=volumes, seen=int(np.count_nonzero(shown.visible)), truth=truth)
