"""Whom labels alone say to trust, judged by other people: half of the annotators fused, the other half's vote asked.

    python benchmarks/halves.py runs/cohorts/bubil_fibroblast --size 64
    python benchmarks/halves.py runs/cohorts/bubil_fibroblast --size 64 --bad displaced:3,over:4

Real annotators of a cohort are drawn into two halves, several times; each half is fused in the ways of
``benchmarks/fusion.py``, and judged by the Dice of the foreground with the vote of the other half, who are other
people: what merely follows the labels that were fused gains nothing. ``--bad``: so many of those fused are replaced by
what ``medseg simulate`` makes of their own labels. No network is trained, all cases are used. Mean over the splits;
the difference to the vote of the same labels, and in how many of the splits it is above 0.
"""

from __future__ import annotations

import argparse

import numpy as np
from fusion import WAYS, Labels, read

from medseg.annotators import consensus
from medseg.annotators.simulation.simulators import simulate
from medseg.evaluation import dice


def spoilt(labels: Labels, bad: list[str], classes: int, rng: np.random.Generator) -> Labels:
    """(P,S...), the first of whom draw as badly as this says."""
    drawn = [simulate(own, spec, classes, rng) for own, spec in zip(labels, bad, strict=False)]
    return np.concatenate([np.stack(drawn), labels[len(bad) :]]) if bad else labels


def main() -> None:
    """Read the arguments and one cohort, print a line per way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort")
    parser.add_argument("--size", type=int, default=64, help="voxels of the grid along each axis")
    parser.add_argument("--cases", type=int)
    parser.add_argument("--bad", default="", help="specs as of medseg simulate, parted by commas")
    parser.add_argument("--splits", type=int, default=5, help="each is used both ways round")
    arguments = parser.parse_args()
    found = read(arguments.cohort, arguments.size, arguments.cases)
    classes, bad = found.classes, [spec for spec in arguments.bad.split(",") if spec]
    labels = [np.maximum(drawn, 0) for drawn in found.labels]  # where the grid is wider than the image
    middle = len(labels[0]) // 2
    reached: dict[str, list[float]] = {name: [] for name in WAYS}
    for split in range(arguments.splits):
        rng = np.random.default_rng(split)
        order = rng.permutation(len(labels[0]))
        for fused, asked in ((order[:middle], order[middle:]), (order[middle:], order[:middle])):
            given = [spoilt(drawn[fused], bad, classes, rng) for drawn in labels]
            references = [consensus.majority_vote(drawn[asked], classes) for drawn in labels]
            for name, way in WAYS.items():
                pairs = zip(way(given, classes), references, strict=True)
                reached[name].append(float(np.nanmean([dice(t, r, k) for t, r in pairs for k in range(1, classes)])))
    vote = np.array(reached["majority_vote"])
    print(f"{arguments.cohort}: {len(labels)} cases, {middle} of {len(labels[0])} fused, {len(vote)} times, bad: {bad}")
    for name, values in reached.items():
        gain = np.array(values) - vote
        print(f"{name:14} Dice {np.mean(values):.4f}  over the vote {gain.mean():+.4f}, in {(gain > 0).sum()} above")


if __name__ == "__main__":
    main()
