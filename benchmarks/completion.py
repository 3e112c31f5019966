"""What completion costs, and what sloppy masks cost it, for one or several runs of method two side by side.

    python benchmarks/completion.py runs/sweeps/mfish/three_stages-seed0-fold0 runs/sweeps/mfish/pcnet-seed0-fold0

Speed: occluded test objects (of other ``--splits``) per second of a core, so that other programs on the machine count
little, from masks in memory to answers on their own grid, without and with 20 samples; the medians of interleaved
rounds, and the ratio to the last run. Gaps: IoU of the amodal
mask and of the occluded part when the visible mask and the occluder were both eroded by 0 to 3 voxels, without and
with ``gap`` of twice as many.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medseg.amodal.completion.completer import Completer
    from medseg.amodal.nouns import AmodalObject


def eroded(amodal_object: AmodalObject, voxels: int) -> AmodalObject:
    """The object as a timid segmenter would show it."""
    from medseg.amodal.occlusion.sloppiness import roughen

    occluder = None if amodal_object.occluder is None else roughen(amodal_object.occluder, -voxels)
    return replace(amodal_object, visible=roughen(amodal_object.visible, -voxels), occluder=occluder)


def speeds(completers: Sequence[Completer], objects: Sequence[AmodalObject], samples: int, rounds: int) -> list[float]:
    """Objects per second of a core, of each completer."""
    found: list[list[float]] = [[] for _ in completers]
    for _ in range(rounds):
        for times, completer in zip(found, completers, strict=True):
            began = time.process_time()
            completer.answers(objects, samples, abstain=False)
            times.append(len(objects) / (time.process_time() - began))
    return [statistics.median(times) for times in found]


def accuracy(completer: Completer, objects: Sequence[AmodalObject], voxels: int, gap: int) -> list[float]:
    """Mean IoU of the amodal mask and of what the unharmed object hides."""
    import numpy as np

    from medseg.evaluation.overlap import iou

    rows = []
    answers = completer.answers([eroded(amodal_object, voxels) for amodal_object in objects], 0, gap=gap, abstain=False)
    for amodal_object, answer in zip(objects, answers, strict=True):
        assert amodal_object.amodal is not None
        amodal, occluded = answer.completion.amodal, amodal_object.amodal & ~amodal_object.visible
        masks = ((amodal, amodal_object.amodal), (amodal & ~amodal_object.visible, occluded))
        rows.append([iou(a.view(np.int8), b.view(np.int8), 1) for a, b in masks])
    return np.array(rows).mean(0).tolist()


def main() -> None:
    """Parse the command line, print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--splits", nargs="+", default=["test"], choices=["train", "val", "test"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--erosions", type=int, default=3)
    arguments = parser.parse_args()

    import torch

    from medseg.amodal.assembly import occluded_objects, read_amodal_run
    from medseg.amodal.completion.completer import Completer
    from medseg.cohorts.cohort import find_cohort, load_objects
    from medseg.cohorts.splits import apply, read_splits

    torch.set_num_threads(arguments.threads)
    config = read_amodal_run(arguments.runs[0])
    cohort = apply(load_objects(find_cohort(config.data.cohort)), read_splits(arguments.runs[0] / "splits.json"))
    objects = [amodal_object for split in arguments.splits for amodal_object in occluded_objects(cohort, split, config)]
    completers = [Completer.load(run) for run in arguments.runs]
    print(
        f"{len(objects)} objects, {arguments.threads} thread(s)\n\n| run | samples | objects per core second | ratio |"
    )
    print("| --- | --- | --- | --- |")
    for samples in (0, 20):
        found = speeds(completers, objects, samples, arguments.rounds)
        for run, speed in zip(arguments.runs, found, strict=True):
            print(f"| {run.name} | {samples} | {speed:.1f} | {speed / found[-1]:.2f} |")
    print("\n| run | eroded by | gap | amodal | occluded |\n| --- | --- | --- | --- | --- |")
    for run, completer in zip(arguments.runs, completers, strict=True):
        for voxels in range(arguments.erosions + 1):
            for gap in {0, 2 * voxels}:
                amodal, occluded = accuracy(completer, objects, voxels, gap)
                print(f"| {run.name} | {voxels} | {gap} | {amodal:.4f} | {occluded:.4f} |", flush=True)


if __name__ == "__main__":
    main()
