"""The graph of planted blobs, the votes of its nodes, and the attack on a network whose gradient is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from medseg.annotators.diagnosis.attack import attacked
from medseg.annotators.diagnosis.mapper import Graph, graph_of
from medseg.annotators.mathematics.trunks import TruthOutput
from medseg.contracts import UNLABELLED

RNG = np.random.default_rng(0)
BLOBS = np.array([[0.0, 0, 0], [8, 0, 0], [0, 8, 0]])
KNOWN = np.repeat(np.arange(3), 200)
FEATURES = BLOBS[KNOWN] + RNG.normal(scale=0.5, size=(600, 3))


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_of(FEATURES)


def test_nodes_are_of_one_blob_each_and_edges_join_those_that_share_a_voxel(graph: Graph) -> None:
    assert all(len(set(KNOWN[index].tolist())) == 1 for index in graph.members)
    held = {voxel for index in graph.members for voxel in index.tolist()}
    assert len(held) > 0.9 * 600
    joined = {tuple(pair) for pair in graph.edges.tolist()}
    members = [set(index.tolist()) for index in graph.members]
    sharing = {(a, b) for b in range(len(members)) for a in range(b) if members[a] & members[b]}
    assert joined == sharing and sharing
    np.testing.assert_allclose(graph.means(KNOWN.astype(float)), [KNOWN[index[0]] for index in graph.members])


def test_the_nodes_vote_for_the_blob_that_a_new_voxel_lies_in(graph: Graph) -> None:
    asked = BLOBS[KNOWN] + RNG.normal(scale=0.5, size=(600, 3))
    votes = graph.votes(KNOWN, asked, 3)
    np.testing.assert_allclose(votes.sum(axis=1), 1)
    assert (votes.argmax(axis=1) == KNOWN).all()
    drawn = RNG.integers(0, 2, 600)
    by_lot = graph.votes(drawn, asked, 2)
    assert abs((by_lot.argmax(axis=1) == RNG.integers(0, 2, 600)).mean() - 0.5) < 0.1


class Slope(nn.Module):
    """log p of two classes with logits (0, w x): its gradient has the sign of w (p - y)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.tensor([[2.0, -1.0], [0.5, 3.0]])

    def forward(self, image: Tensor) -> TruthOutput:
        logits = torch.stack([torch.zeros_like(image[:, 0]), self.weight * image[:, 0]], dim=1)
        return TruthOutput(log_probs=logits.log_softmax(dim=1), features=image)


def test_the_attack_goes_against_the_reference_by_epsilon_and_not_where_nobody_labelled() -> None:
    image, reference = torch.tensor([[[0.3, 0.1], [-0.2, 0.4]]]), torch.tensor([[1, 1], [0, UNLABELLED]])
    network: nn.Module = Slope()
    moved = attacked(network, image, reference, epsilon=0.1) - image  # pyright: ignore[reportArgumentType]
    torch.testing.assert_close(moved, torch.tensor([[[-0.1, 0.1], [0.1, 0.0]]]))
    same = attacked(network, image, reference, epsilon=0.0)  # pyright: ignore[reportArgumentType]
    assert torch.equal(same, image)

    def loss(seen: Tensor) -> float:
        log_probs = network(seen[None]).log_probs
        return float(functional.cross_entropy(log_probs, reference[None], ignore_index=UNLABELLED))

    assert loss(image + moved) > loss(image)
