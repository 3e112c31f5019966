"""Voxels of many cases, half of them of what anybody drew, with what is known of each and what a network sees there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from medseg.annotators.diagnosis.examined import Examined, GridCase, first_cases, stream_of
from medseg.annotators.diagnosis.levels import Level, levels_at
from medseg.annotators.mathematics.model import TrueLabelNetwork
from medseg.contracts import UNLABELLED, Case, watched

PER_CASE = 64
"""So many voxels of each case, where it has them."""


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """N voxels of the network's grid of many cases."""

    cases: tuple[Case, ...]
    """From which they are."""
    case_index: NDArray[np.int64]
    """(N,) the place of each voxel's case in ``cases``."""
    reference: NDArray[np.int64]
    """(N,) its class: the known truth, or the vote."""

    @property
    def patients(self) -> list[str]:
        """(N,) whose voxel each is."""
        return [self.cases[index].patient for index in self.case_index]


@dataclass(frozen=True, kw_only=True)
class Voxels(Sampled):
    """What is known of each, and what networks see there."""

    labels: NDArray[np.int64]
    """(N,A) what each annotator wrote, or UNLABELLED."""
    intensity: NDArray[np.float32]
    """(N,C) of the image as the network sees it."""
    position: NDArray[np.float64]
    """(N,S) in parts of the grid, 0 to 1."""
    levels: tuple[tuple[Level, ...], ...]
    """For each network that was asked, its levels at these voxels."""


def sampled(examined: Examined, cases: Sequence[Case], networks: Sequence[TrueLabelNetwork]) -> Voxels:
    """Voxels of at most MOST_CASES of the cases, and the levels of each network there. Raises Refused for bad files."""
    chosen, rows = first_cases(cases), []
    for case in watched(chosen, "looking into features", len(chosen)):
        seen = examined.on_grid(examined.labelling.record(case))
        rows.append(_of_case(seen, networks, examined.predictor.device))
    counts = [len(row.reference) for row in rows]
    return Voxels(
        cases=tuple(chosen),
        case_index=np.repeat(np.arange(len(chosen)), counts),
        reference=np.concatenate([row.reference for row in rows]),
        labels=np.concatenate([row.labels for row in rows]),
        intensity=np.concatenate([row.intensity for row in rows]),
        position=np.concatenate([row.position for row in rows]),
        levels=tuple(_joined([row.levels[n] for row in rows]) for n in range(len(networks))),
    )


def places_in(seen: GridCase) -> NDArray[np.int64]:
    """(N,S) voxels with a reference: half of what anybody drew, half of the rest; a function of the case's name."""
    rng = np.random.default_rng((0, stream_of(seen.case)))
    known, drawn = seen.reference != UNLABELLED, (seen.labels > 0).any(axis=0) | (seen.reference > 0)
    parts = []
    for mask in (known & drawn, known & ~drawn):
        there = np.argwhere(mask)
        parts.append(there[rng.permutation(len(there))[: PER_CASE // 2]])
    return np.concatenate(parts)


def _of_case(seen: GridCase, networks: Sequence[TrueLabelNetwork], device: str) -> Voxels:
    places = places_in(seen)
    at = tuple(places.T)
    image = torch.from_numpy(seen.image).to(device)
    return Voxels(
        cases=(seen.case,),
        case_index=np.zeros(len(places), np.int64),
        reference=seen.reference[at].astype(np.int64),
        labels=seen.labels[(slice(None), *at)].T.astype(np.int64),
        intensity=seen.image[(slice(None), *at)].T,
        position=(places + 0.5) / np.array(seen.reference.shape),
        levels=tuple(tuple(levels_at(network, image, places)) for network in networks),
    )


def _joined(levels: Sequence[Sequence[Level]]) -> tuple[Level, ...]:
    """Those of many cases as one."""
    return tuple(
        Level(name=same[0].name, values=np.concatenate([each.values for each in same]))
        for same in zip(*levels, strict=True)
    )
