"""What each stage minimises, in nats per object: a likelihood of masks, and divergences between Gaussians over z."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from medseg.amodal.network.model import AmodalVAE, Latent
from medseg.amodal.network.pcnet import PartialCompletionNetwork
from medseg.amodal.nouns import MaskBatch
from medseg.contracts import Losses


# ------------------------------------------------------------------------------------- divergences
@dataclass
class Divergence:
    """KL in nats: coarse (B,Z) per dimension of the coarse part, fine (B,F) per channel of the fine part."""

    coarse: Tensor
    fine: Tensor

    def sum(self) -> Tensor:
        """(B,)."""
        return self.coarse.sum(1) + self.fine.sum(1)

    def with_free_bits(self, free: float) -> Tensor:
        """() mean over the batch of each dimension's or channel's KL, but at least ``free`` nats, summed.

        Kingma et al., NeurIPS 2016 (inverse autoregressive flow), Eq. 15: below ``free`` a dimension costs nothing
        more, so that none is given up before it is of use.
        """
        every = torch.cat([self.coarse.mean(0), self.fine.mean(0)])
        return every.clamp(min=free).sum()


def divergence(p: Latent, q: Latent) -> Divergence:
    """KL(p || q) of diagonal Gaussians: sum of ((mu_p - mu_q)^2 + s_p^2) / (2 s_q^2) - 1/2 + log(s_q / s_p)."""
    return Divergence(
        _gaussian(p.coarse_mean, p.coarse_logvar, q.coarse_mean, q.coarse_logvar),
        _gaussian(p.fine_mean, p.fine_logvar, q.fine_mean, q.fine_logvar).flatten(2).sum(2),
    )


def divergence_from_prior(p: Latent) -> Divergence:
    """KL(p || N(0, I)), Kingma and Welling 2014, Appendix B."""
    zero = torch.zeros_like
    prior = Latent(zero(p.coarse_mean), zero(p.coarse_logvar), zero(p.fine_mean), zero(p.fine_logvar))
    return divergence(p, prior)


def _gaussian(mean_p: Tensor, logvar_p: Tensor, mean_q: Tensor, logvar_q: Tensor) -> Tensor:
    ratio = logvar_p - logvar_q
    return 0.5 * ((mean_p - mean_q) ** 2 / logvar_q.exp() + ratio.exp() - 1 - ratio)


# ------------------------------------------------------------------------------------------ stages
@dataclass(frozen=True)
class CompleteShapes:
    """Stage I: BCE(y, D(z,c)) + beta KL(q1(z|y,c) || N(0,I)), z ~ q1 (Ling et al. 2020, Section 3.2).

    beta grows linearly over the first ``warmup`` epochs (KL warm-up, Sonderby et al. 2016).
    """

    beta: float
    free_bits: float
    warmup: float

    def __call__(self, model: nn.Module, batch: MaskBatch, *, epoch: float = math.inf) -> Losses:
        """Metrics negative_elbo (at full beta), reconstruction, kl, active."""
        assert isinstance(model, AmodalVAE)
        latent = model.complete(batch.amodal, torch.zeros_like(batch.amodal), batch.class_index)
        logits = model.decoder(latent.sample(), batch.class_index)
        misfit = _cross_entropy(logits, batch.amodal).mean()
        kl = divergence_from_prior(latent)
        share = min(1.0, epoch / self.warmup) if self.warmup else 1.0
        total = misfit + share * self.beta * kl.with_free_bits(self.free_bits)
        metrics = {
            "negative_elbo": (misfit + self.beta * kl.sum().mean()).detach(),
            "reconstruction": misfit.detach(),
            "kl": kl.sum().mean().detach(),
            "active": _active(kl),
        }
        return Losses(total=total, metrics=metrics)


@dataclass(frozen=True)
class OccludedShapes:
    """Stage II: w BCE(y, D(z,c)) + beta KL(q2(z|v,o,c) || N(0,I)) + gamma KL(q1(z|y,c) || q2(z|v,o,c)), z ~ q2.

    w: ``occluder_weight`` inside the occluder, 1 outside. The forward divergence from q1 to q2 punishes a q2 that
    leaves out what q1 holds for possible: it covers all completions (Ling et al. 2020, Section 3.3).
    """

    beta: float
    gamma: float
    occluder_weight: float

    def __call__(self, model: nn.Module, batch: MaskBatch, *, epoch: float = math.inf) -> Losses:
        """Metrics objective (all of it), occluded (BCE in the occluder at the mean of z), kl, gap (the divergence)."""
        assert isinstance(model, AmodalVAE)
        with torch.no_grad():
            known = model.complete(batch.amodal, torch.zeros_like(batch.amodal), batch.class_index)
        latent = model.partial(batch.visible, batch.occluder, batch.class_index)
        weight = 1 + (self.occluder_weight - 1) * batch.occluder
        misfit = _cross_entropy(model.decoder(latent.sample(), batch.class_index), batch.amodal, weight).mean()
        kl, gap = divergence_from_prior(latent).sum().mean(), divergence(known, latent).sum().mean()
        total = misfit + self.beta * kl + self.gamma * gap
        with torch.no_grad():
            answer = model.decoder(latent.mean(), batch.class_index)
            occluded = _cross_entropy(answer, batch.amodal, batch.occluder).mean()
        metrics = {"objective": total.detach(), "occluded": occluded, "kl": kl.detach(), "gap": gap.detach()}
        return Losses(total=total, metrics=metrics)


@dataclass(frozen=True)
class VisibleParts:
    """Stage III: BCE on the visible voxels + beta KL(q2 || N(0,I)) + delta KL(q2 || q2 of stage II), z ~ q2.

    Nothing in the first term speaks against growing; the frozen decoder and the divergences do, and with
    ``known_background`` the voxels that are neither visible nor occluder, which the object cannot have.
    """

    beta: float
    delta: float
    known_background: bool

    def __call__(self, model: nn.Module, batch: MaskBatch, *, epoch: float = math.inf) -> Losses:
        """Metrics objective (all of it), kl, drift (the divergence from stage II), area (decoded over visible)."""
        assert isinstance(model, AmodalVAE)
        latent = model.partial(batch.visible, batch.occluder, batch.class_index)
        with torch.no_grad():
            before = model.anchor(batch.visible, batch.occluder, batch.class_index)
        logits = model.decoder(latent.sample(), batch.class_index)
        seen = batch.visible * softplus(-logits)
        if self.known_background:
            seen = seen + (1 - batch.visible - batch.occluder).clamp(min=0) * softplus(logits)
        kl, drift = divergence_from_prior(latent).sum().mean(), divergence(latent, before).sum().mean()
        total = seen.flatten(1).sum(1).mean() + self.beta * kl + self.delta * drift
        area = logits.detach().sigmoid().sum() / batch.visible.sum().clamp(min=1)
        metrics = {"objective": total.detach(), "kl": kl.detach(), "drift": drift.detach(), "area": area}
        return Losses(total=total, metrics=metrics)


@dataclass(frozen=True)
class PartialCompletion:
    """The rival: w BCE(y, network(v,o,c)), w = ``occluder_weight`` inside the occluder (Zhan et al. 2020, Eq. 1)."""

    occluder_weight: float

    def __call__(self, model: nn.Module, batch: MaskBatch, *, epoch: float = math.inf) -> Losses:
        """Metrics cross_entropy (w BCE), occluded (BCE in the occluder)."""
        assert isinstance(model, PartialCompletionNetwork)
        logits = model(batch.visible, batch.occluder, batch.class_index)
        weight = 1 + (self.occluder_weight - 1) * batch.occluder
        misfit = _cross_entropy(logits, batch.amodal, weight).mean()
        occluded = _cross_entropy(logits.detach(), batch.amodal, batch.occluder).mean()
        return Losses(total=misfit, metrics={"cross_entropy": misfit.detach(), "occluded": occluded})


def _cross_entropy(logits: Tensor, masks: Tensor, weight: Tensor | None = None) -> Tensor:
    """(B,1,S...) -> (B,): -sum over voxels of w (y log p + (1 - y) log(1 - p))."""
    return binary_cross_entropy_with_logits(logits, masks, weight, reduction="none").flatten(1).sum(1)


def _active(kl: Divergence) -> Tensor:
    """How many dimensions of the coarse part carry more than .01 nats: 0 is collapse."""
    return (kl.coarse.mean(0) > 0.01).float().sum().detach()
