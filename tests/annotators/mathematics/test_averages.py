"""The mean of members and mirrors: what was mirrored is mirrored back, exactly, matrices with the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.averages import MeanModel, has_matrices, truth_probs
from medseg.annotators.mathematics.confusion import GlobalConfusion, PixelConfusion
from medseg.annotators.mathematics.model import AnnotatorModel, SeparateNetworks
from medseg.annotators.mathematics.trunks import Trunk, TruthOutput
from medseg.annotators.predicting.prediction import NOBODY, believe_everywhere, matrices_everywhere

A, T, F = 3, 2, 4


class Network(nn.Module):
    """A true-label network of one convolution: of kernel 1 it sees no neighbour, so that mirrors change nothing."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.to_features = nn.Conv2d(1, F, kernel, padding=kernel // 2)
        self.to_classes = nn.Conv2d(F, T, 1)

    def forward(self, image: Tensor) -> TruthOutput:
        features = self.to_features(image).tanh()
        return TruthOutput(log_probs=(3 * self.to_classes(features)).log_softmax(1), features=features)


class OneLayer(Trunk):
    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1 + F + T, F, kernel, padding=kernel // 2)

    def forward(self, image: Tensor, truth: TruthOutput) -> Tensor:
        return self.layer(torch.cat([image, truth.features, truth.log_probs.exp()], dim=1))


def model(kernel: int = 3, seed: int = 0) -> AnnotatorModel:
    torch.manual_seed(seed)
    head = PixelConfusion(A, T, F)
    nn.init.normal_(head.weight)
    return AnnotatorModel(Network(kernel), A, head, OneLayer(kernel))  # type: ignore[arg-type]


def image(*space: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(2, 1, *space)).astype(np.float32))


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_where_mirrors_change_nothing_the_mean_is_what_one_image_says(axes: tuple[int, ...]) -> None:
    alone, seen = model(kernel=1), image(6, 10)
    weights = torch.rand(2, 6, 10)
    one, mean = alone.believe(seen, weights), MeanModel([alone], axes).believe(seen, weights)
    for name in ("truth_probs", "annotator_probs", "joint_probs"):
        torch.testing.assert_close(getattr(mean, name), getattr(one, name))
    torch.testing.assert_close(MeanModel([alone], axes).matrices(seen), alone.matrices(seen))


def test_the_mean_over_mirrors_by_hand() -> None:
    """Each of four views is turned, seen, and turned back; weights lie on the voxels that they are of."""
    alone, seen = model(), image(6, 10)
    weights = torch.zeros(2, 6, 10)
    weights[:, 1, 2] = 1
    said = MeanModel([alone], (0, 1)).believe(seen, weights)
    views = [[], [-2], [-1], [-2, -1]]
    terms = [alone.believe(seen.flip(axes)) for axes in views]
    truth = torch.stack([term.truth_probs.flip(axes) for term, axes in zip(terms, views, strict=True)]).mean(0)
    every = torch.stack([term.annotator_probs.flip(axes) for term, axes in zip(terms, views, strict=True)]).mean(0)
    torch.testing.assert_close(said.truth_probs, truth)
    torch.testing.assert_close(said.annotator_probs, every)
    assert not torch.allclose(truth, alone.believe(seen).truth_probs, atol=1e-3)  # this network sees mirrors otherwise
    torch.testing.assert_close(said.joint_probs.sum(dim=3), every[..., 1, 2])  # sum_t C p of the one voxel
    torch.testing.assert_close(said.joint_probs.sum(dim=2), truth[:, None, :, 1, 2].expand(-1, A, -1))
    matrices = torch.stack([alone.matrices(seen.flip(axes)).flip(axes) for axes in views]).mean(0)
    torch.testing.assert_close(MeanModel([alone], (0, 1)).matrices(seen), matrices)


def test_the_mean_of_two_is_the_mean_and_of_one_with_itself_is_itself() -> None:
    one, two, seen = model(seed=1), model(seed=2), image(6, 10)
    both, apart = MeanModel([one, two]).believe(seen), [one.believe(seen), two.believe(seen)]
    for name in ("truth_probs", "annotator_probs", "joint_probs"):
        of_one, of_two = (getattr(each, name) for each in apart)
        torch.testing.assert_close(getattr(both, name), (of_one + of_two) / 2)
        assert torch.equal(getattr(MeanModel([one, one]).believe(seen), name), of_one)


def test_matrices_are_there_if_every_member_has_some() -> None:
    none, separate = AnnotatorModel(Network(1), A), SeparateNetworks([Network(1)] * A)  # type: ignore[arg-type]
    assert has_matrices(MeanModel([model(), AnnotatorModel(Network(1), A, GlobalConfusion(A, T))]))  # type: ignore
    assert not has_matrices(MeanModel([model(), none])) and not has_matrices(separate)
    for each in (none, separate, MeanModel([none, separate], (0,))):  # type: ignore[list-item]
        torch.testing.assert_close(truth_probs(each, image(6, 10)), each.believe(image(6, 10)).truth_probs)


def test_everywhere_a_part_of_the_annotators_is_bit_by_bit_that_of_all() -> None:
    where = {"window": (8, 8), "overlap": 0.5, "device": "cpu"}
    mean, shown = MeanModel([model()], (1,)), image(20, 13)[0].numpy()
    inside = (slice(None), slice(None))
    whole = believe_everywhere(mean, shown, inside=inside, **where)
    part = believe_everywhere(mean, shown, inside=inside, annotators=slice(1, 3), **where)
    assert torch.equal(part.annotator_probs, whole.annotator_probs[:, 1:3])
    assert torch.equal(part.truth_probs, whole.truth_probs) and torch.equal(part.joint_probs, whole.joint_probs)
    nobody = believe_everywhere(mean, shown, inside=inside, annotators=NOBODY, **where)
    assert torch.equal(nobody.truth_probs, whole.truth_probs) and nobody.annotator_probs.shape == (1, 0, T, 20, 13)
    of_all, of_two = (matrices_everywhere(mean, shown, annotators=each, **where) for each in (slice(None), slice(1, 3)))
    assert torch.equal(of_two, of_all[1:3])
