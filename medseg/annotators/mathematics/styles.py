"""Matrices per voxel for many annotators with few labels each: what they share is learned from all of them.

And for annotators of whom there is no label at all, where something is said of them, as of the others.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.confusion import PixelConfusion
from medseg.annotators.mathematics.heads import identity_logits
from medseg.contracts import Refused, complaint

LEFT_OUT = 1 / 4
"""In training, of what is an annotator's own, this part of the times."""


class StyleConfusion(PixelConfusion):
    """One matrix per annotator and voxel, as in ``PixelConfusion``, from D numbers e^(a) of each annotator.

    W^(a) = W + sum over d of e^(a)[d] V[d], W (O,T,F) and V (D,O,T,F); the bias likewise. All annotators' labels teach
    W and V; those of one annotator teach D numbers. Where A <= D, any set of matrices can be written so.

    It starts at the identity, with V = 0 and e of length 1: orthogonal where A <= D, so that each annotator learns by
    himself as in ``PixelConfusion``, and as far apart as D allows where there are more.

    said: m (A,M), what is said of each annotator (``annotators.described``; 0: nothing). Then e^(a) = own^(a) + P m^(a)
    with P (D,M), 0 at first. In training own^(a) is 0 with probability ``LEFT_OUT``, each time that a's labels are
    looked at: so P alone must tell what can be told of him by what is said. Of whom there is no label, he is admitted
    (``admit``) with own = the mean of all.

    >>> styles = StyleConfusion(annotators=256, classes=2, features=16, embedding=8)
    >>> sum(parameter.numel() for parameter in styles.parameters())  # PixelConfusion: 17408
    2660
    >>> log_probs = torch.randn(4, 2, 8, 8).log_softmax(dim=1)
    >>> labels = torch.randint(0, 2, (4, 2, 8, 8))  # two annotators per image, out of 256
    >>> whose = torch.randint(0, 256, (4, 2))
    >>> styles.terms(log_probs, labels, torch.randn(4, 16, 8, 8), whose, likelihood="per_annotator").nll.shape
    torch.Size([4])
    """

    said: Tensor | None
    """(A,M), or None where nothing is said of anybody."""

    def __init__(
        self, annotators: int, classes: int, features: int, embedding: int, *, said: Tensor | None = None
    ) -> None:
        self.depth = embedding
        super().__init__(annotators, classes, features)
        self.register_buffer("said", said)
        if said is not None:
            self.said_weight = nn.Parameter(torch.zeros(embedding, said.shape[1]))

    def _begin(self) -> None:
        shape = self.classes, self.classes
        self.embedding = nn.Parameter(torch.empty(self.annotators, self.depth))
        nn.init.orthogonal_(self.embedding, gain=max(self.annotators / self.depth, 1) ** 0.5)
        self.bias = nn.Parameter(identity_logits(self.classes))
        self.bias_directions = nn.Parameter(torch.zeros(self.depth, *shape))
        self.weight = nn.Parameter(torch.zeros(*shape, self.features))
        self.weight_directions = nn.Parameter(torch.zeros(self.depth, *shape, self.features))

    def styles(self, annotator_index: Tensor | None = None) -> Tensor:
        """e (P,D) of these annotators (P,); None: of all. In training they are drawn where anything is said."""
        own = self.embedding if annotator_index is None else self.embedding[annotator_index]
        if self.said is None:
            return own
        said = self.said if annotator_index is None else self.said[annotator_index]
        if self.training:
            own = own * (torch.rand(len(own), 1, device=own.device) >= LEFT_OUT)
        return own + said @ self.said_weight.T

    def parameters_of(self, annotator_index: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See ``Confusion``."""
        styles = self.styles(annotator_index)
        bias = self.bias + torch.einsum("pd,dot->pot", styles, self.bias_directions)
        return bias, self.weight + torch.einsum("pd,dotf->potf", styles, self.weight_directions)

    @torch.no_grad()
    def admit(self, said: Tensor) -> None:
        """Further annotators behind the others, of whom said (U,M) is all that is known: own is the mean of all own.

        Raises Refused where nothing is said of anybody, and for another M.
        """
        known = 0 if self.said is None else self.said.shape[1]
        if self.said is None or said.shape[1] != known:
            raise Refused([complaint("columns", f"{known} of what is said", said.shape[1], type(self).__name__)])
        mean = self.embedding.mean(dim=0).expand(len(said), -1)
        self.embedding = nn.Parameter(torch.cat([self.embedding, mean]))
        self.said = torch.cat([self.said, said.to(self.said)])
        self.annotators += len(said)
