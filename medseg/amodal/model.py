"""The variational auto-encoder: encoders of complete and of partial masks, and the one decoder they share."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from medseg.amodal.blocks import Residual, coarser, convolution, finer, packed, unpacked


@dataclass(frozen=True)
class Layout:
    """What every part of the model is built for.

    size: (S,) voxels of the frame. classes: K. channels: width of each level, from fine to coarse; each is half as long
    as the one before. patch: so many voxels along each axis enter as one position of the first level, its channels.
    coarse: Z, the length of the part of z for the whole shape. fine: F, the channels of the part for its outline.
    level: the level on whose grid the fine part lies.
    """

    size: tuple[int, ...]
    classes: int
    channels: tuple[int, ...] = (32, 64, 64)
    patch: int = 2
    coarse: int = 32
    fine: int = 4
    level: int = 1

    @property
    def deepest(self) -> tuple[int, ...]:
        """(S,) the grid of the last level."""
        return tuple(length // self.patch >> (len(self.channels) - 1) for length in self.size)


@dataclass
class Code:
    """One z: coarse (B,Z), fine (B,F,s...)."""

    coarse: Tensor
    fine: Tensor


@dataclass
class Latent:
    """A diagonal Gaussian over z = (coarse (B,Z), fine (B,F,s...)), s... the grid of ``Layout.level``.

    The coarse part says which shape, the fine part where exactly its outline runs: with the coarse one alone,
    decoded masks are blurred at their borders.
    """

    coarse_mean: Tensor
    coarse_logvar: Tensor
    fine_mean: Tensor
    fine_logvar: Tensor

    def mean(self) -> Code:
        """The one answer."""
        return Code(self.coarse_mean, self.fine_mean)

    def sample(self, generator: torch.Generator | None = None) -> Code:
        """z = mean + sigma * eps (Kingma and Welling 2014, Eq. 10)."""
        return Code(
            _drawn(self.coarse_mean, self.coarse_logvar, generator),
            _drawn(self.fine_mean, self.fine_logvar, generator),
        )


def _drawn(mean: Tensor, logvar: Tensor, generator: torch.Generator | None) -> Tensor:
    noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
    return mean + (0.5 * logvar).exp() * noise


class Encoder(nn.Module):
    """q(z|v,o,c): down to the deepest level for the coarse part of z, and up again to the fine part's level."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        dims, channels = len(layout.size), layout.channels
        self.patch = layout.patch
        before = (2 * layout.patch**dims, *channels)
        self.down = nn.ModuleList(
            Residual(dims, entering, width, layout.classes) for entering, width in zip(before, channels, strict=False)
        )
        self.up = nn.ModuleList(
            Residual(dims, channels[level + 1] + channels[level], channels[level], layout.classes)
            for level in reversed(range(layout.level, len(channels) - 1))
        )
        self.squeeze = convolution(dims, channels[-1], 16, 1)
        self.to_coarse = nn.Linear(16 * math.prod(layout.deepest), 2 * layout.coarse)
        self.to_fine = convolution(dims, channels[layout.level], 2 * layout.fine, 1)

    def forward(self, visible: Tensor, occluder: Tensor, class_index: Tensor) -> Latent:
        """visible, occluder (B,1,S...), class_index (B,) -> Latent; a complete mask comes with an empty occluder."""
        features, passed = packed(torch.cat([visible, occluder], dim=1), self.patch), []
        for level, block in enumerate(self.down):
            features = block(coarser(features) if level else features, class_index)
            passed.append(features)
        coarse_mean, coarse_logvar = self.to_coarse(self.squeeze(features).flatten(1)).float().chunk(2, dim=1)
        for block, skipped in zip(self.up, passed[-2::-1], strict=False):
            features = block(torch.cat([finer(features), skipped], dim=1), class_index)
        fine_mean, fine_logvar = self.to_fine(features).float().chunk(2, dim=1)
        return Latent(coarse_mean, _bounded(coarse_logvar), fine_mean, _bounded(fine_logvar))


class Decoder(nn.Module):
    """p(y|z,c), Bernoulli per voxel."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        dims, channels = len(layout.size), layout.channels
        self.patch, self.level, self.deepest = layout.patch, layout.level, layout.deepest
        self.from_coarse = nn.Linear(layout.coarse, 16 * math.prod(layout.deepest))
        entering = [*channels[1:], 16]
        self.blocks = nn.ModuleList(
            Residual(dims, entering[level] + layout.fine * (level == layout.level), channels[level], layout.classes)
            for level in reversed(range(len(channels)))
        )
        self.to_logits = convolution(dims, channels[0], layout.patch**dims, 1)

    def forward(self, code: Code, class_index: Tensor) -> Tensor:
        """z, class_index (B,) -> logits (B,1,S...)."""
        features = self.from_coarse(code.coarse).unflatten(1, (16, *self.deepest))
        for depth, block in enumerate(self.blocks):
            features = finer(features) if depth else features
            if len(self.blocks) - 1 - depth == self.level:
                features = torch.cat([features, code.fine], dim=1)
            features = block(features, class_index)
        return unpacked(self.to_logits(features), self.patch).float()


class AmodalVAE(nn.Module):
    """Ling et al., NeurIPS 2020: p(y|z,c) with q1(z|y,c) of complete masks and q2(z|v,o,c) of partly hidden ones.

    complete: q1. partial: q2. anchor: q2 as stage II left it, which stage III is held to. decoder: p(y|z,c).
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.complete = Encoder(layout)
        self.partial = Encoder(layout)
        self.anchor = Encoder(layout)
        self.decoder = Decoder(layout)


def _bounded(logvar: Tensor) -> Tensor:
    """Sigma between e^-4 and e^2, so that no exponential runs away."""
    return logvar.clamp(-8.0, 4.0)
