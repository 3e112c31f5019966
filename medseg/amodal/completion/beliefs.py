"""What a trained completer says of objects in their frames: an answer, samples, and how novel they look."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from medseg.amodal.network.model import AmodalVAE, Code
from medseg.amodal.network.pcnet import PartialCompletionNetwork
from medseg.amodal.nouns import MaskBatch

Flip = tuple[int, ...]
"""Axes along which an object is mirrored."""

CUTS = 3
"""Samples of one draw, cut at as many levels: a draw is dear, a cut is cheap."""
DECODED_AT_ONCE = 2**17
"""Samples are decoded together while they have no more voxels: larger calls are slower, for they leave the cache."""


@dataclass(kw_only=True)
class MaskBeliefs:
    """What a network believes of a batch, on the grid of the frames."""

    probs: Tensor
    """(B,1,S...) of the one answer."""
    samples: Tensor
    """(M,B,1,S...) probs of M draws; sample n cuts those of draw n modulo M. M = 0 for a network that cannot draw."""
    hidden: Tensor
    """(B,) probability that anything is hidden at all; nan for a network that is no generative model."""
    visible_misfit: Tensor
    """(B,) 1 - IoU of what is seen and the shape that stage I knows for its z, where nothing hides: 0 for a shape that
    it knows; nan for a network that is no generative model."""
    nats: Tensor | None = None
    """(B,) -log p of the completed shape at low resolution, of the model's prior by pixels; None: not asked for."""

    @property
    def unlike(self) -> Tensor:
        """(B,) how unlike those of the training an object is: the nats if they were asked for, else the misfit."""
        return self.visible_misfit if self.nats is None else self.nats


@torch.no_grad()
def believe(
    model: nn.Module,
    batch: MaskBatch,
    samples: int,
    generator: torch.Generator | None = None,
    mirror: bool = True,
    nats: bool = False,
) -> MaskBeliefs:
    """The answer at the mean of z, and draws z ~ q2(z|v,o,c), one for ``CUTS`` samples; batch.amodal is not seen.

    Without z, what the network answers, and draws with dropout, if it has some (``PartialCompletionNetwork.dropping``).
    mirror: answer for the object and its mirror image along the first axis, and take the mean; samples go round them.
    (Images along every axis cost as many passes more, and on crossed chromosomes answered no better.)
    nats: count those of the answer too; the model must have a prior by pixels.
    """
    flips: list[Flip] = [(), (2,)] if mirror else [()]
    draws = -(-samples // CUTS)
    if not isinstance(model, AmodalVAE):
        return _believe_directly(model, batch, flips, draws, generator=generator)
    seen = [model.partial(b.visible, b.occluder, b.class_index) for b in (_flipped(batch, flip) for flip in flips)]

    def decoded(codes: Sequence[Code], number: int) -> Tensor:
        """One z per draw for every object -> (N,B,1,S...), in one call: that is faster than one by one."""
        code = Code(coarse=torch.cat([c.coarse for c in codes]), fine=torch.cat([c.fine for c in codes]))
        told = seen[number].repeat(len(codes))
        logits = model.completing(code, told, batch.class_index.repeat(len(codes)))
        return logits.sigmoid().flip(flips[number]).unflatten(0, (len(codes), -1))

    probs = torch.stack([decoded([each.latent.mean()], number)[0] for number, each in enumerate(seen)]).mean(0)
    codes = [seen[n % len(flips)].latent.sample(generator) for n in range(draws)]
    stacked = probs.new_empty(draws, *probs.shape)
    many = max(1, DECODED_AT_ONCE // probs.numel()) * len(flips)
    for start, number in itertools.product(range(0, draws, many), range(len(flips))):
        some = slice(start + number, min(start + many, draws), len(flips))
        if codes[some]:
            stacked[some] = decoded(codes[some], number)
    hidden = torch.stack([each.hidden.sigmoid() for each in seen]).mean(0)
    known = model.decoder(seen[0].latent.mean(), batch.class_index).sigmoid()
    return MaskBeliefs(
        probs=probs,
        samples=stacked,
        hidden=hidden,
        visible_misfit=_misfit(known, batch),
        nats=shape_nats(model, batch, probs) if nats else None,
    )


@torch.no_grad()
def shape_nats(model: AmodalVAE, batch: MaskBatch, probs: Tensor) -> Tensor:
    """(B,) -log p(s|c) of what is visible, and of the occluder what probs (B,1,S...) add, at low resolution."""
    assert model.prior is not None
    completed = torch.maximum(batch.visible, (probs >= 0.5) * batch.occluder)
    return model.prior.nats(model.prior.shapes(completed), batch.class_index)


@torch.no_grad()
def believe_hidden(model: nn.Module, batch: MaskBatch) -> tuple[Tensor, Tensor]:
    """(B,) the probability that anything of each object is hidden, and (B,) by how many voxels of the frame it is
    expected to grow into its occluder; nan for a network that is no generative model."""
    if not isinstance(model, AmodalVAE):
        unknown = torch.full((len(batch.class_index),), torch.nan)
        return unknown, unknown
    seen = model.partial(batch.visible, batch.occluder, batch.class_index)
    probs = model.completing(seen.latent.mean(), seen, batch.class_index).sigmoid()
    return seen.hidden.sigmoid(), (probs * batch.occluder).flatten(1).sum(1)


def _believe_directly(
    model: nn.Module, batch: MaskBatch, flips: Sequence[Flip], draws: int, *, generator: torch.Generator | None
) -> MaskBeliefs:
    """Of a network without z; draw n is that of flip n modulo their number."""

    def answered(flip: Flip) -> Tensor:
        seen = _flipped(batch, flip)
        return model(seen.visible, seen.occluder, seen.class_index).sigmoid().flip(flip)

    probs = torch.stack([answered(flip) for flip in flips]).mean(0)
    samples, unknown = probs.new_zeros(0, *probs.shape), torch.full((len(probs),), torch.nan)
    if draws and isinstance(model, PartialCompletionNetwork) and model.draws:
        with model.dropping(generator):
            samples = torch.stack([answered(flips[number % len(flips)]) for number in range(draws)])
    return MaskBeliefs(probs=probs, samples=samples, hidden=unknown, visible_misfit=unknown)


def _misfit(probs: Tensor, batch: MaskBatch) -> Tensor:
    """(B,): 1 - IoU of a shape and the visible part, softly, over the voxels outside the occluder."""
    outside = 1 - batch.occluder
    both = (torch.minimum(probs, batch.visible) * outside).flatten(1).sum(1)
    either = (torch.maximum(probs, batch.visible) * outside).flatten(1).sum(1)
    return 1 - both / either.clamp(min=1e-6)


def _flipped(batch: MaskBatch, flip: Flip) -> MaskBatch:
    return replace(batch, visible=batch.visible.flip(flip), occluder=batch.occluder.flip(flip))
