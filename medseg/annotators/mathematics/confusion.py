"""The forms of the annotators' confusion matrices C^(a)[o,t] = p(a writes o | truth t, x), on any network's features.

GlobalConfusion has one matrix per annotator, PixelConfusion one per annotator and voxel. N: a sample's voxels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.bayes import tiles
from medseg.annotators.mathematics.heads import Confusion, identity_logits, no_autocast, weighted_mean
from medseg.annotators.mathematics.likelihood import ConfusionLogits, LikelihoodTerms
from medseg.annotators.mathematics.tiled_likelihood import RelativeLogits, tiled_likelihood_terms
from medseg.contracts import Refused, complaint


class GlobalConfusion(Confusion):
    """One matrix per annotator, the same at every voxel: C = softmax of bias (A,O,T) over O; sees no features.

    >>> confusion = GlobalConfusion(annotators=3, classes=2)
    >>> [[round(entry, 3) for entry in row] for row in confusion()[0, 0].tolist()]
    [[0.998, 0.002], [0.002, 0.998]]
    >>> log_probs = torch.randn(4, 2, 8, 8).log_softmax(dim=1)  # log p(t|x) of any network
    >>> confusion.predict(log_probs).annotator_probs.shape
    torch.Size([4, 3, 2, 8, 8])
    """

    bias: Tensor
    """(A,O,T)."""

    def __init__(self, annotators: int, classes: int) -> None:
        super().__init__(annotators, classes)
        self.bias = nn.Parameter(identity_logits(classes).repeat(annotators, 1, 1))

    def forward(self, features: Tensor | None = None) -> Tensor:
        """C (1,A,O,T)."""
        return self.bias[None].softmax(dim=2)

    def parameters_of(self, annotator_index: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See ``Confusion``; F = 0."""
        bias = self.bias if annotator_index is None else self.bias[annotator_index]
        return bias, bias.new_empty(*bias.shape, 0)

    def without_features(self) -> Confusion:
        """These matrices themselves."""
        return self

    def _seen(self, features: Tensor | None, truth: Tensor) -> Tensor:
        if features is not None:
            raise Refused([complaint("features", "none", tuple(features.shape), "GlobalConfusion")])
        return truth[:, :0]

    def _logits(self, seen: Tensor, annotator_index: Tensor | None) -> ConfusionLogits:
        return ConfusionLogits.constant(self.parameters_of(annotator_index)[0].to(seen.dtype))

    def _at_tile(self, annotator_index: Tensor | None, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
        logits = self.parameters_of(annotator_index)[0].to(dtype).movedim(1, 0)[..., None]
        return lambda _: logits

    def _expected(self, probs: Tensor, seen: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
        confusion = self.bias.to(probs.dtype).softmax(dim=1)
        joint_probs = torch.einsum("aot,bt->baot", confusion, weighted_mean(probs, weights))
        return torch.einsum("aot,btn->baon", confusion, probs), joint_probs


class PixelConfusion(Confusion):
    """One matrix per annotator and voxel: C(x) = softmax over O of bias (A,O,T) + W f(x), W (A,O,T,F) = 0 at first.

    features: F. It sees the features f (B,F,S...) of any network, at the resolution of the labels; a convolution or two
    in between (``model.confusion_trunk``) let it see what the network itself has no use for.

    >>> confusion = PixelConfusion(annotators=3, classes=2, features=16)
    >>> features = torch.randn(4, 16, 8, 8)  # of any network
    >>> confusion(features).shape
    torch.Size([4, 3, 2, 2, 8, 8])
    >>> log_probs = torch.randn(4, 2, 8, 8).log_softmax(dim=1)
    >>> labels = torch.randint(0, 2, (4, 3, 8, 8))
    >>> confusion.posterior(log_probs, labels, features).shape  # a consensus of image and labels
    torch.Size([4, 2, 8, 8])
    """

    terms_of: Callable[..., LikelihoodTerms] = staticmethod(tiled_likelihood_terms)

    def __init__(self, annotators: int, classes: int, features: int) -> None:
        super().__init__(annotators, classes)
        self.features = features
        self._begin()

    def _begin(self) -> None:
        """The parameters, at their beginning."""
        self.bias = nn.Parameter(identity_logits(self.classes).repeat(self.annotators, 1, 1))
        self.weight = nn.Parameter(torch.zeros(self.annotators, self.classes, self.classes, self.features))

    def forward(self, features: Tensor | None = None) -> Tensor:
        """features (B,F,S...) -> C (B,A,O,T,S...)."""
        bias = self.parameters_of()[0]
        with no_autocast(bias):
            confusion = self._logits(self._seen(features, bias), None).log_confusion().exp()
        assert features is not None
        return confusion.unflatten(-1, features.shape[2:])

    def parameters_of(self, annotator_index: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See ``Confusion``."""
        if annotator_index is None:
            return self.bias, self.weight
        return self.bias[annotator_index], self.weight[annotator_index]

    def without_features(self) -> Confusion:
        """See ``Confusion``."""
        shared = GlobalConfusion(self.annotators, self.classes)
        del shared.bias
        shared.bias = self.parameters_of()[0]
        return shared

    def _seen(self, features: Tensor | None, truth: Tensor) -> Tensor:
        if features is None or features.shape[1] != self.features:
            got = "none" if features is None else tuple(features.shape)
            raise Refused([complaint("features", f"(B,{self.features},S...)", got, type(self).__name__)])
        return features.to(truth.dtype).flatten(2)

    def _logits(self, seen: Tensor, annotator_index: Tensor | None) -> ConfusionLogits:
        bias, weight = self.parameters_of(annotator_index)
        return ConfusionLogits(bias=bias.to(seen.dtype), weight=weight.to(seen.dtype), features=seen)

    def _at_tile(self, annotator_index: Tensor | None, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
        bias, weight = self.parameters_of(annotator_index)
        return RelativeLogits.of(weight.to(dtype), bias.to(dtype)).at

    def _expected(self, probs: Tensor, seen: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
        batch, classes, voxels = probs.shape
        weights = probs.new_ones(batch, voxels) / voxels if weights is None else weights
        annotator_probs = probs.new_empty(batch, self.annotators, classes, voxels)
        joint_probs = probs.new_zeros(batch, self.annotators, classes, classes)
        logits_at = self._at_tile(None, probs.dtype)
        for b in range(batch):
            for tile in tiles(voxels, joint_probs[b].numel(), probs.device):
                joint = logits_at(seen[b, :, tile]).softmax(dim=0).mul_(probs[b, :, tile])
                annotator_probs[b, :, :, tile] = joint.sum(dim=2).movedim(0, 1)
                joint_probs[b] += (joint @ weights[b, tile]).movedim(0, 1)
        return annotator_probs, joint_probs
