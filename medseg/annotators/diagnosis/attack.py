"""The image that a network likes least nearby: the fast gradient sign method."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from medseg.annotators.mathematics.model import TrueLabelNetwork
from medseg.contracts import UNLABELLED


def attacked(network: TrueLabelNetwork, image: Tensor, reference: Tensor, *, epsilon: float) -> Tensor:
    """x + epsilon sign(dJ/dx), J the cross-entropy with the reference (Goodfellow et al. 2015, section 4).

    image x (C,S...), reference (S...) class indices, UNLABELLED ones left out -> (C,S...). epsilon: in the units in
    which the network sees intensities; 0 gives the image.
    """
    seen = image.detach().clone().requires_grad_()
    loss = functional.cross_entropy(network(seen[None]).log_probs, reference[None], ignore_index=UNLABELLED)
    (slope,) = torch.autograd.grad(loss, seen)
    return (image + epsilon * slope.sign()).detach()
