"""`medseg evaluate` for a run of method two: completions and their rivals against known truth -> scores, pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.assembly import occluded_objects, read_amodal_run, unoccluded_objects
from medseg.amodal.completion.calibrate import calibrate_run
from medseg.amodal.completion.calibration import CALIBRATION
from medseg.amodal.completion.completer import Answer, Completer
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.objects import read_objects
from medseg.amodal.occlusion.batches import batch_of
from medseg.amodal.occlusion.frames import frame_of, from_frame
from medseg.amodal.occlusion.sections import FrameConfig
from medseg.amodal.pictures.run import draw_amodal_run
from medseg.amodal.report import READ, write_report
from medseg.amodal.rivals import NearestShape, hull, hull_in_occluder, visible
from medseg.amodal.scores import OccludedCalibration, score_object, score_orders
from medseg.amodal.tracking import track_amodal
from medseg.cohorts import apply, find_cohort, fingerprint, load_objects, read_splits
from medseg.config import dump_config, refuse_other_data
from medseg.contracts import ObjectCohort, Refused, Score, complaint
from medseg.evaluation import score_of, write_rivals, write_scores
from medseg.images import whole_or_as_before
from medseg.reporting import format_summary

SAMPLES = 50
"""Draws of each object, behind the intervals."""

WITHOUT = {"occluded": "without_visible"}
"""Stage -> the recipe that ends with it."""

SHAPES = 2000
"""So many training shapes at most are searched for the nearest."""

Rival = Callable[[AmodalObject], NDArray[np.bool_]]


@dataclass(frozen=True, kw_only=True)
class AmodalEvaluation:
    """What `medseg evaluate` found."""

    scores: list[Score]
    """The rows of scores.csv."""
    objects: str
    """What they are about."""
    out: Path
    """Where the files are."""

    def __str__(self) -> str:
        page = f"page: {self.out}/report/index.html"
        return "\n".join([self.objects, format_summary([replace(score, label="") for score in self.scores]), page])


def evaluate_amodal(run: Path, stage: str | None = None, draw: bool = True) -> AmodalEvaluation:
    """Complete the test cases' occluded objects whose amodal mask is known, on their native grid, beside all rivals.

    Writes scores.csv, rivals.csv and report/ into the run folder, each in place of an older one when all is there.
    stage: take the weights with which this stage ended, calibrated on their own; the files then go below
    ``<run>/<stage>/``, as those of the run without the stages after it.
    Raises Refused where no test object has an occluded part.
    """
    config = read_amodal_run(run)
    if stage is not None and (stage not in WITHOUT or config.recipe != "three_stages"):
        expected = f"{', '.join(WITHOUT)} of a run of recipe three_stages"
        raise Refused([complaint("--stage", expected, f"{stage} of {config.recipe}", str(run))])
    cohort = load_objects(find_cohort(config.data.cohort))
    refuse_other_data(run, fingerprint(cohort))
    cohort = apply(cohort, read_splits(run / "splits.json"))
    if stage is not None and not (run / stage / CALIBRATION).is_file():
        calibrate_run(run, cohort, stage)
    completer = Completer.load(run, stage)
    objects = occluded_objects(cohort, "test", config)
    if not objects:
        raise Refused([complaint("test objects", "at least one with an occluded part", "none", cohort.name)])
    out = run if stage is None else run / stage
    answers = completer.answers(objects, SAMPLES, abstain=False)
    scores = [
        score
        for amodal_object, answer in zip(objects, answers, strict=True)
        for score in _scores(amodal_object, answer)
    ]
    completions = [answer.completion for answer in answers]
    scores.append(reduce(add, map(OccludedCalibration.of, objects, completions)).score())
    scores += _order_scores(completer, cohort)
    with whole_or_as_before(out, [] if stage else [run / name for name in READ]) as folder:
        write_scores(folder / "scores.csv", scores)
        if stage is not None:  # what stands there is a run without the stages after it
            (folder / "config.yaml").write_text(dump_config(config.model_copy(update={"recipe": WITHOUT[stage]})))
        else:
            write_rivals(folder / "rivals.csv", _rival_scores(objects, cohort, config.data.frame))
            if draw:
                draw_amodal_run(folder, completer, cohort, config, objects=objects, answers=answers, scores=scores)
                write_report(folder)
    if draw and stage is None:
        track_amodal(run, config, scores)
    kind = "occluded synthetically" if objects[0].simulated else "really occluded"
    cases = len({amodal_object.case for amodal_object in objects})
    return AmodalEvaluation(scores=scores, objects=f"{len(objects)} {kind} objects of {cases} test cases", out=out)


def _scores(amodal_object: AmodalObject, answer: Answer) -> list[Score]:
    """Of one object; ``novelty`` above 1 says that `medseg complete` would have left it as it is."""
    novelty = score_of("novelty", answer.completion.novelty, case=amodal_object.name, label=amodal_object.label)
    return [*score_object(amodal_object, answer.completion), novelty]


def _order_scores(completer: Completer, cohort: ObjectCohort) -> Iterator[Score]:
    """order_correct of the pairs of every test map whose order the cohort's rules state."""
    for case in cohort.split("test") if cohort.rules.hides else ():
        objects = read_objects(case, cohort).objects
        answers = completer.answers(objects, 0, abstain=False)
        asked = [number for number, answer in enumerate(answers) if answer.status != "left"]
        completions = [answers[number].completion for number in asked]
        yield from score_orders([objects[number] for number in asked], completions, cohort.rules)


def _rival_scores(objects: Sequence[AmodalObject], cohort: ObjectCohort, rules: FrameConfig) -> dict[str, list[Score]]:
    """The same metrics of those that learn nothing, by the rival's name."""
    rivals: Mapping[str, Rival] = {
        "visible": visible,
        "hull": hull,
        "hull_in_occluder": hull_in_occluder,
        "nearest_shape": _nearest(cohort, rules),
    }
    return {name: list(_of_rival(rival, objects)) for name, rival in rivals.items()}


def _of_rival(rival: Rival, objects: Sequence[AmodalObject]) -> Iterator[Score]:
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
        yield from score_object(amodal_object, completion)


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
