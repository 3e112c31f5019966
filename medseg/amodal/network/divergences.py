"""Divergences between Gaussians over z, in nats."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from medseg.amodal.network.model import Latent, gaussian


@dataclass(kw_only=True)
class Divergence:
    """KL in nats between two Gaussians over z."""

    coarse: Tensor
    """(B,Z) per dimension of the coarse part."""
    fine: Tensor
    """(B,F) per channel of the fine part."""

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
    """KL(p || q)."""
    return Divergence(coarse=kl_divergence(p.coarse, q.coarse), fine=kl_divergence(p.fine, q.fine))


def divergence_from_prior(p: Latent) -> Divergence:
    """KL(p || N(0, I)), Kingma and Welling 2014, Appendix B."""

    def standard(mean: Tensor) -> Normal:
        return gaussian(torch.zeros_like(mean), torch.zeros_like(mean))

    return divergence(p, Latent.of(standard(p.coarse.mean), standard(p.fine.mean)))
