"""What each rule of answering is worth: runs of method two, completed with one rule changed at a time.

    python benchmarks/answer_rules.py runs/sweeps/mfish/three_stages-seed*-fold0
    python benchmarks/answer_rules.py RUN --unlike runs/cohorts/cx22 runs/cohorts/hippocampus

Objects and scores are those of `medseg evaluate`: the occluded objects of the test split, contacts apart, and those of
the same maps as every segmenter gives them, in front and behind. Means over the runs, whole / hidden IoU.

as it is            as `medseg complete` answers
nobody heard        each object by itself: nobody says who lies in front (``completion.fronts``)
pieces apart        each visible piece is completed alone
pieces joined       all pieces of one class at the same hider are one object
cut at one half     instead of the greatest expected utility (``completion.decision``), of which only
whole alone         the IoU of the whole is counted
1 % left alone      what is more novel than 99 % of the objects that calibrate is left as it is

With ``--unlike``: what is gained by completing shapes of other cohorts, blobs, two that cross and halves, each in the
place of an unoccluded test object and occluded synthetically: mean IoU with the whole, completed minus left as it is,
of all and of those that are more novel than that percentile.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from unlike_shapes import masks_of, unlike

from medseg.amodal.assembly import occluded_objects, read_amodal_run, simulated_objects, unoccluded_objects
from medseg.amodal.completion import completer as answering, decision
from medseg.amodal.completion.calibrate import FAMILIAR, calibrating_objects, unlike_and_gained
from medseg.amodal.completion.completer import Completer
from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import is_contact
from medseg.amodal.objects.ordinary import OrdinaryMap, read_ordinary_map
from medseg.amodal.ordinary_scores import score_ordinary
from medseg.amodal.scores import score_object
from medseg.cohorts import apply, find_cohort, load_objects, read_splits
from medseg.contracts import Case, ObjectCohort, PiecesRule
from medseg.evaluation import mean_of_defined

OBJECTS = 300
"""Unoccluded test objects that unlike shapes stand in for, at most."""
COLUMNS = ("all", "overlap", "contact", "behind", "in front")
Scored = Mapping[str, list[Mapping[str, float]]]
"""Kind of object -> the metrics of each."""


@dataclass(frozen=True, kw_only=True)
class Alone(Completer):
    """One that says nothing of who is hidden, so that nobody is heard."""

    def hidden(self, objects: Sequence[AmodalObject], batch: int = 32) -> NDArray[np.float64]:
        """All nan."""
        return np.full((2, len(objects)), np.nan)


def alone(completer: Completer) -> Completer:
    return Alone(**vars(completer))


def half(probs: NDArray[np.floating], seen: int, hidden: float) -> NDArray[np.bool_]:
    """In the place of ``best_part``."""
    return probs >= 0.5


def pieces_ruled(rule: PiecesRule) -> Callable[[Case, ObjectCohort], OrdinaryMap]:
    """In the place of ``read_ordinary_map``."""

    def read(case: Case, cohort: ObjectCohort) -> OrdinaryMap:
        shown = read_ordinary_map(case, cohort)
        return replace(shown, scheme=replace(shown.scheme, rules=replace(shown.scheme.rules, pieces=rule)))

    return read


def percentile(completer: Completer, objects: Sequence[AmodalObject]) -> float | None:
    """The 99th of how unlike those of the training the objects look; None where none is known."""
    scores, _ = unlike_and_gained(completer, objects)
    return None if np.isnan(scores).all() else float(np.nanquantile(scores, FAMILIAR))


def rows(run: Path) -> Iterator[tuple[str, Scored]]:
    """Of every rule its name, and the scores."""
    config = read_amodal_run(run)
    cohort = apply(load_objects(find_cohort(config.data.cohort)), read_splits(run / "splits.json"))
    as_it_is = Completer.load(run)
    limit = percentile(as_it_is, calibrating_objects(config, cohort))
    limited = replace(as_it_is, calibration=replace(as_it_is.calibration, misfit_limit=limit))
    reading = "medseg.amodal.ordinary_scores.read_ordinary_map"
    rules: list[tuple[str, Completer, AbstractContextManager[object]]] = [
        ("as it is", as_it_is, nullcontext()),
        ("nobody heard", alone(as_it_is), nullcontext()),
        ("pieces apart", as_it_is, patch(reading, pieces_ruled("apart"))),
        ("pieces joined", as_it_is, patch(reading, pieces_ruled("joined"))),
        ("cut at one half", as_it_is, patch.object(answering, "best_part", half)),
        ("whole alone", as_it_is, patch.object(decision, "HIDDEN_WEIGHT", 0.0)),
        ("1 % left alone", limited, nullcontext()),
    ]
    objects = occluded_objects(cohort, "test", config)
    for name, completer, changed in rules:
        with changed:
            found = scored(completer, objects, cohort)
        yield name, found  # not within: the rules of several runs are taken in turns


def scored(completer: Completer, objects: Sequence[AmodalObject], cohort: ObjectCohort) -> Scored:
    """Of each object, by its kind; those of the cohort as its maps show them are ``all`` too."""
    found: dict[str, list[Mapping[str, float]]] = {kind: [] for kind in COLUMNS}
    answers = completer.answers(objects, 0)
    for one, answer in zip(objects, answers, strict=True):
        values = {score.metric: score.value for score in score_object(one, answer.completion)}
        for kind in ("all", "contact" if is_contact(one, cohort.rules) else "overlap"):
            found[kind].append(values)
    of_object: dict[str, dict[str, float]] = {}
    for score in score_ordinary(completer, cohort, 0).scores:
        of_object.setdefault(score.case, {})[score.metric] = score.value
    for values in of_object.values():
        if "front" in values:
            found["in front" if values["front"] else "behind"].append(values)
    return found


def cell(of_runs: Sequence[Scored], kind: str) -> str:
    """Means over the objects of a kind, and over the runs."""

    def mean(metric: str) -> float:
        return float(np.mean([mean_of_defined([values[metric] for values in each[kind]]) for each in of_runs]))

    if not all(each[kind] for each in of_runs):
        return "n/a"
    second = f"area {mean('area_ratio'):.3f}" if kind == "in front" else f"{mean('occluded_iou'):.3f}"
    return f"{mean('amodal_iou'):.4f} / {second}"


def gains(run: Path, others: Sequence[str]) -> Iterator[str]:
    """A row per kind of shape."""
    config, completer = read_amodal_run(run), Completer.load(run)
    cohort = apply(load_objects(find_cohort(config.data.cohort)), read_splits(run / "splits.json"))
    limit = percentile(completer, calibrating_objects(config, cohort))
    whole = unoccluded_objects(cohort, "test", config.data.frame, OBJECTS)
    masks = {Path(folder).name: masks_of(folder, len(config.data.frame.size)) for folder in others}
    for kind, made in (("test objects", whole), *unlike(whole, masks)):
        shown = simulated_objects(made, config)
        scores, gained = unlike_and_gained(completer, shown)
        novel = scores > (limit or np.inf)
        beyond = f"{gained[novel].mean():+.3f} ({100 * novel.mean():.0f} %)" if novel.any() else "none"
        yield f"| {kind} | {len(shown)} | {gained.mean():+.3f} | {beyond} |"


def main() -> None:
    """Parse the command line, print a row per rule, or per kind of unlike shape."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--unlike", nargs="+", help="cohorts of other shapes")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.unlike:
        print("| shapes | n | gained by completing | of those beyond |\n| --- | --- | --- | --- |")
        for row in gains(asked.runs[0], asked.unlike):
            print(row, flush=True)
        return
    print(f"| rule | {' | '.join(COLUMNS)} |\n|{' --- |' * (1 + len(COLUMNS))}")
    for of_runs in zip(*(rows(run) for run in asked.runs), strict=True):
        cells = [cell([each for _, each in of_runs], kind) for kind in COLUMNS]
        print(f"| {of_runs[0][0]} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
