"""The variational auto-encoder: encoders of complete and of partial masks, decoders of shapes and of completions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from medseg.amodal.network.blocks import Residual, convolution, finer, unpacked
from medseg.amodal.network.layout import Layout, PriorLayout
from medseg.amodal.network.pixelcnn import PixelCNN
from medseg.amodal.network.pyramid import Pyramid


@dataclass(kw_only=True)
class Code:
    """One z."""

    coarse: Tensor
    """(B,Z) which shape it is."""
    fine: Tensor
    """(B,F,s...) where exactly its outline runs, s... the grid of ``Layout.level``; with the coarse part alone, decoded
    masks are blurred at their borders."""

    def redrawn(self, generator: torch.Generator | None = None) -> Code:
        """Another of the same shape, from the prior N(0, I)."""
        coarse, fine = (_drawn(torch.zeros_like(z), torch.ones_like(z), generator) for z in (self.coarse, self.fine))
        return Code(coarse=coarse, fine=fine)


@dataclass(kw_only=True)
class Latent:
    """A Gaussian over z, all of whose dimensions are independent."""

    coarse: Normal
    """(B,Z) of numbers."""
    fine: Independent
    """(B,F) of channels, each over s..., so that a divergence is one number per channel."""

    @staticmethod
    def of(coarse: Normal, fine: Normal) -> Latent:
        """fine: (B,F,s...) of numbers."""
        return Latent(coarse=coarse, fine=Independent(fine, fine.mean.ndim - 2, validate_args=False))

    def mean(self) -> Code:
        """The one answer."""
        return Code(coarse=self.coarse.mean, fine=self.fine.mean)

    def sample(self, generator: torch.Generator | None = None) -> Code:
        """z = mean + sigma * eps (Kingma and Welling 2014, Eq. 10); ``rsample``, but from a generator of one's own."""
        return Code(
            coarse=_drawn(self.coarse.mean, self.coarse.stddev, generator),
            fine=_drawn(self.fine.mean, self.fine.base_dist.stddev, generator),
        )


def gaussian(mean: Tensor, logvar: Tensor) -> Normal:
    """N(mean, exp(logvar)), any shape; nothing is checked, for that costs a synchronisation with the device."""
    return Normal(mean, (0.5 * logvar).exp(), validate_args=False)


def _drawn(mean: Tensor, sigma: Tensor, generator: torch.Generator | None) -> Tensor:
    return mean + sigma * torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)


class _Gaussians(nn.Module):
    """The deepest features -> the coarse part of z, those of ``Layout.level`` -> the fine part."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        dims, channels = len(layout.size), layout.channels
        self.squeeze = convolution(dims, channels[-1], 16, 1)
        self.to_coarse = nn.Linear(16 * math.prod(layout.deepest), 2 * layout.coarse)
        self.to_fine = convolution(dims, channels[layout.level], 2 * layout.fine, 1)

    def forward(self, deepest: Tensor, at_level: Tensor) -> Latent:
        """(B,F,s...) each."""
        coarse_mean, coarse_logvar = self.to_coarse(self.squeeze(deepest).flatten(1)).float().chunk(2, dim=1)
        fine_mean, fine_logvar = self.to_fine(at_level).float().chunk(2, dim=1)
        return Latent.of(gaussian(coarse_mean, _bounded(coarse_logvar)), gaussian(fine_mean, _bounded(fine_logvar)))


class Encoder(Pyramid):
    """q1(z|y,c): down to the deepest level for the coarse part of z, and up again to the fine part's level."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, layout.level)
        self.gaussians = _Gaussians(layout)

    def forward(self, amodal: Tensor, class_index: Tensor) -> Latent:
        """amodal (B,1,S...), class_index (B,) -> Latent."""
        climbed = self.climb(amodal, torch.zeros_like(amodal), class_index)
        return self.gaussians(climbed.deepest, climbed.top)


@dataclass(kw_only=True)
class Condition:
    """What a partial encoder makes of what is seen of objects."""

    latent: Latent
    """q2(z|v,o,c)."""
    features: tuple[Tensor, ...]
    """(B,F,S...) of each level, the deepest first: what the completing decoder is told beside z."""
    hidden: Tensor
    """(B,) logit of the probability that anything is hidden at all: that one of those around lies in front."""

    def repeat(self, times: int) -> Condition:
        """The same features for so many draws of z in a row; the latent stays what it is."""
        if times == 1:
            return self
        features = tuple(each.repeat(times, *(1,) * (each.ndim - 1)) for each in self.features)
        return Condition(latent=self.latent, features=features, hidden=self.hidden)


class PartialEncoder(Pyramid):
    """q2(z|v,o,c), and what else the condition says: down every level and up every level."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, level=0)
        self.gaussians = _Gaussians(layout)
        self.to_hidden = nn.Linear(layout.channels[-1], 1)
        self.at = -1 - layout.level

    def forward(self, visible: Tensor, occluder: Tensor, class_index: Tensor) -> Condition:
        """visible, occluder (B,1,S...), class_index (B,) -> Condition."""
        climbed = self.climb(visible, occluder, class_index)
        return Condition(
            latent=self.gaussians(climbed.deepest, climbed.up[self.at]),
            features=climbed.up,
            hidden=self.to_hidden(climbed.deepest.flatten(2).amax(2)).float()[:, 0],
        )


class Decoder(nn.Module):
    """p(y|z,c) of complete shapes, Bernoulli per voxel."""

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


class CompletingDecoder(nn.Module):
    """p(y|z,v,o,c), Bernoulli per voxel: a narrow way up from z, told on each level what the condition says.

    The condition's top features alone give logits too; z moves them. So what is certain comes from the condition,
    and a draw of z costs a sixth of a pass through the whole network.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        dims, channels, width = len(layout.size), layout.channels, layout.drawing
        self.patch, self.level, self.deepest = layout.patch, layout.level, layout.deepest
        self.from_coarse = nn.Linear(layout.coarse, width * math.prod(layout.deepest))
        levels = [*reversed(range(len(channels)))]
        self.told = nn.ModuleList(convolution(dims, channels[level], width, 1) for level in levels)
        self.blocks = nn.ModuleList(
            Residual(dims, 2 * width + layout.fine * (level == layout.level), width, layout.classes) for level in levels
        )
        self.to_logits = convolution(dims, width, layout.patch**dims, 1)
        self.from_condition = convolution(dims, channels[0], layout.patch**dims, 1)

    def forward(self, code: Code, condition: Condition, class_index: Tensor) -> Tensor:
        """z, a condition of as many objects, class_index (B,) -> logits (B,1,S...)."""
        features = self.from_coarse(code.coarse).unflatten(1, (-1, *self.deepest))
        for depth, (block, told) in enumerate(zip(self.blocks, self.told, strict=True)):
            features = torch.cat([finer(features) if depth else features, told(condition.features[depth])], dim=1)
            if len(self.blocks) - 1 - depth == self.level:
                features = torch.cat([features, code.fine], dim=1)
            features = block(features, class_index)
        return unpacked(self.to_logits(features) + self.from_condition(condition.features[-1]), self.patch).float()


class AmodalVAE(nn.Module):
    """Ling et al., NeurIPS 2020: p(y|z,c) with q1(z|y,c) of complete masks and q2(z|v,o,c) of partly occluded ones.

    complete: q1. decoder: p(y|z,c), a prior over complete shapes. partial: q2 and what the condition says beside it.
    completing: p(y|z,v,o,c). anchor: partial as stage II left it, which stage III is held to. prior: p(shape|c) beside
    N(0, I) over z, if there is one; built last, so that it changes no weight of the others.
    """

    def __init__(self, layout: Layout, prior: PriorLayout | None = None) -> None:
        super().__init__()
        self.complete = Encoder(layout)
        self.decoder = Decoder(layout)
        self.partial = PartialEncoder(layout)
        self.completing = CompletingDecoder(layout)
        self.anchor = PartialEncoder(layout)
        self.prior = None if prior is None else PixelCNN(prior)


def _bounded(logvar: Tensor) -> Tensor:
    """Sigma between e^-4 and e^2, so that no exponential runs away."""
    return logvar.clamp(-8.0, 4.0)
