"""Predictions over windows: what is reported of the matrices is the mean over the image's own voxels, each once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.confusion import GlobalConfusion, PixelConfusion
from medseg.annotators.mathematics.model import AnnotatorModel, SeparateNetworks
from medseg.annotators.mathematics.trunks import Trunk, TruthOutput
from medseg.annotators.nouns import BatchPrediction
from medseg.annotators.predicting.prediction import believe_everywhere

A, T, F = 2, 3, 4
EVERYWHERE = (slice(None), slice(None))


class Pointwise(nn.Module):
    """A true-label network that sees one voxel at a time, so that windows cannot differ."""

    def __init__(self) -> None:
        super().__init__()
        self.to_features, self.to_classes = nn.Conv2d(1, F, 1), nn.Conv2d(F, T, 1)

    def forward(self, image: Tensor) -> TruthOutput:
        features = self.to_features(image)
        return TruthOutput(log_probs=self.to_classes(features).log_softmax(dim=1), features=features)


class LinearTrunk(Trunk):
    """A trunk that sees one voxel at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1 + F + T, F, 1)

    def forward(self, image: Tensor, truth: TruthOutput) -> Tensor:
        return self.layer(torch.cat([image, truth.features, truth.log_probs.exp()], dim=1))


def model(form: str = "pixel") -> AnnotatorModel:
    torch.manual_seed(0)
    network: nn.Module = Pointwise()
    if form == "none":
        return AnnotatorModel(network, A)
    head = PixelConfusion(A, T, F) if form == "pixel" else GlobalConfusion(A, T)
    nn.init.normal_(head.bias)
    if isinstance(head, GlobalConfusion):
        return AnnotatorModel(network, A, head)
    nn.init.normal_(head.weight)
    return AnnotatorModel(network, A, head, LinearTrunk())


def image(*space: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1, *space)).astype(np.float32)


def by_hand(model: AnnotatorModel, image: np.ndarray, inside: tuple[slice, ...]) -> Tensor:
    """(A,O,T): C[o,t] p[t] written out everywhere, then its mean inside."""
    seen = torch.from_numpy(image)[None]
    with torch.no_grad():
        truth = model(seen)
        features = model.confusion_features(seen, truth)
        assert model.confusion is not None
        matrices = model.confusion(features)[0]
        matrices = matrices if features is not None else matrices[..., None, None]
        joint = matrices * truth.log_probs.exp()[0]
    return joint[(..., *inside)].mean(dim=(-2, -1))


def believe(
    model: nn.Module, image: np.ndarray, window: tuple[int, int], inside=EVERYWHERE, overlap=0.5
) -> BatchPrediction:
    return believe_everywhere(model, image, inside=inside, window=window, overlap=overlap, device="cpu")


@pytest.mark.parametrize("form", ["global", "pixel"])
@pytest.mark.parametrize("window", [(16, 40), (16, 16), (8, 8)])
def test_the_joint_is_the_mean_over_the_image_s_own_voxels(form: str, window: tuple[int, int]) -> None:
    """In one window, and in several that overlap by half; six lines of the sixteen are the image."""
    inside = (slice(5, 11), slice(0, 40))
    shown, network = image(16, 40), model(form)
    said = believe(network, shown, window, inside)
    torch.testing.assert_close(said.joint_probs[0], by_hand(network, shown, inside))
    assert said.joint_probs.sum((2, 3)).flatten().tolist() == pytest.approx([1] * A)


@pytest.mark.parametrize("form", ["global", "pixel", "none"])
def test_windows_that_overlap_say_the_same_as_one(form: str) -> None:
    network, shown = model(form), image(24, 40)
    several = [believe(network, shown, (16, 16), overlap=overlap) for overlap in (0.0, 0.25, 0.5)]
    for one, other in pairwise([believe(network, shown, (24, 40)), *several]):
        torch.testing.assert_close(one.truth_probs, other.truth_probs)
        torch.testing.assert_close(one.annotator_probs, other.annotator_probs)
        torch.testing.assert_close(one.joint_probs, other.joint_probs)
    assert several[0].truth_probs.shape == (1, T, 24, 40)
    assert several[0].annotator_probs.shape == (1, A, T, 24, 40)


def test_what_a_baseline_s_joint_says_is_its_truth() -> None:
    said = believe(model("none"), image(24, 40), (16, 16), inside := (slice(0, 24), slice(8, 40)))
    share = said.truth_probs[(0, slice(None), *inside)].mean(dim=(1, 2))
    torch.testing.assert_close(said.joint_probs[0, 1], torch.diag(share))


def test_separate_networks_have_no_joint() -> None:
    said = believe(SeparateNetworks([Pointwise(), Pointwise()]), image(24, 40), (16, 16))  # type: ignore[list-item]
    assert said.joint_probs.shape == (1, A, T, T) and said.joint_probs.isnan().all()
    torch.testing.assert_close(said.annotator_probs.mean(dim=1), said.truth_probs)
