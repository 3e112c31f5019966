"""A classifier's logits as the energy of its images (JEM, Grathwohl et al., ICLR 2020): which images it knows.

    log p(x) = log sum_t exp f(x)[t] - log Z        (their Eq. 5), here of every voxel, with its mean over space

    E(x) = - mean over voxels of log sum_t exp f(x)[t]

is low for images like those of the training and higher for others, after training with the term below, and often
without it. No Z is known: energies of two networks cannot be compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.settings import EnergyConfig
from medseg.annotators.mathematics.trunks import TruthOutput
from medseg.contracts import Losses, Objective


class ReplayBuffer(nn.Module):
    """Images that the network has made up so far, from which it goes on: part of the weights, so that a run resumes.

    images (N,C,S...), at first noise of deviation 1, as images are brought to mean 0 and deviation 1.
    """

    def __init__(self, images: int, channels: int, size: Sequence[int]) -> None:
        super().__init__()
        self.images: Tensor
        self.register_buffer("images", torch.randn(images, channels, *size))


def energy_of(truth: TruthOutput) -> Tensor:
    """E(x) (B,), in nats per voxel."""
    assert truth.log_density is not None
    return -truth.log_density.flatten(1).mean(dim=1)


@dataclass(frozen=True, kw_only=True)
class WithEnergy:
    """An objective L and beside it -log p(x): L + weight * (E(x) - E(x') + (E(x)^2 + E(x')^2) / 10), means over B.

    x' are images that the network makes up by Langevin dynamics (SGLD, Welling and Teh, ICML 2011) from those of a
    replay buffer, a few from noise: x' <- x' - step_size dE'/dx' + noise * eps, E' the sum over voxels in place of the
    mean. The gradient of log p(x) is that of E(x') - E(x) (Grathwohl et al., Eq. 2); the squares keep energies near 0
    (Du and Mordatch, NeurIPS 2019, Section 3.3). Chains are of the length that training affords: what comes out is a
    score, and no density.
    """

    objective: Objective
    """L."""
    config: EnergyConfig
    """The numbers."""

    def __call__(self, model: nn.Module, batch: Any, *, epoch: float = math.inf) -> Losses:
        """Metrics of L, and energy: E(x)."""
        losses = self.objective(model, batch, epoch=epoch)
        if not model.training:
            with torch.no_grad():
                energy = energy_of(model(batch.image)).mean()
            return Losses(total=losses.total, metrics={**losses.metrics, "energy": energy})
        made_up = self.made_up(model, len(batch.image))
        known, drawn = energy_of(model(torch.cat([batch.image, made_up]))).split(len(made_up))
        term = (known - drawn + (known**2 + drawn**2) / 10).mean()
        metrics = {**losses.metrics, "energy": known.detach().mean()}
        return Losses(total=losses.total + self.config.weight * term, metrics=metrics)

    def made_up(self, model: nn.Module, number: int) -> Tensor:
        """(B,C,S...) the ends of so many chains, which the buffer keeps."""
        buffer = model.get_buffer("replay.images")
        index = torch.randint(len(buffer), (number,))
        fresh = torch.rand(number) < self.config.fresh
        images = buffer[index].clone()
        images[fresh] = torch.randn_like(images[fresh])
        for _ in range(self.config.chain):
            images.requires_grad_()
            with torch.enable_grad():
                energy = energy_of(model(images)).sum() * math.prod(images.shape[2:])
            (slope,) = torch.autograd.grad(energy, images)
            noise = self.config.noise * torch.randn_like(images)
            images = images.detach() - self.config.step_size * slope + noise
        with torch.no_grad():
            buffer[index] = images
        return images
