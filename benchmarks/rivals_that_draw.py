"""Samples of runs of method two side by side, and those of an ensemble of direct networks.

    python benchmarks/rivals_that_draw.py runs/mfish/three_stages-seed0 runs/mfish_dropout/pcnet-seed0 \
        --ensemble runs/mfish/pcnet-seed0 runs/mfish/pcnet-seed1 runs/mfish/pcnet-seed2

The objects, and the number of samples, are those of `medseg evaluate`, and so are the scores. A run of recipe pcnet
draws if it was trained with ``network.dropout``. The members of the ensemble, runs of recipe pcnet, answer by their
mean; what each of them says is a draw. It is calibrated here, on the objects that its first member was calibrated on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from medseg.amodal.assembly import occluded_objects, read_amodal_run
from medseg.amodal.completion.beliefs import MaskBeliefs, believe
from medseg.amodal.completion.calibrate import calibrate, calibrating_objects
from medseg.amodal.completion.calibration import Calibration
from medseg.amodal.completion.completer import Answer, Completer
from medseg.amodal.evaluation import SAMPLES
from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import is_contact
from medseg.amodal.scores import score_object
from medseg.cohorts import apply, find_cohort, load_objects, read_splits
from medseg.contracts import ObjectCohort, ObjectRules
from medseg.evaluation import mean_of_defined

COLUMNS = ("amodal_iou", "occluded_iou", "best_of_10_iou", "diversity", "covered_50", "covered_80", "covered_90")
KINDS = ("all", "overlap", "contact")


@dataclass(frozen=True, kw_only=True)
class Ensemble(Completer):
    """Several direct networks in the place of one."""

    members: tuple[nn.Module, ...]
    """Each is a draw; their mean is the answer."""

    @staticmethod
    def of(completers: Sequence[Completer]) -> Ensemble:
        """Not calibrated yet."""
        shared = {**vars(completers[0]), "calibration": Calibration()}
        return Ensemble(**shared, members=tuple(each.model for each in completers))

    def _believe(self, objects: Sequence[AmodalObject], samples: int) -> MaskBeliefs:
        shown = self._shown(objects)
        said = [believe(member, shown, 0, mirror=self.mirror) for member in self.members]
        draws = torch.stack([each.probs for each in said])
        return replace(said[0], probs=draws.mean(0), samples=draws if samples else draws[:0])


def means(
    objects: Sequence[AmodalObject], answers: Sequence[Answer], rules: ObjectRules
) -> Iterator[tuple[str, int, list[float]]]:
    """Of every kind that there is: its name, its number of objects, and the mean of each of ``COLUMNS``."""
    scored = [
        ({score.metric: score.value for score in score_object(one, answer.completion)}, is_contact(one, rules))
        for one, answer in zip(objects, answers, strict=True)
    ]
    for kind in KINDS:
        values = [value for value, contact in scored if kind == "all" or contact == (kind == "contact")]
        if values:
            nothing = float("nan")
            yield kind, len(values), [mean_of_defined([v.get(name, nothing) for v in values]) for name in COLUMNS]


def ensemble_of(runs: Sequence[Path], cohort: ObjectCohort) -> Ensemble:
    """Calibrated. cohort: of the training, in its split."""
    ensemble = Ensemble.of([Completer.load(run) for run in runs])
    return replace(ensemble, calibration=calibrate(ensemble, calibrating_objects(read_amodal_run(runs[0]), cohort)))


def main() -> None:
    """Parse the command line, print a row per run and kind of object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--ensemble", nargs="+", type=Path, default=[], help="runs of recipe pcnet")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    config, splits = read_amodal_run(asked.runs[0]), read_splits(asked.runs[0] / "splits.json")
    for run in (*asked.runs, *asked.ensemble):
        if read_splits(run / "splits.json") != splits:
            parser.error(f"splits.json: expected that of {asked.runs[0]}, got another ({run})")
    for run in asked.ensemble:
        if (recipe := read_amodal_run(run).recipe) != "pcnet":
            parser.error(f"--ensemble: expected runs of recipe pcnet, got {recipe} ({run})")
    cohort = apply(load_objects(find_cohort(config.data.cohort)), splits)
    objects = occluded_objects(cohort, "test", config)
    completers = {run.name: Completer.load(run) for run in asked.runs}
    if asked.ensemble:
        completers[f"ensemble of {len(asked.ensemble)}"] = ensemble_of(asked.ensemble, cohort)
    print(f"| run | objects | n | {' | '.join(COLUMNS)} |\n|{' --- |' * (3 + len(COLUMNS))}")
    for name, completer in completers.items():
        answers = completer.answers(objects, SAMPLES, abstain=False)
        for kind, count, values in means(objects, answers, cohort.rules):
            print(f"| {name} | {kind} | {count} | {' | '.join(f'{value:.3f}' for value in values)} |", flush=True)


if __name__ == "__main__":
    main()
