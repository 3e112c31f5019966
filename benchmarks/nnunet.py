"""nnU-Net (Isensee et al., Nature Methods 2021) on a consensus of the annotators: a rival, scored as a run is.

    python -m venv runs/nnunet_env && runs/nnunet_env/bin/pip install nnunetv2==2.8.1
    python benchmarks/nnunet.py configs/annotators/bubil_fibroblast.yaml --target majority_vote --seconds 1200 \
        --python runs/nnunet_env/bin/python --out runs/nnunet/bubil_fibroblast-vote
    medseg compare runs/bubil_fibroblast/fused-seed0-fold0 runs/nnunet/bubil_fibroblast-vote
    python benchmarks/nnunet.py --table runs/nnunet/bubil_fibroblast-vote runs/bubil_fibroblast/fused-seed0-fold0

It is given what a run of the config is given: the same cases for training and for test, the labels of the same
annotators, as their vote or their STAPLE on the files' own grid. The validation cases are in its fingerprint, and
nothing else is done with them. All else (plans, network, augmentation, optimiser, mirrored sliding window) is its own.

What a reader of the table must know. The budget, in seconds of wall time or of CPU, is that of training alone, like the
steps of a run; spent.json has what planning and prediction took beside it. nnU-Net is made for 250,000 steps on a GPU:
of the few that a CPU takes in a budget of minutes it says how a user fares in that time, not what it can reach. It has
no annotators: each is predicted to write the truth, as by the recipes majority_vote and staple. Pictures are written as
float TIFF, a file per channel, and are normalised by their z-score; an image's spacing counts in volumes alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from nnunet_given import Rival, Target, convert

from medseg.annotators import consensus
from medseg.annotators.assembly import Signature
from medseg.annotators.loading.records import Record, class_indices
from medseg.annotators.nouns import Prediction
from medseg.annotators.predicting.predicted_maps import write_prediction
from medseg.annotators.scores import score_case
from medseg.cohorts import Assignment, marked, seen_by_split, write_splits
from medseg.contracts import UNLABELLED, Refused, complaint, dump_yaml, read_yaml
from medseg.evaluation import assd, dice, hd95, length_unit, mean_of_defined, write_scores
from medseg.experiment.methods import load_config
from medseg.images import read_labels, suffix_of

PROCESS = Path(__file__).with_name("nnunet_process.py")
TABLE = ("vote Dice", "vote HD95", "vote ASSD", "unit")


# ---------------------------------------------------------------------------------- its process
def run_process(rival: Rival, folder: Path, python: str, options: Sequence[str], *, threads: int) -> None:
    """Plan, train, predict; what it says goes to nnunet.log. Raises Refused where it fails."""
    places = {f"nnUNet_{name}": str(folder / name) for name in ("raw", "preprocessed", "results")}
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "nnUNet_def_n_proc"), str(threads))
    how = {"nnUNet_n_proc_DA": str(threads), "nnUNet_compile": "f", "TQDM_DISABLE": "1"}
    command = [python, str(PROCESS), str(folder), "--configuration", rival.configuration, *options]
    log = folder / "nnunet.log"
    with log.open("w") as said:
        ended = subprocess.run(
            [*command, "--seed", str(rival.config.seed)],
            stdout=said,
            stderr=subprocess.STDOUT,
            env=os.environ | places | counts | how,
        )
    if ended.returncode:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        got = lines[-1] if lines else f"exit status {ended.returncode}"
        raise Refused([complaint("nnU-Net", "a process that ends well", got, str(log))])


# ---------------------------------------------------------------------------------- what it says
def predictions(rival: Rival, folder: Path) -> Iterator[tuple[Record, Prediction]]:
    """Of every test case, from predicted/<case>.npz: (T,1,Y,X) of a picture, (T,Z,Y,X) of a volume."""
    for case in rival.cohort.split("test"):
        record = rival.record(case, rival.annotators)
        with np.load(folder / "predicted" / f"{case.name}.npz") as saved:
            probs = saved["probabilities"].astype(np.float32)
        probs = probs[:, 0] if rival.cohort.spatial_dims == 2 else probs.transpose(0, 3, 2, 1)
        number, classes = len(rival.annotators), len(probs)
        yield (
            record,
            Prediction(
                case=case.name,
                truth_probs=probs,
                annotator_probs=np.broadcast_to(probs, (number, *probs.shape)),
                joint_probs=np.full((number, classes, classes), np.nan, np.float32),
                affine=record.affine,
                spacing_mm=record.spacing_mm,
            ),
        )


def evaluate(rival: Rival, folder: Path) -> None:
    """Write what `medseg compare` reads: scores.csv, config.yaml, splits.json; and predictions/ as a run has them."""
    cohort = rival.cohort
    signature = Signature(annotators=rival.annotators, classes=cohort.classes, channels=len(cohort.channels),
                          spatial_dims=cohort.spatial_dims)  # fmt: skip
    scores = []
    for record, prediction in predictions(rival, folder):
        scores += score_case(
            prediction, record.labels, record.truth, classes=signature.class_names, annotators=rival.annotators
        )
        write_prediction(prediction, signature, folder / "predictions", suffix_of(record.case.images[0]))
    write_scores(folder / "scores.csv", marked(scores, seen_by_split(cohort)))
    values = rival.config.model_dump(mode="json") | {"recipe": f"nnunet_{rival.target}"}
    (folder / "config.yaml").write_text(dump_yaml(values), "utf-8")


def distances(rival: Rival, run: Path) -> list[float | str]:
    """Means over the test cases and classes of what ``TABLE`` names, of the truths that lie in a run folder."""
    rows, unit = [], "px"
    for case in rival.cohort.split("test"):
        record = rival.record(case, rival.annotators)
        suffix, spacing_mm = suffix_of(case.images[0]), record.spacing_mm
        name = case.name + (".png" if suffix in (".jpg", ".jpeg") else suffix)
        found = class_indices(read_labels(run / "predictions" / "truth" / name).array, rival.cohort)
        vote, unit = consensus.majority_vote(record.labels, len(rival.cohort.classes)), length_unit(spacing_mm)
        seen = np.where(vote == UNLABELLED, UNLABELLED, found)
        for label in range(1, len(rival.cohort.classes)):
            far = [measure(seen, vote, label, spacing_mm) for measure in (hd95, assd)]
            rows.append((dice(found, vote, label), *far))
    return [*(mean_of_defined(column) for column in zip(*rows, strict=True)), unit]


def show(runs: Sequence[Path]) -> None:
    """A row per evaluated run, of nnU-Net or of medseg: on its own test cases, against the vote of its annotators."""
    print(f"| run | {' | '.join(TABLE)} | steps | CPU s |\n|{' --- |' * (3 + len(TABLE))}")
    for run in runs:
        values = read_yaml(run / "config.yaml")
        target = str(values["recipe"]).removeprefix("nnunet_")
        config = load_config(run / "config.yaml", [f"recipe={target}"])
        *found, unit = distances(Rival.of(config, "majority_vote", run / "splits.json"), run)
        spent = json.loads((run / "spent.json").read_text()) if (run / "spent.json").is_file() else {}
        took = f"{spent.get('steps', '')} | {spent.get('train', {}).get('cpu_seconds', '')}"
        print(f"| {run} | {' | '.join(f'{value:.4f}' for value in found)} | {unit} | {took} |")


# ---------------------------------------------------------------------------------- the command line
def main() -> None:
    """Parse the command line; convert, train and score, or show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", type=Path, help="of method one; its recipe does not count")
    parser.add_argument("overrides", nargs="*", help="dotted.key=value")
    parser.add_argument("--out", type=Path, help="a new folder")
    parser.add_argument("--target", choices=get_args(Target), default="majority_vote")
    parser.add_argument("--splits", type=Path, help="splits.json of a run, instead of the config's split")
    parser.add_argument("--seconds", type=float, help="of training")
    parser.add_argument("--steps", type=int, help="of training; the budget ends with whichever is first")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="which seconds")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--planner", default="ExperimentPlanner", help="e.g. nnUNetPlannerResEncM")
    parser.add_argument("--python", default=sys.executable, help="the one that has nnunetv2")
    parser.add_argument("--table", nargs="+", type=Path, help="show these evaluated runs; nothing is run")
    asked = parser.parse_intermixed_args()
    try:
        if asked.table:
            return show(asked.table)
        if asked.config is None or asked.out is None or not (asked.seconds or asked.steps):
            parser.error("expected a config, --out, and --seconds or --steps")
        rival = Rival.of(load_config(asked.config, asked.overrides), asked.target, asked.splits)
        train_and_score(rival, asked)
    except Refused as refused:
        sys.exit("\n".join(f"error: {line}" for line in refused.complaints))
    show([asked.out])


def train_and_score(rival: Rival, asked: argparse.Namespace) -> None:
    """All of it into the new folder. Raises Refused for one that is there."""
    folder = asked.out.absolute()
    if folder.exists():
        raise Refused([complaint("output folder", "a new one", "one that is there", str(asked.out))])
    folder.mkdir(parents=True)
    split = rival.config.data.split
    drawn = Assignment(
        splits={case.name: case.split for case in rival.cohort.cases},
        seed=split.seed,
        by=split.by,
        folds=split.folds,
        fold=split.fold,
    )
    write_splits(folder / "splits.json", drawn)
    convert(rival, folder)
    options = ["--clock", asked.clock, "--device", asked.device, "--planner", asked.planner]
    options += ["--seconds", str(asked.seconds)] if asked.seconds else []
    options += ["--steps", str(asked.steps)] if asked.steps else []
    run_process(rival, folder, asked.python, options, threads=asked.threads)
    evaluate(rival, folder)
    for name in ("raw", "preprocessed", "predicted"):
        shutil.rmtree(folder / name)


if __name__ == "__main__":
    main()
