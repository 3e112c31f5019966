"""Changes of a test image: there and back again, the mean of those that are chosen, and how the choice is learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.averages import annotators_of, has_matrices, truth_probs
from medseg.annotators.mathematics.model import AnnotatorModel
from medseg.annotators.mathematics.selecting import disturbed, selecting
from medseg.annotators.mathematics.test_time import CHANGES, Change, Selected, Selector, resampled, turning
from medseg.annotators.mathematics.trunks import TruthOutput
from medseg.annotators.nouns import ImageBatch

from .test_averages import A, T, image, model


class Choice(nn.Module):
    """A selector that says the same of every image: the changes of these numbers are best, in this order."""

    def __init__(self, *best: int) -> None:
        super().__init__()
        self.said = torch.zeros(len(CHANGES))
        self.said[list(best)] = -torch.arange(len(best), 0, -1.0)

    def forward(self, seen: Tensor) -> Tensor:
        return self.said.expand(len(seen), -1)


def choosing(*best: int, kernel: int = 3, number: int | None = None) -> Selected:
    inner = model(kernel)
    inner.selector = Choice(*best)  # type: ignore[assignment]
    return Selected(inner, number or len(best))


def smooth(*space: int) -> Tensor:
    """(1,2,S...) of long waves, the second mirrored."""
    axes = torch.meshgrid(*(torch.linspace(0, 2, length) for length in space), indexing="ij")
    wave = torch.stack([axis.mul(k + 1).sin() for k, axis in enumerate(axes)]).sum(dim=0)
    return torch.stack([wave, wave.flip(0)])[None]


@pytest.mark.parametrize("space", [(6, 6), (3, 6, 6)])
def test_a_turn_by_90_degrees_is_a_quarter_turn_in_the_plane_of_the_longer_axes(space: tuple[int, ...]) -> None:
    maps = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, *space)).astype(np.float32))
    turned = resampled(maps, turning(space, 90, 1))
    torch.testing.assert_close(turned, torch.rot90(maps, -1, dims=(-2, -1)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("change", [change for change in CHANGES if change.moves], ids=lambda change: change.name)
@pytest.mark.parametrize("space", [(40, 40), (40, 60), (10, 40, 36)])
def test_what_was_moved_comes_back_in_the_middle(change: Change, space: tuple[int, ...]) -> None:
    maps = smooth(*space)
    middle = (..., *(slice(length // 4, -(length // 4)) for length in space))
    torch.testing.assert_close(change.back(change.there(maps))[middle], maps[middle], atol=0.05, rtol=0)
    assert not torch.allclose(change.there(maps)[middle], maps[middle], atol=0.1)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_probabilities_stay_probabilities_and_weights_keep_their_sum(change: Change) -> None:
    probs, weights = smooth(12, 20).softmax(dim=1), torch.rand(2, 12, 20)
    torch.testing.assert_close(change.back(probs).sum(dim=1), torch.ones(1, 12, 20))
    torch.testing.assert_close(change.weights(weights).flatten(1).sum(dim=1), weights.flatten(1).sum(dim=1))


def test_without_a_change_the_model_says_what_it_says() -> None:
    seen, weights = image(6, 10), torch.rand(2, 6, 10)
    selected = choosing(0)
    alone = selected.model
    assert isinstance(alone, AnnotatorModel)
    one, other = alone.believe(seen, weights), selected.believe(seen, weights)
    for name in ("truth_probs", "annotator_probs", "joint_probs"):
        torch.testing.assert_close(getattr(other, name), getattr(one, name))
    torch.testing.assert_close(selected.matrices(seen), alone.matrices(seen))
    torch.testing.assert_close(truth_probs(selected, seen), one.truth_probs)
    assert (annotators_of(selected), has_matrices(selected)) == (A, True)


def test_the_mean_is_that_of_the_chosen_changes() -> None:
    """Two of intensities, by hand."""
    seen, selected = image(6, 10), choosing(4, 6)
    alone = selected.model
    assert isinstance(alone, AnnotatorModel)
    expected = torch.stack([alone(CHANGES[number].there(seen)).log_probs.exp() for number in (4, 6)]).mean(dim=0)
    torch.testing.assert_close(selected.truth_probs(seen), expected)
    torch.testing.assert_close(selected.believe(seen).truth_probs, expected)
    torch.testing.assert_close(selected.matrices(seen).sum(dim=2), torch.ones(2, A, T, 6, 10))


def test_each_image_has_its_own_changes() -> None:
    seen, selected = image(6, 10), choosing(0)
    alone = selected.model
    assert isinstance(alone, AnnotatorModel)
    said = torch.zeros(2, len(CHANGES))
    said[0, 0], said[1, 5] = -1, -1
    alone.selector = Exactly(said)  # type: ignore[assignment]
    found = Selected(alone, 1).truth_probs(seen)
    for row, number in enumerate((0, 5)):
        expected = alone(CHANGES[number].there(seen[row : row + 1])).log_probs.exp()[0]
        torch.testing.assert_close(found[row], expected)


class Threshold(nn.Module):
    """Sure of the sign of a voxel, so that only noise misleads it; no change of contrast does."""

    def __init__(self, selector: nn.Module) -> None:
        super().__init__()
        self.selector = selector
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, seen: Tensor) -> TruthOutput:
        logits = torch.cat([-4 * seen, 4 * seen], dim=1) * self.weight
        return TruthOutput(log_probs=logits.log_softmax(dim=1), features=seen)


def blobs(number: int, noise: float) -> ImageBatch:
    labels = (smooth(16, 16)[:, :1] > 1).long().expand(number, -1, -1, -1)
    seen = (labels.float() * 2 - 1) + noise * torch.randn(number, 1, 16, 16)
    return ImageBatch(image=seen, labels=labels, case_index=torch.arange(number))


def test_the_misfit_is_nothing_where_the_selector_says_the_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undisturbed; the losses of each change, computed here by themselves."""
    monkeypatch.setattr("medseg.annotators.mathematics.selecting.disturbed", lambda *both: both)
    batch = blobs(2, 1.0)
    network, losses = Threshold(nn.Identity()), []
    for change in CHANGES:
        probs = change.back(network(change.there(batch.image)).log_probs.exp()).clamp(min=1e-6)
        of_label = probs.gather(1, batch.labels)
        losses.append(-of_label.log().flatten(1).mean(dim=1))
    logs = torch.stack(losses, dim=1).log()
    network.selector = Exactly(logs - logs.mean(dim=1, keepdim=True) + 0.5)
    found = selecting(network, batch)
    assert found.total.item() == pytest.approx(0.25, rel=1e-3)
    gain = (torch.stack(losses, dim=1)[:, 0] - torch.stack(losses, dim=1).amin(dim=1)).mean()
    assert found.metrics["gain"].item() == pytest.approx(gain.item(), rel=1e-3)
    assert gain > 0.1  # of noisy images the blurred ones are seen better


class Exactly(nn.Module):
    def __init__(self, said: Tensor) -> None:
        super().__init__()
        self.said = said

    def forward(self, seen: Tensor) -> Tensor:
        return self.said


def test_a_selector_learns_to_smooth_noisy_images_and_the_network_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = Threshold(Selector(2, 1))
    network.weight.requires_grad_(False)
    optimizer = torch.optim.Adam(network.selector.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        selecting(network, blobs(4, 1.0)).total.backward()
        optimizer.step()
    monkeypatch.setattr("medseg.annotators.mathematics.selecting.disturbed", lambda *both: both)
    assert selecting(network, blobs(8, 1.5)).metrics["gain"] > 0.3
    assert network.weight.item() == 1


def test_labels_are_turned_with_their_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the five numbers that are drawn, the first wants the turn alone."""
    drawn = iter([torch.tensor([0.9] * 5), torch.tensor([0.1] + [0.9] * 4)])
    monkeypatch.setattr(torch, "rand", lambda *_: next(drawn))
    maps = smooth(20, 20)
    seen, target = disturbed(maps, maps)
    torch.testing.assert_close(seen, target)
    torch.testing.assert_close(seen, resampled(maps, turning((20, 20), 36, 1)))
    assert not torch.allclose(seen, maps, atol=0.1)
