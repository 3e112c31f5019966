"""The scores of those that learn nothing, beside those of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.assembly import unoccluded_objects
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.occlusion.batches import batch_of
from medseg.amodal.occlusion.frames import frame_of, from_frame
from medseg.amodal.occlusion.sections import FrameConfig
from medseg.amodal.rivals import NearestShape, hull, hull_in_occluder, visible
from medseg.amodal.scores import score_object
from medseg.contracts import ObjectCohort, Score, watched

SHAPES = 2000
"""So many training shapes at most are searched for the nearest."""

Rival = Callable[[AmodalObject], NDArray[np.bool_]]
KindOf = Callable[[AmodalObject], Score]


def rival_scores(
    objects: Sequence[AmodalObject], trained: ObjectCohort | None, frame: FrameConfig, kind: KindOf
) -> dict[str, list[Score]]:
    """The metrics of ``score_object`` by the rival's name.

    trained: the cohort of the training, in its split, in which the nearest shape is looked for; None: that is left out.
    kind: the score that says of which kind an object is.
    """
    rivals: dict[str, Rival] = {
        "visible": visible,
        "hull": hull,
        "hull_in_occluder": hull_in_occluder,
    }
    if trained is not None:
        rivals["nearest_shape"] = _nearest(trained, frame)
    every = watched(rivals.items(), "scoring rivals", len(rivals))
    return {name: list(_of_rival(rival, objects, kind)) for name, rival in every}


def _of_rival(rival: Rival, objects: Sequence[AmodalObject], kind: KindOf) -> Iterator[Score]:
    for amodal_object in objects:
        amodal = rival(amodal_object)
        nothing = np.zeros((0, *amodal.shape), bool)
        completion = Completion(
            name=amodal_object.name,
            amodal=amodal,
            probs=amodal.astype(np.float32),
            samples=nothing,
            novelty=float("nan"),
        )
        yield from (*score_object(amodal_object, completion), kind(amodal_object))


def _nearest(cohort: ObjectCohort, rules: FrameConfig) -> Rival:
    """The training shape of the object's class (of any, where the class has none) that fits best, pasted back."""
    chosen = unoccluded_objects(cohort, "train", rules, SHAPES)
    grids = batch_of(chosen, rules).amodal[:, 0].numpy() >= 0.5
    classes = np.array([amodal_object.class_index for amodal_object in chosen])
    stores = {int(index): NearestShape(grids[classes == index]) for index in np.unique(classes)}
    every = NearestShape(grids)

    def nearest(amodal_object: AmodalObject) -> NDArray[np.bool_]:
        batch = batch_of([amodal_object], rules)
        store = stores.get(amodal_object.class_index, every)
        occluder = None if amodal_object.occluder is None else batch.occluder[0, 0].numpy()
        shape = store.complete(batch.visible[0, 0].numpy(), occluder)
        frame = frame_of(amodal_object, rules)
        pasted = from_frame(shape, frame, amodal_object.visible.shape) >= 0.5
        return amodal_object.visible | (pasted if amodal_object.occluder is None else pasted & amodal_object.occluder)

    return nearest
