"""The energy of images: by hand, its term, the images that are made up, and what a run keeps of them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.energy import ReplayBuffer, WithEnergy, energy_of
from medseg.annotators.mathematics.settings import EnergyConfig
from medseg.annotators.mathematics.trunks import TruthOutput
from medseg.annotators.nouns import ImageBatch
from medseg.contracts import Losses


class Bowl(nn.Module):
    """Two logits of each voxel, both -x^2 / 2 - log 2: log p(x) = -x^2 / 2, a normal distribution."""

    def __init__(self, images: int = 4) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.replay = ReplayBuffer(images, 1, (2, 2))

    def forward(self, image: Tensor) -> TruthOutput:
        logits = (-self.scale * image**2 / 2 - math.log(2)).expand(-1, 2, *image.shape[2:])
        return TruthOutput(log_probs=logits.log_softmax(dim=1), features=image, log_density=logits.logsumexp(dim=1))


def batch(value: float, number: int = 2) -> ImageBatch:
    image = torch.full((number, 1, 2, 2), value)
    return ImageBatch(
        image=image, labels=torch.zeros(number, 1, 2, 2, dtype=torch.long), case_index=torch.arange(number)
    )


def one(model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf) -> Losses:
    return Losses(total=torch.ones(()), metrics={"nll": torch.ones(())})


def test_the_energy_is_that_of_the_sum_over_classes() -> None:
    """Logits of 0 and log 3 sum to log 4; of the other voxel 0 and 0 to log 2."""
    logits = torch.tensor([[[0.0, 0.0], [math.log(3), 0.0]]])[..., None]
    truth = TruthOutput(log_probs=logits, features=logits, log_density=logits.logsumexp(dim=1))
    assert energy_of(truth).tolist() == pytest.approx([-(math.log(4) + math.log(2)) / 2])


def test_the_term_equals_the_sum_by_hand() -> None:
    """Without a step the made-up images are those of the buffer: x = 2 has E = 2, x = 3 has E = 4.5."""
    model = Bowl().train()
    model.replay.images.fill_(3.0)
    config = EnergyConfig(weight=0.5, chain=1, step_size=1e-12, noise=0, fresh=0)
    losses = WithEnergy(objective=one, config=config)(model, batch(2.0))
    assert losses.total.item() == pytest.approx(1 + 0.5 * (2 - 4.5 + (2**2 + 4.5**2) / 10))
    assert losses.metrics["energy"].item() == pytest.approx(2)


def test_its_gradient_makes_images_of_the_data_more_probable_and_made_up_ones_less() -> None:
    """dE/dscale = x^2 / 2: 2 of the data, 4.5 of what is made up; so that the scale must grow."""
    model = Bowl().train()
    model.replay.images.fill_(3.0)
    config = EnergyConfig(weight=1, chain=1, step_size=1e-12, noise=0, fresh=0)
    WithEnergy(objective=one, config=config)(model, batch(2.0)).total.backward()
    assert model.scale.grad is not None
    assert model.scale.grad.item() == pytest.approx(2 - 4.5 + (2 * 2 * 2 + 2 * 4.5 * 4.5) / 10)


def test_a_step_of_a_chain_goes_down_by_the_slope_of_every_voxel() -> None:
    """x - a x, twice, from 2: 2 (1 - a)^2; and the buffer holds the ends."""
    model = Bowl(images=1).train()
    model.replay.images.fill_(2.0)
    config = EnergyConfig(weight=1, chain=2, step_size=0.25, noise=0, fresh=0)
    made_up = WithEnergy(objective=one, config=config).made_up(model, 1)
    torch.testing.assert_close(made_up, torch.full((1, 1, 2, 2), 2 * 0.75**2))
    torch.testing.assert_close(model.replay.images, made_up)


def test_long_chains_draw_from_the_distribution_that_the_energy_says() -> None:
    """Langevin dynamics with noise sqrt(2 a) has the normal distribution; of 4,000 numbers to 5 %."""
    torch.manual_seed(0)
    model = Bowl(images=1000).train()
    model.replay.images.fill_(5.0)
    config = EnergyConfig(weight=1, chain=200, step_size=0.05, noise=math.sqrt(2 * 0.05), fresh=0)
    made_up = WithEnergy(objective=one, config=config).made_up(model, 1000)
    assert made_up.mean().item() == pytest.approx(0, abs=0.05)
    assert made_up.std().item() == pytest.approx(1, abs=0.05)


def test_in_validation_nothing_is_made_up_and_the_loss_is_the_recipe_s() -> None:
    model = Bowl().eval()
    before = model.replay.images.clone()
    losses = WithEnergy(objective=one, config=EnergyConfig(weight=1))(model, batch(2.0))
    assert losses.total.item() == 1
    assert losses.metrics["energy"].item() == pytest.approx(2)
    torch.testing.assert_close(model.replay.images, before)


def test_a_chain_from_noise_forgets_the_buffer() -> None:
    model = Bowl().train()
    model.replay.images.fill_(1e6)
    config = EnergyConfig(weight=1, chain=1, step_size=1e-12, noise=0, fresh=0.999999)
    assert WithEnergy(objective=one, config=config).made_up(model, 4).abs().max() < 10
