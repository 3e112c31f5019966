"""What each stage minimises, in nats per object: a likelihood of masks, and divergences between Gaussians over z."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from medseg.amodal.network.divergences import Divergence, divergence, divergence_from_prior
from medseg.amodal.network.model import AmodalVAE
from medseg.amodal.network.pcnet import PartialCompletionNetwork
from medseg.amodal.nouns import MaskBatch
from medseg.contracts import Losses

ORDER = 20.0
"""Weight of the cross-entropy of who lies in front, one number per object beside those of thousands of voxels."""

OVERLAP = "iou"
"""Among the metrics of validation: intersection over union of the answer and the amodal mask."""


@dataclass(frozen=True, kw_only=True)
class CompleteShapes:
    """Stage I: BCE(y, D(z,c)) + beta KL(q1(z|y,c) || N(0,I)), z ~ q1 (Ling et al. 2020, Section 3.2).

    beta grows linearly over the first ``warmup`` epochs (KL warm-up, Sonderby et al. 2016).
    """

    beta: float
    """On the divergence from the prior."""
    free_bits: float
    """Nats of a dimension or channel that cost nothing."""
    warmup: float
    """Epochs until beta counts in full."""

    def __call__(self, model: nn.Module, batch: MaskBatch, *, epoch: float = math.inf) -> Losses:
        """Metrics negative_elbo (at full beta), reconstruction, kl, active."""
        assert isinstance(model, AmodalVAE)
        latent = model.complete(batch.amodal, batch.class_index)
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
        if epoch == math.inf:
            redrawn = model.decoder(latent.mean(), batch.class_index).detach()
            metrics[OVERLAP] = _overlap(redrawn > 0, batch.amodal)
        return Losses(total=total, metrics=metrics)


@dataclass(frozen=True, kw_only=True)
class ShapesByCells:
    """The prior's stage: -log p(s|c), s the complete shape at low resolution (van den Oord et al. 2016, Eq. 1)."""

    def __call__(self, model: nn.Module, batch: MaskBatch, *, epoch: float = math.inf) -> Losses:
        """Metric nats, per object."""
        assert isinstance(model, AmodalVAE) and model.prior is not None
        nats = model.prior.nats(model.prior.shapes(batch.amodal), batch.class_index).mean()
        return Losses(total=nats, metrics={"nats": nats.detach()})


@dataclass(frozen=True, kw_only=True)
class OccludedShapes:
    """Stage II: w BCE(y, D(z,v,o,c)) / 2, with z ~ q1 and at the mean of q2, + beta KL(q2 || N(0,I)) + gamma gap.

    The gap is KL(q1(z|y,c) || q2(z|v,o,c)): what the whole says of z that the visible part does not, in nats. The
    forward divergence punishes a q2 that leaves out what q1 holds for possible: it covers all completions (Ling et al.
    2020, Section 3.3). z ~ q1 teaches the completing decoder to use z (Sohn et al., NeurIPS 2015, Eq. 4), the mean of
    q2 to answer as it will be asked (in the manner of their hybrid objective, Eq. 7). Beside it stands ``ORDER`` times
    the BCE of the probability that anything is hidden.
    """

    beta: float
    """On the divergence from the prior."""
    gamma: float
    """On the gap."""
    occluder_weight: float
    """w, on the voxels of the occluder."""

    def __call__(self, model: nn.Module, batch: MaskBatch, *, epoch: float = math.inf) -> Losses:
        """Metrics objective, occluded (BCE in the occluder at the mean of z), kl, gap, gap_coarse, order (its BCE)."""
        assert isinstance(model, AmodalVAE)
        known = model.complete(batch.amodal, batch.class_index)
        seen = model.partial(batch.visible, batch.occluder, batch.class_index)
        weight = 1 + (self.occluder_weight - 1) * batch.occluder
        told = model.completing(known.sample(), seen, batch.class_index)
        answer = model.completing(seen.latent.mean(), seen, batch.class_index)
        misfit = sum(_cross_entropy(logits, batch.amodal, weight).mean() for logits in (told, answer)) / 2
        kl, gap = divergence_from_prior(seen.latent).sum().mean(), divergence(known, seen.latent)
        order = binary_cross_entropy_with_logits(seen.hidden, _anything_hidden(batch))
        total = misfit + self.beta * kl + self.gamma * gap.sum().mean() + ORDER * order
        metrics = {
            "objective": total.detach(),
            "occluded": _cross_entropy(answer.detach(), batch.amodal, batch.occluder).mean(),
            "kl": kl.detach(),
            "gap": gap.sum().mean().detach(),
            "gap_coarse": gap.coarse.sum(1).mean().detach(),
            "order": order.detach(),
        }
        return Losses(total=total, metrics=metrics | _overlap_of_answer(answer.detach(), batch, epoch))


@dataclass(frozen=True, kw_only=True)
class VisibleParts:
    """Stage III: BCE on what is known of really occluded objects, held to what stage II said of the rest.

    Known are the visible voxels and, with ``known_background``, those that are neither visible nor occluder, which the
    object cannot have. Nothing in that speaks against growing; the brakes do: beta KL(q2 || N(0,I)) and delta times
    KL(q2 || q2 of stage II) + sum over voxels of the occluder of KL(p of stage II || p), p the answer at the mean of z.
    """

    beta: float
    """On the divergence from the prior."""
    delta: float
    """On the divergences from stage II."""
    known_background: bool
    """Whether the voxels that are neither visible nor occluder count too."""

    def __call__(self, model: nn.Module, batch: MaskBatch, *, epoch: float = math.inf) -> Losses:
        """Metrics objective (all of it), kl, drift (the divergences from stage II), area (decoded over visible).

        In validation the amodal masks are known, and ``missed``, 1 - IoU of the answer with them, says whether a stage
        helps that never sees what is hidden. (BCE falls where the answer becomes no better.)
        """
        assert isinstance(model, AmodalVAE)
        seen = model.partial(batch.visible, batch.occluder, batch.class_index)
        with torch.no_grad():
            before = model.anchor(batch.visible, batch.occluder, batch.class_index)
            held = model.completing(before.latent.mean(), before, batch.class_index).sigmoid()
        logits = model.completing(seen.latent.sample(), seen, batch.class_index)
        answer = model.completing(seen.latent.mean(), seen, batch.class_index)
        known = batch.visible * softplus(-logits)
        if self.known_background:
            known = known + (1 - batch.visible - batch.occluder).clamp(min=0) * softplus(logits)
        kl = divergence_from_prior(seen.latent).sum().mean()
        drift = divergence(seen.latent, before.latent).sum().mean() + _moved(held, answer, batch.occluder).mean()
        total = known.flatten(1).sum(1).mean() + self.beta * kl + self.delta * drift
        area = answer.detach().sigmoid().sum() / batch.visible.sum().clamp(min=1)
        metrics = {"objective": total.detach(), "kl": kl.detach(), "drift": drift.detach(), "area": area}
        metrics["missed"] = 1 - _overlap(_answered(answer.detach(), batch), batch.amodal)
        return Losses(total=total, metrics=metrics | _overlap_of_answer(answer.detach(), batch, epoch))


@dataclass(frozen=True, kw_only=True)
class PartialCompletion:
    """The rival: w BCE(y, network(v,o,c)), w = ``occluder_weight`` inside the occluder (Zhan et al. 2020, Eq. 1)."""

    occluder_weight: float
    """w, on the voxels of the occluder."""

    def __call__(self, model: nn.Module, batch: MaskBatch, *, epoch: float = math.inf) -> Losses:
        """Metrics cross_entropy (w BCE), occluded (BCE in the occluder)."""
        assert isinstance(model, PartialCompletionNetwork)
        logits = model(batch.visible, batch.occluder, batch.class_index)
        weight = 1 + (self.occluder_weight - 1) * batch.occluder
        misfit = _cross_entropy(logits, batch.amodal, weight).mean()
        occluded = _cross_entropy(logits.detach(), batch.amodal, batch.occluder).mean()
        metrics = {"cross_entropy": misfit.detach(), "occluded": occluded}
        return Losses(total=misfit, metrics=metrics | _overlap_of_answer(logits.detach(), batch, epoch))


def _cross_entropy(logits: Tensor, masks: Tensor, weight: Tensor | None = None) -> Tensor:
    """(B,1,S...) -> (B,): -sum over voxels of w (y log p + (1 - y) log(1 - p))."""
    return binary_cross_entropy_with_logits(logits, masks, weight, reduction="none").flatten(1).sum(1)


def _anything_hidden(batch: MaskBatch) -> Tensor:
    """(B,) 1 where the occluded part has a voxel of the network's grid or more."""
    return ((batch.amodal - batch.visible).clamp(min=0).flatten(1).sum(1) >= 1).float()


def _moved(held: Tensor, logits: Tensor, occluder: Tensor) -> Tensor:
    """(B,1,S...) -> (B,): sum over voxels of the occluder of KL(held || p) between Bernoullis, held probabilities."""
    against = binary_cross_entropy_with_logits(logits, held, occluder, reduction="none")
    itself = binary_cross_entropy_with_logits(held.logit(1e-6), held, occluder, reduction="none")
    return (against - itself).flatten(1).sum(1)


def _overlap_of_answer(logits: Tensor, batch: MaskBatch, epoch: float) -> dict[str, Tensor]:
    """In validation alone."""
    return {OVERLAP: _overlap(_answered(logits, batch), batch.amodal)} if epoch == math.inf else {}


def _answered(logits: Tensor, batch: MaskBatch) -> Tensor:
    """(B,1,S...) what is seen, and what grows into the occluder."""
    return (batch.visible >= 0.5) | ((logits > 0) & (batch.occluder >= 0.5))


def _overlap(answer: Tensor, amodal: Tensor) -> Tensor:
    """Mean over objects of |answer and amodal| / |answer or amodal| on the network's grid, (B,1,S...) -> ()."""
    known = amodal >= 0.5
    both, either = (mask.flatten(1).sum(dim=1) for mask in (answer & known, answer | known))
    return (both / either.clamp(min=1)).mean()


def _active(kl: Divergence) -> Tensor:
    """How many dimensions of the coarse part carry more than .01 nats: 0 is collapse."""
    return (kl.coarse.mean(0) > 0.01).float().sum().detach()
