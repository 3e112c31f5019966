"""Matrices per voxel for many annotators with few labels each: what they share is learned from all of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.confusion import PixelConfusion
from medseg.annotators.mathematics.heads import identity_logits


class StyleConfusion(PixelConfusion):
    """One matrix per annotator and voxel, as in ``PixelConfusion``, from D numbers e^(a) of each annotator.

    W^(a) = W + sum over d of e^(a)[d] V[d], W (O,T,F) and V (D,O,T,F); the bias likewise. All annotators' labels teach
    W and V; those of one annotator teach D numbers. Where A <= D, any set of matrices can be written so.

    It starts at the identity, with V = 0 and e of length 1: orthogonal where A <= D, so that each annotator learns by
    himself as in ``PixelConfusion``, and as far apart as D allows where there are more.

    >>> styles = StyleConfusion(annotators=256, classes=2, features=16, embedding=8)
    >>> sum(parameter.numel() for parameter in styles.parameters())  # PixelConfusion: 17408
    2660
    >>> log_probs = torch.randn(4, 2, 8, 8).log_softmax(dim=1)
    >>> labels = torch.randint(0, 2, (4, 2, 8, 8))  # two annotators per image, out of 256
    >>> whose = torch.randint(0, 256, (4, 2))
    >>> styles.terms(log_probs, labels, torch.randn(4, 16, 8, 8), whose, likelihood="per_annotator").nll.shape
    torch.Size([4])
    """

    def __init__(self, annotators: int, classes: int, features: int, embedding: int) -> None:
        self.depth = embedding
        super().__init__(annotators, classes, features)

    def _begin(self) -> None:
        shape = self.classes, self.classes
        self.embedding = nn.Parameter(torch.empty(self.annotators, self.depth))
        nn.init.orthogonal_(self.embedding, gain=max(self.annotators / self.depth, 1) ** 0.5)
        self.bias = nn.Parameter(identity_logits(self.classes))
        self.bias_directions = nn.Parameter(torch.zeros(self.depth, *shape))
        self.weight = nn.Parameter(torch.zeros(*shape, self.features))
        self.weight_directions = nn.Parameter(torch.zeros(self.depth, *shape, self.features))

    def parameters_of(self, annotator_index: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See ``Confusion``."""
        embedding = self.embedding if annotator_index is None else self.embedding[annotator_index]
        bias = self.bias + torch.einsum("pd,dot->pot", embedding, self.bias_directions)
        return bias, self.weight + torch.einsum("pd,dotf->potf", embedding, self.weight_directions)
