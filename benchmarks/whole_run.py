"""What the annotators cost a user: whole trainings of the default recipe against those of the soft mean.

    OMP_NUM_THREADS=1 python benchmarks/whole_run.py --out runs/whole
    OMP_NUM_THREADS=1 python benchmarks/whole_run.py --out runs/whole --only 10x8 --rounds 3

``medseg train`` as a process of its own, from reading files to the written weights: start-up, fusing of the labels,
validation and all. Pictures of 128 x 128 with C - 1 discs, A simulated annotators, on the grid and with the network and
the steps of ``configs/worlds/bubil.yaml``. The recipes take turns; a figure is the median over rounds of a recipe's
CPU seconds, and of its peak resident memory, over those of ``soft_mean`` in the same round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from medseg.annotators.simulation.cases import KnownCase
from medseg.annotators.simulation.cohort import annotate
from medseg.contracts import Case, ClassLabel, Cohort, Volume
from medseg.images import write_labels

CONFIG = Path(__file__).parents[1] / "configs" / "worlds" / "bubil.yaml"
SETTINGS = ("2x4", "2x10", "10x8")
RECIPES = ("soft_mean", "fused")
ANNOTATORS = ("good", "over:2", "under:2", "jitter:1.5")
CASES, SIDE, ACROSS = 60, 128, 3


def known_cases(out: Path, classes: int) -> Iterator[KnownCase]:
    """Discs of random size, one class each, in the fields of a board of three by three; noisy grey values."""
    rows, columns = np.indices((SIDE, SIDE))
    field = SIDE / ACROSS
    for number in range(CASES):
        rng = np.random.default_rng(number)
        truth = np.zeros((SIDE, SIDE), np.uint8)
        for label in range(1, classes):
            middle = (np.array(divmod(label - 1 if classes > 2 else 4, ACROSS)) + rng.uniform(0.4, 0.6, 2)) * field
            truth[np.hypot(rows - middle[0], columns - middle[1]) < rng.uniform(0.25, 0.4) * field] = label
        grey = 60 * (truth > 0) + 12 * truth + 80 + gaussian_filter(rng.normal(size=truth.shape), 1) * 60
        image, mask = (out / folder / f"discs_{number:02d}.png" for folder in ("images", "truth"))
        known = Volume(array=truth, affine=np.eye(4), spacing_mm=None)
        write_labels(mask, known)
        write_labels(image, Volume(array=grey.clip(0, 255).astype(np.uint8), affine=np.eye(4), spacing_mm=None))
        case = Case(name=mask.stem, patient=mask.stem, split="", images=(image,), annotations={}, truth=mask)
        yield KnownCase(case=case, truth=known)


def make_cohort(out: Path, classes: int, annotators: int) -> None:
    """Write one, where it is not there."""
    if out.exists():
        return
    frame = Cohort(
        root=out,
        name="discs",
        classes=tuple(ClassLabel(name=f"class{label}", value=label) for label in range(classes)),
        channels=("grey",),
        spatial_dims=2,
        annotators=(),
        crowd=(),
        cases=(),
    )
    specs = [ANNOTATORS[number % len(ANNOTATORS)] for number in range(annotators)]
    annotate(frame, known_cases(out, classes), annotators=specs, seed=0)


def cost_of(command: list[str]) -> tuple[float, float]:
    """CPU seconds and peak resident memory (MiB) of a command as a process. Raises CalledProcessError if it fails."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Read the arguments, train in turns, print a line per setting and recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="dotted.key=value, for all runs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=SETTINGS)
    arguments = parser.parse_intermixed_args()
    for setting in [arguments.only] if arguments.only else SETTINGS:
        classes, annotators = map(int, setting.split("x"))
        cohort = arguments.out / f"cohort_{setting}"
        make_cohort(cohort, classes, annotators)
        costs: dict[str, list[tuple[float, float]]] = {recipe: [] for recipe in RECIPES}
        for number in range(arguments.rounds):
            for recipe in RECIPES[:: 1 if number % 2 == 0 else -1]:
                run = arguments.out / f"{setting}_{recipe}_{number}"
                command = [sys.executable, "-m", "medseg", "train", str(CONFIG), "--out", str(run)]
                command += [f"recipe={recipe}", f"data.cohort={cohort}", "data.split={val: 0.15, test: 0.2}"]
                costs[recipe].append(cost_of(command + arguments.overrides))
        for recipe in RECIPES:
            ratios = [np.divide(*pair) for pair in zip(costs[recipe], costs[RECIPES[0]], strict=True)]
            time, memory = (statistics.median(ratio[part] for ratio in ratios) for part in (0, 1))
            seconds, peak = (statistics.median(cost[part] for cost in costs[recipe]) for part in (0, 1))
            print(f"{setting:5} {recipe:10} CPU {seconds:6.1f} s x {time:.2f}  memory {peak:6.0f} MiB x {memory:.2f}")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
