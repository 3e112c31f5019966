"""Whom to trust in panels of annotators drawn at random: the default, the vote, STAPLE and the mean shape.

    python benchmarks/panels.py runs/cohorts/mnist --size 28 --unit 0.5
    python benchmarks/panels.py runs/cohorts/bubil_fibroblast --size 64 --unit 1.5 --panels 20

A panel has three to eight annotators. How many of them are competent is drawn for each panel, from none to all: these
move the border at random by .3 to 1.5 units, and half of them draw too large or too small beside. Each of the others
has one of the mistakes of ``medseg simulate``, of a strength drawn from ``BAD``. A unit is so many voxels of the grid.
They label so many cases, with the known truth of the cohort, or the vote of its annotators, as their truth. No network
is trained; images are asked as a training asks them.

Dice of the foreground with that truth, mean over cases: of the vote, STAPLE of each image, the mean shape, the default
(``annotators.truths``), and of the best annotator, whom nobody knows. Then means over panels, and in how many of them
the default is behind each by more than .01, and by how much at worst. ``heard``: nats that the labels of an image tell
of a voxel beside the border (``Fusion``), for which no truth is needed; its rank correlation with the default's Dice,
and that Dice where it is little (``truths.LITTLE``) and where it is not.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial

import numpy as np
from fusion import Labels, OnGrid, by_mean_shape, read
from scipy.stats import rankdata

from medseg.annotators import consensus
from medseg.annotators.simulation.simulators import simulate
from medseg.annotators.truths import LITTLE, fit_truth, look_of
from medseg.evaluation import dice

ANNOTATORS = (3, 8)
COMPETENT = (0.3, 1.5)
BAD = {
    "over": (1, 4),
    "under": (1, 4),
    "fractured_over": (1, 3),
    "fractured": (1, 4),
    "displaced": (1.5, 6),
    "jitter": (2, 5),
    "confusion": (0.03, 0.3),
    "blank": None,
    "swap": None,
}
"""Mistake -> between which strengths, units (of confusion a share); None: it has none."""

BEHIND = 0.01

HEARD = "heard"

Panel = list[list[str]]
"""Of each annotator the specs that are applied one after the other."""


def draw_panel(rng: np.random.Generator, classes: int, unit: float) -> Panel:
    """One panel; only where there are two foreground classes are they swapped."""
    kinds = [name for name in BAD if name != "swap" or classes > 2]
    share, panel = rng.uniform(), []
    for _ in range(rng.integers(ANNOTATORS[0], ANNOTATORS[1] + 1)):
        if rng.uniform() < share:
            specs = [f"jitter:{unit * rng.uniform(*COMPETENT):.3f}"]
            specs += [f"{rng.choice(['over', 'under'])}:{unit * rng.uniform(*COMPETENT):.3f}"] * (rng.uniform() < 0.5)
        else:
            name = str(rng.choice(kinds))
            strength = BAD[name] and rng.uniform(*BAD[name]) * (1 if name == "confusion" else unit)
            specs = [f"{name}:{strength:.3f}" if strength else name]
        panel.append(specs)
    return panel


def labelled(panel: Panel, truth: Labels, classes: int, rng: np.random.Generator) -> Labels:
    """(A,S...) what all of them make of a truth (S...)."""
    rows = []
    for specs in panel:
        drawn = truth
        for spec in specs:
            drawn = simulate(drawn, spec, classes, rng)
        rows.append(drawn)
    return np.stack(rows)


def scores(found: OnGrid, labels: Sequence[Labels]) -> dict[str, float]:
    """Name -> mean Dice."""
    classes = found.classes

    def agreement(truths: Sequence[Labels]) -> float:
        pairs = zip(truths, found.references, strict=True)
        return float(np.nanmean([dice(t, r, label) for t, r in pairs for label in range(1, classes)]))

    looks = [partial(look_of, image, drawn, None) for image, drawn in zip(found.images, labels, strict=True)]
    default = fit_truth(labels, classes, looks)
    return {
        "vote": agreement([consensus.majority_vote(drawn, classes) for drawn in labels]),
        "staple": agreement([consensus.staple(drawn, classes) for drawn in labels]),
        "mean_shape": agreement(by_mean_shape(labels, classes)),
        "default": agreement([default(drawn).argmax(axis=0) for drawn in labels]),
        "best annotator": max(agreement([drawn[row] for drawn in labels]) for row in range(len(labels[0]))),
        HEARD: default.heard,
    }


def show(rows: Sequence[dict[str, float]]) -> None:
    """Means over panels, and what may be known of the default without a truth."""
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    heard, default = columns.pop(HEARD), columns["default"]
    for name, values in columns.items():
        lost = values - default
        behind = f"default behind in {(lost > BEHIND).sum()}, at worst by {max(lost.max(), 0):.3f}"
        print(f"{name:14} mean {values.mean():.3f}  {behind if name != 'default' else ''}")
    few = heard < LITTLE
    rank = np.corrcoef(rankdata(heard), rankdata(default))[0, 1]
    print(f"{HEARD:14} rank correlation with Dice {rank:.2f}; of the default")
    for name, some in ((f"below {LITTLE}", few), ("above", ~few)):
        print(f"  {name}: {some.sum()} panels, Dice {default[some].mean() if some.any() else np.nan:.3f}")


def main() -> None:
    """Read the arguments and one cohort, print a line per panel and the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort")
    parser.add_argument("--size", type=int, default=64, help="voxels of the grid along each axis")
    parser.add_argument("--unit", type=float, default=1.0, help="voxels")
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--panels", type=int, default=20)
    arguments = parser.parse_args()
    found, rows = read(arguments.cohort, arguments.size, arguments.cases), []
    for number in range(arguments.panels):
        rng = np.random.default_rng(number)
        panel = draw_panel(rng, found.classes, arguments.unit)
        rows.append(scores(found, [labelled(panel, truth, found.classes, rng) for truth in found.references]))
        figures = "  ".join(f"{name} {value:.3f}" for name, value in rows[-1].items())
        print(f"{number:3} {figures}  {'; '.join('+'.join(specs) for specs in panel)}", flush=True)
    show(rows)


if __name__ == "__main__":
    main()
