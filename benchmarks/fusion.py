"""What labels alone say of the truth: the fusion, and what it is without a part.

    python benchmarks/fusion.py runs/cohorts/mnist --size 28 --cases 70
    python benchmarks/fusion.py runs/cohorts/bubil_bad --size 64
    python benchmarks/fusion.py runs/cohorts/bubil_fibroblast --size 64 --annotators good,over:2,under:2,blank

Dice of the foreground with the known truth of a cohort, or with the vote where none is known, mean over cases; area
over that of the reference; told: nats per disputed voxel that the images tell of this truth
(``annotators.seen_in_images``). No network is trained, all cases are used. ``--annotators`` are simulated on the
grid, with that reference as their truth, in place of those of the cohort. ``reference`` is that truth itself.

majority_vote   most annotators
staple          STAPLE of each case by itself (SimpleITK)
one_number      one reliability per annotator and no direction: a label counts for itself or not at all
one_zone        the fusion with one matrix per annotator for all distances
no_places       a matrix per zone
fusion          and labels that say their place in what their annotator drew
mean_shape      the border in the middle, of a reach that the fusion's zones give
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from medseg.annotators import consensus, fitting, fusion, zone_matrices
from medseg.annotators.loading.grid import Grid, labels_to_grid
from medseg.annotators.loading.placement import image_to_grid
from medseg.annotators.loading.records import read_record
from medseg.annotators.mean_shape import mean_shape
from medseg.annotators.seen_in_images import Box, Looked, look, look_at_some, nats_told
from medseg.annotators.simulation.simulators import simulate
from medseg.cohorts import find_cohort, load_cohort
from medseg.contracts import UNLABELLED
from medseg.evaluation import dice

Labels = NDArray[np.integer]
Consensus = Callable[[Sequence[Labels], int], list[Labels]]


@dataclass(frozen=True, kw_only=True)
class OnGrid:
    """Cases on one grid."""

    images: list[NDArray[np.float32]]
    """(C,S...) each."""
    labels: list[Labels]
    """(A,S...) each."""
    references: list[Labels]
    """(S...) each; background where the grid is wider than the image."""
    classes: int
    """T."""


def read(folder: str, size: int, cases: int | None) -> OnGrid:
    """All of a cohort, or so many cases of it."""
    cohort = load_cohort(find_cohort(folder))
    grid, classes = Grid(size=(size,) * cohort.spatial_dims), len(cohort.classes)
    images, labels, references = [], [], []
    for case in cohort.cases[:cases]:
        record = read_record(case, cohort, cohort.annotators)
        placement = grid.place(record.image.shape[1:], record.affine, record.spacing_mm)
        images.append(image_to_grid(record.image, placement))
        labels.append(labels_to_grid(record.labels, placement))
        known = consensus.majority_vote(record.labels, classes) if record.truth is None else record.truth
        references.append(np.maximum(labels_to_grid(known[None], placement)[0], 0))
    return OnGrid(images=images, labels=labels, references=references, classes=classes)


def by_fusion(
    cases: Sequence[Labels],
    classes: int,
    shares: Sequence[float] = zone_matrices.SHARES,
    own_shares: Sequence[float] = zone_matrices.OWN_SHARES,
) -> list[Labels]:
    """The most probable truth of each case; shares: where zones end; own_shares: where places do."""
    with patch.multiple(zone_matrices, SHARES=shares, OWN_SHARES=own_shares):
        fitted = fitting.fit_fusion(cases, classes)
    return [fitted(labels).argmax(axis=0) for labels in cases]


def by_one_number(cases: Sequence[Labels], classes: int) -> list[Labels]:
    """EM of r_a = p(y_a = t) over disputed voxels, errors spread evenly over the other classes, from the vote on."""
    disputed = [consensus.disputed(labels) for labels in cases]
    voxels = np.concatenate([labels[:, where] for labels, where in zip(cases, disputed, strict=True)], axis=1)
    said = np.stack([voxels == label for label in range(classes)])  # (T,A,N)
    known = voxels != UNLABELLED
    reliability, scores = np.full(len(voxels), 0.75), np.zeros((classes, voxels.shape[1]))
    for _ in range(fusion.ITERATIONS):
        weights = np.log(reliability * (classes - 1) / (1 - reliability))
        scores = np.einsum("a,tan->tn", weights, said)
        probs = np.exp(scores - scores.max(axis=0))
        agreed = np.einsum("tn,tan->a", probs / probs.sum(axis=0), said)
        reliability = np.clip(agreed / known.sum(axis=1), 1 / classes + 1e-3, 0.999)
    found, best, start = [], scores.argmax(axis=0), 0
    for labels, where in zip(cases, disputed, strict=True):
        truth = consensus.majority_vote(labels, classes)
        truth[where] = best[start : start + where.sum()]
        start += where.sum()
        found.append(truth)
    return found


def by_mean_shape(cases: Sequence[Labels], classes: int) -> list[Labels]:
    """The most probable class of each voxel."""
    reach = float(fitting.fit_fusion(cases, classes).edges[fitting.REACH])
    return [mean_shape(labels, classes, reach).argmax(axis=0) for labels in cases]


WAYS: dict[str, Consensus] = {
    "majority_vote": lambda cases, classes: [consensus.majority_vote(labels, classes) for labels in cases],
    "staple": lambda cases, classes: [consensus.staple(labels, classes) for labels in cases],
    "one_number": by_one_number,
    "one_zone": lambda cases, classes: by_fusion(cases, classes, shares=(), own_shares=()),
    "no_places": lambda cases, classes: by_fusion(cases, classes, own_shares=()),
    "fusion": by_fusion,
    "mean_shape": by_mean_shape,
}


def main() -> None:
    """Read the arguments and one cohort, print a line per way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort")
    parser.add_argument("--size", type=int, default=64, help="voxels of the grid along each axis")
    parser.add_argument("--cases", type=int)
    parser.add_argument("--annotators", help="specs as of medseg simulate, parted by commas")
    arguments = parser.parse_args()
    found = read(str(Path(arguments.cohort)), arguments.size, arguments.cases)
    labels, references, classes = found.labels, found.references, found.classes
    if arguments.annotators:
        rng = np.random.default_rng(0)
        specs = arguments.annotators.split(",")
        labels = [np.stack([simulate(truth, spec, classes, rng) for spec in specs]) for truth in references]
    print(f"{arguments.cohort}: {len(labels)} cases, {len(labels[0])} annotators")
    truths = {name: way(labels, classes) for name, way in WAYS.items()} | {"reference": references}

    def seen(case: int, **drawn: Any) -> Looked:
        def cropped(box: Box) -> list[Labels]:
            return [of[case][box] for of in truths.values()]

        return look(found.images[case], labels[case], cropped, **drawn)

    looked = look_at_some([partial(seen, case) for case in range(len(labels))])
    for (name, truth), told in zip(truths.items(), nats_told(looked, classes), strict=True):
        pairs = list(zip(truth, references, strict=True))
        values = [dice(f, r, label) for f, r in pairs for label in range(1, classes)]
        area = sum((f > 0).sum() for f, _ in pairs) / sum((r > 0).sum() for _, r in pairs)
        print(f"{name:14} Dice {np.nanmean(values):.4f}  area {area:.3f}  told {told:.3f}", flush=True)


if __name__ == "__main__":
    main()
