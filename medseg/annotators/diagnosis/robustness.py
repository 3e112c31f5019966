"""The Mapper graph of a run's features: what its nodes hold, and how its votes bear an attack beside the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from medseg.annotators.diagnosis.attack import attacked
from medseg.annotators.diagnosis.decodability import columns_of_cases
from medseg.annotators.diagnosis.examined import Examined, first_cases
from medseg.annotators.diagnosis.mapper import Graph, graph_of
from medseg.annotators.diagnosis.voxels import Sampled, places_in
from medseg.annotators.mathematics.model import TrueLabelNetwork
from medseg.annotators.people.intervals import means
from medseg.contracts import UNLABELLED, Case, watched

EPSILONS = (0.0, 0.05, 0.1, 0.2, 0.4)
"""Strengths of the attack, in the units in which the network sees intensities (deviations of an image)."""
NETWORK, MAPPER = "network", "mapper"


@dataclass(frozen=True, kw_only=True)
class Felt(Sampled):
    """As the network sees them under one attack."""

    features: NDArray[np.float32]
    """(N,F) of its last layer."""
    called: NDArray[np.int64]
    """(N,) the class that it calls most probable."""
    disagreement: NDArray[np.float64]
    """(N,) the share of annotators who did not write the most frequent label."""


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """What is found."""

    graph: Graph
    """Of the features of training voxels."""
    nodes: pd.DataFrame
    """(M) rows, see ``columns``."""
    robustness: pd.DataFrame
    """A row per strength of the attack and classifier, see ``columns``."""


def mapped(examined: Examined) -> Mapped:
    """The graph of training voxels, and both classifiers on held-out ones, attacked by each of EPSILONS.

    Raises Refused where a run has several networks, and for files that cannot be read.
    """
    network, classes = examined.network(trained=True), len(examined.labelling.classes)
    known = _felt(examined, network, examined.learned_from, 0.0)
    graph = graph_of(known.features)
    rows = []
    for epsilon in watched(EPSILONS, "attacking", len(EPSILONS)):
        asked = _felt(examined, network, examined.held_out, epsilon)
        votes = graph.votes(known.reference, asked.features, classes).argmax(axis=1)
        for name, called in ((NETWORK, asked.called), (MAPPER, votes)):
            right = (called == asked.reference).astype(float)[:, None]
            found = means(right, asked.patients)
            ends = {"": found.value, "_low": found.low, "_high": found.high}
            rows.append(
                {"epsilon": epsilon, "classifier": name}
                | {f"accuracy{end}": float(value[0]) for end, value in ends.items()}
            )
    nodes = _nodes(graph, known, examined.labelling.classes)
    return Mapped(graph=graph, nodes=nodes, robustness=pd.DataFrame(rows))


def _felt(examined: Examined, network: TrueLabelNetwork, cases: Sequence[Case], epsilon: float) -> Felt:
    chosen, device = first_cases(cases), examined.predictor.device
    parts: list[Felt] = []
    for number, case in enumerate(chosen):
        seen = examined.on_grid(examined.labelling.record(case))
        at = tuple(places_in(seen).T)
        image = torch.from_numpy(seen.image).to(device)
        if epsilon:
            reference = torch.from_numpy(seen.reference.astype(np.int64)).to(device)
            image = attacked(network, image, reference, epsilon=epsilon)
        with torch.no_grad():
            truth = network(image[None])
        labels = seen.labels[(slice(None), *at)]
        parts.append(
            Felt(
                cases=(case,),
                case_index=np.full(labels.shape[1], number, np.int64),
                features=truth.features[0].cpu().numpy()[(slice(None), *at)].T,
                called=truth.log_probs[0].argmax(dim=0).cpu().numpy()[at],
                reference=seen.reference[at].astype(np.int64),
                disagreement=_disagreement(labels, len(examined.labelling.classes)),
            )
        )
    names = ("case_index", "features", "called", "reference", "disagreement")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Felt(cases=tuple(chosen), **joined)


def _disagreement(labels: NDArray[np.integer], num_classes: int) -> NDArray[np.float64]:
    """(A,N) -> (N,)."""
    votes = np.stack([(labels == label).sum(axis=0) for label in range(num_classes)])
    return 1 - votes.max(axis=0) / np.maximum((labels != UNLABELLED).sum(axis=0), 1)


def _nodes(graph: Graph, known: Felt, classes: Sequence[str]) -> pd.DataFrame:
    """What the voxels of each node are."""
    shares = graph.means(np.eye(len(classes))[known.reference])
    places = graph.means(graph.lens)
    table = pd.DataFrame(
        {
            "node": np.arange(len(graph.members)),
            "voxels": [len(index) for index in graph.members],
            "lens_1": places[:, 0],
            "lens_2": places[:, 1],
            "class": [classes[index] for index in shares.argmax(axis=1)],
            "class_share": shares.max(axis=1),
            "error": graph.means((known.called != known.reference).astype(float)),
            "disagreement": graph.means(known.disagreement),
        }
    )
    for column, groups in columns_of_cases(known.cases).items():
        of_case = [groups.get(case.covariates.get(column, ""), len(groups)) for case in known.cases]
        shares = graph.means(np.eye(len(groups) + 1)[np.array(of_case)[known.case_index]])
        names = [*groups, ""]
        table[f"most {column}"] = [names[index] for index in shares.argmax(axis=1)]
    return table


def said_of_mapper(table: pd.DataFrame) -> list[str]:
    """How the two classifiers bear the attack, from the table of ``Mapped.robustness``."""
    lines, rows = [], table.pivot(index="epsilon", columns="classifier", values="accuracy")
    for epsilon in (rows.index[0], rows.index[-1]):
        values = rows.loc[epsilon]
        under = "without an attack" if epsilon == 0 else f"attacked by {epsilon:g}"
        lines.append(
            f"mapper: {under}, {values[NETWORK]:.3f} of the held-out voxels are called right by the network, "
            f"{values[MAPPER]:.3f} by the votes of the nodes"
        )
    return lines
