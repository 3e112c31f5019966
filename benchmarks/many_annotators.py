"""Hundreds of annotators with few labels each: is it told who is good, and what does a step cost?

python benchmarks/many_annotators.py [--cases N] [--annotators N] [--labels N] [--seeds N] [--rounds N] [--threads N]

Skill. Every annotator labels a few rendered images: the known border, moved by a smooth Gaussian field of standard
deviation s, drawn evenly from .3 to 4 voxels for each annotator; every fourth draws 1.5 voxels too large or too small
beside. His error is the root of s^2 + offset^2. Spearman's rank correlation with it over annotators, each figure
turned so that 1 is a perfect order:

border       ``Fusion.border_error``, from the labels alone: by how much he differs from what the others say
information  ``Fusion.information()``, from the labels alone
disputed     mean nats of evidence per labelled voxel that is disputed, from the labels alone
ceiling      mean distance to the true border of the voxels that he has wrong: who knows the truth knows no more

Cost. A step of the recipe ``fused`` with so many annotators in all, against one with four, four present per image in
both, in turns: the median ratio of times, and of peak memory (``step.py`` has the setting).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.stats import rankdata
from step import BATCH, Trainee, peak_bytes, random_batch

from medseg.annotators.fitting import fit_fusion
from medseg.annotators.fusion import Fusion
from medseg.annotators.simulation.mistakes import BoundaryShift
from medseg.annotators.simulation.samples import render
from medseg.annotators.simulation.simulators import CORRELATION

SIDE = 48
DEVIATION = (0.3, 4.0)
OFFSET, BIASED = 1.5, 1 / 4
PRESENT = 4

Labels = NDArray[np.integer]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class World:
    """Images whose truth is known, and annotators whose error is."""

    truths: Sequence[Labels]
    """(S...) of each case."""
    labels: Sequence[Labels]
    """(P,S...) of each case."""
    present: NDArray[np.int64]
    """(cases,P) whose they are."""
    error: Floats
    """(A,) voxels, the root mean square by which an annotator moves the border."""


def draw_world(seed: int, *, cases: int, annotators: int, labels: int) -> World:
    """Each annotator labels so many of the cases; all cases have equally many labels."""
    rng = np.random.default_rng(seed)
    truths = [(sample.truth > 0).astype(np.int16) for sample in render(seed, 2, SIDE, cases)]
    deviation = rng.uniform(*DEVIATION, annotators)
    offset = np.where(rng.random(annotators) < BIASED, rng.choice([-OFFSET, OFFSET], annotators), 0)
    present = np.concatenate([rng.permutation(annotators) for _ in range(labels)]).reshape(cases, -1)

    def drawn(truth: Labels, annotator: int) -> Labels:
        field = gaussian_filter(rng.normal(size=truth.shape), CORRELATION, mode="wrap")
        moved = offset[annotator] + deviation[annotator] * field / field.std()
        return BoundaryShift(offset=moved).apply(truth, 2)

    return World(
        truths=truths,
        labels=[np.stack([drawn(truth, a) for a in row]) for truth, row in zip(truths, present.tolist(), strict=True)],
        present=present,
        error=np.hypot(deviation, offset),
    )


def figures(world: World, fusion: Fusion) -> Mapping[str, Floats]:
    """Name -> (A,), the larger the better."""
    annotators = len(world.error)
    nats, disputed, wrong = (np.zeros(annotators) for _ in range(3))
    for truth, labels, present in zip(world.truths, world.labels, world.present, strict=True):
        evidence = fusion.evidence(labels, fusion(labels, present), present)
        differ = (labels != labels[:1]).any(axis=0)
        nats[present] += evidence[:, differ].sum(axis=1)
        disputed[present] += differ.sum()
        distance = np.asarray(distance_transform_edt(truth)) + np.asarray(distance_transform_edt(1 - truth)) - 0.5
        wrong[present] += ((labels != truth) * distance).reshape(len(labels), -1).sum(axis=1) / (distance < 1).sum()
    return {
        "border": -fusion.border_error(world.labels, [*world.present]),
        "information": fusion.information(),
        "disputed": nats / np.maximum(disputed, 1),
        "ceiling": -wrong,
    }


def show_skill(*, seeds: int, cases: int, annotators: int, labels: int) -> None:
    """One row per seed: the correlations, and the seconds that the fusion took."""
    print(f"{annotators} annotators, {labels} labels each, {cases} images of {SIDE}x{SIDE}")
    for seed in range(seeds):
        world = draw_world(seed, cases=cases, annotators=annotators, labels=labels)
        start = time.process_time()
        fusion = fit_fusion(world.labels, 2, annotator_index=[*world.present], annotators=annotators)
        seconds = time.process_time() - start
        order = rankdata(-world.error)
        found = {name: np.corrcoef(rankdata(each), order)[0, 1] for name, each in figures(world, fusion).items()}
        print(f"seed {seed}: " + "  ".join(f"{name} {value:.3f}" for name, value in found.items()), end="")
        print(f"  fusion {seconds:.1f} CPU seconds", flush=True)


def show_cost(*, annotators: int, rounds: int) -> None:
    """Step times and memory of few and of many annotators."""
    batch = random_batch(2, PRESENT)
    torch.manual_seed(2)
    whose = torch.stack([torch.randperm(annotators)[:PRESENT].sort().values for _ in range(BATCH)])
    steps = {PRESENT: batch, annotators: replace(batch, annotator_index=whose)}
    trainees = {number: Trainee("fused", 2, number) for number in steps}
    seconds: dict[int, list[float]] = {number: [] for number in steps}
    peaks: dict[int, int] = {}
    for number, trainee in trainees.items():
        trainee.step(steps[number])
        peaks[number] = peak_bytes(lambda trainee=trainee, number=number: trainee.step(steps[number]))
    for turn in range(rounds):
        for number in sorted(steps, reverse=bool(turn % 2)):
            seconds[number].append(trainees[number].step(steps[number]))
    ratio = statistics.median(many / few for few, many in zip(*seconds.values(), strict=True))
    memory = " and ".join(f"{peaks[number] / 1e6:.1f} MB with {number}" for number in steps)
    print(f"a step with {annotators} annotators: {ratio:.2f} times that with {PRESENT}; peak {memory}")


def main() -> None:
    """Read the arguments, show both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=128)
    parser.add_argument("--annotators", type=int, default=256)
    parser.add_argument("--labels", type=int, default=2, help="of each annotator")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    show_skill(seeds=arguments.seeds, cases=arguments.cases, annotators=arguments.annotators, labels=arguments.labels)
    show_cost(annotators=arguments.annotators, rounds=arguments.rounds)


if __name__ == "__main__":
    main()
