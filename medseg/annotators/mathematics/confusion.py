"""The annotators' confusion matrices C^(a)[o,t] = p(a writes o | truth t, x), of any network's p(t|x) and features.

GlobalConfusion has one matrix per annotator, PixelConfusion one per annotator and voxel. N: a sample's voxels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.bayes import observed, tiles
from medseg.annotators.mathematics.likelihood import (
    ConfusionLogits,
    Likelihood,
    LikelihoodTerms,
    indicator,
    likelihood_terms,
)
from medseg.annotators.mathematics.tiled_likelihood import RelativeLogits, tiled_likelihood_terms
from medseg.annotators.nouns import BatchPrediction
from medseg.contracts import Refused, complaint


class Confusion(nn.Module, ABC):
    """A confusion matrix C^(a)[o,t] per annotator: every column (a fixed true class t) sums to 1.

    It starts near the identity: bias 6 I - 3, a diagonal of .998 for two classes.
    annotators, classes: A and T = O. log_probs log p(t|x) (B,T,S...) and labels (B,A,S...) are of any network and
    of 2 or 3 axes S; a label is a class index, or UNLABELLED. Raises Refused for features that do not fit.
    """

    terms_of: Callable[..., LikelihoodTerms] = staticmethod(likelihood_terms)
    """The definition, or another way to the same terms."""

    def __init__(self, annotators: int, classes: int) -> None:
        super().__init__()
        self.bias = nn.Parameter((6 * torch.eye(classes) - 3).repeat(annotators, 1, 1))

    @abstractmethod
    def forward(self, features: Tensor | None = None) -> Tensor:
        """C (B,A,O,T,S...), the only thing here that is as large as that; one matrix per annotator: (1,A,O,T)."""

    def terms(
        self,
        log_probs: Tensor,
        labels: Tensor,
        features: Tensor | None = None,
        *,
        likelihood: Likelihood,
        trace_moves: bool = False,
    ) -> LikelihoodTerms:
        """-log p(labels | x) per labelled pair (``likelihood.log_likelihood``) and the trace of C.

        trace_moves: the trace has a gradient.
        """
        with _no_autocast(log_probs):
            truth = _flat(log_probs)
            logits = self._logits(self._seen(features, truth))
            return self.terms_of(truth, logits, labels.flatten(2), likelihood, trace_moves=trace_moves)

    @torch.no_grad()
    def predict(
        self, log_probs: Tensor, features: Tensor | None = None, voxel_weights: Tensor | None = None
    ) -> BatchPrediction:
        """What each annotator would write.

        voxel_weights: (B,S...) of the mean over space in ``joint_probs``; None: all alike, with sum 1.
        """
        with _no_autocast(log_probs):
            probs, space = _flat(log_probs).exp(), log_probs.shape[2:]
            seen = self._seen(features, probs)
            weights = None if voxel_weights is None else voxel_weights.flatten(1)
            annotator_probs, joint_probs = self._expected(probs, seen, weights)
        return BatchPrediction(
            truth_probs=probs.unflatten(-1, space),
            annotator_probs=annotator_probs.unflatten(-1, space),
            joint_probs=joint_probs,
        )

    @torch.no_grad()
    def posterior(self, log_probs: Tensor, labels: Tensor, features: Tensor | None = None) -> Tensor:
        """p(t | x, all labels) (B,T,S...): the consensus of image and labels, p(t|x) where nobody labelled.

        p[t] prod over present a of C^(a)[y_a,t], normalised over T: the E-step of Warfield et al., TMI 2004, with
        the network as its prior.
        """
        with _no_autocast(log_probs):
            truth = _flat(log_probs)
            seen, consensus = self._seen(features, truth), torch.empty_like(truth)
            for b, sample in enumerate(labels.flatten(2)):
                for tile in tiles(truth.shape[-1], self.bias.numel(), truth.device):
                    one_hot = indicator(sample[:, tile], truth.shape[1], truth.dtype)
                    log_rows = observed(self._tile_logits(seen[b, :, tile]).log_softmax(dim=0), one_hot)
                    consensus[b, :, tile] = (truth[b, :, tile] + log_rows.sum(dim=0)).softmax(dim=0)
        return consensus.unflatten(-1, log_probs.shape[2:])

    def without_features(self) -> GlobalConfusion:
        """The matrices that the bias alone gives, one per annotator; it is the same parameter."""
        shared = GlobalConfusion(*self.bias.shape[:2])
        shared.bias = self.bias
        return shared

    @abstractmethod
    def _seen(self, features: Tensor | None, truth: Tensor) -> Tensor:
        """features (B,F,S...) flat (B,F,N) beside truth (B,T,N); F = 0 where there are none."""

    @abstractmethod
    def _logits(self, seen: Tensor) -> ConfusionLogits:
        """Of C at features (B,F,N)."""

    @abstractmethod
    def _tile_logits(self, seen: Tensor) -> Tensor:
        """Of C at features (F,N) of a tile: (O,A,T,N), or (O,A,T,1)."""

    @abstractmethod
    def _expected(self, probs: Tensor, seen: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
        """annotator_probs (B,A,O,N), joint_probs (B,A,O,T) of probs (B,T,N) at features (B,F,N), weights (B,N)."""


class GlobalConfusion(Confusion):
    """One matrix per annotator, the same at every voxel: C = softmax of bias (A,O,T) over O; sees no features.

    >>> confusion = GlobalConfusion(annotators=3, classes=2)
    >>> [[round(entry, 3) for entry in row] for row in confusion()[0, 0].tolist()]
    [[0.998, 0.002], [0.002, 0.998]]
    >>> log_probs = torch.randn(4, 2, 8, 8).log_softmax(dim=1)  # log p(t|x) of any network
    >>> confusion.predict(log_probs).annotator_probs.shape
    torch.Size([4, 3, 2, 8, 8])
    """

    def forward(self, features: Tensor | None = None) -> Tensor:
        """C (1,A,O,T)."""
        return self.bias[None].softmax(dim=2)

    def _seen(self, features: Tensor | None, truth: Tensor) -> Tensor:
        if features is not None:
            raise Refused([complaint("features", "none", tuple(features.shape), "GlobalConfusion")])
        return truth[:, :0]

    def _logits(self, seen: Tensor) -> ConfusionLogits:
        return ConfusionLogits.constant(self.bias.to(seen.dtype))

    def _tile_logits(self, seen: Tensor) -> Tensor:
        return self.bias.to(seen.dtype).movedim(1, 0)[..., None]

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
        self.weight = nn.Parameter(torch.zeros(annotators, classes, classes, features))

    def forward(self, features: Tensor | None = None) -> Tensor:
        """features (B,F,S...) -> C (B,A,O,T,S...)."""
        with _no_autocast(self.bias):
            confusion = self._logits(self._seen(features, self.bias)).log_confusion().exp()
        assert features is not None
        return confusion.unflatten(-1, features.shape[2:])

    def _seen(self, features: Tensor | None, truth: Tensor) -> Tensor:
        if features is None or features.shape[1] != self.weight.shape[-1]:
            got = "none" if features is None else tuple(features.shape)
            raise Refused([complaint("features", f"(B,{self.weight.shape[-1]},S...)", got, "PixelConfusion")])
        return features.to(truth.dtype).flatten(2)

    def _logits(self, seen: Tensor) -> ConfusionLogits:
        return ConfusionLogits(bias=self.bias.to(seen.dtype), weight=self.weight.to(seen.dtype), features=seen)

    def _tile_logits(self, seen: Tensor) -> Tensor:
        return RelativeLogits.of(self.weight.to(seen.dtype), self.bias.to(seen.dtype)).at(seen)

    def _expected(self, probs: Tensor, seen: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
        batch, _, voxels = probs.shape
        weights = probs.new_ones(batch, voxels) / voxels if weights is None else weights
        annotator_probs = probs.new_empty(batch, *self.bias.shape[:2], voxels)
        joint_probs = probs.new_zeros(batch, *self.bias.shape)
        for b in range(batch):
            for tile in tiles(voxels, self.bias.numel(), probs.device):
                joint = self._tile_logits(seen[b, :, tile]).softmax(dim=0).mul_(probs[b, :, tile])
                annotator_probs[b, :, :, tile] = joint.sum(dim=2).movedim(0, 1)
                joint_probs[b] += (joint @ weights[b, tile]).movedim(0, 1)
        return annotator_probs, joint_probs


def weighted_mean(probs: Tensor, weights: Tensor | None) -> Tensor:
    """Over space: probs (B,T,N) by weights (B,N), which sum to 1 -> (B,T); None: all alike."""
    return probs.mean(dim=-1) if weights is None else torch.einsum("btn,bn->bt", probs, weights)


def _flat(numbers: Tensor) -> Tensor:
    """(B,T,S...) -> (B,T,N); half precision becomes single, double remains double."""
    return numbers.to(torch.promote_types(numbers.dtype, torch.float32)).flatten(2)


def _no_autocast(numbers: Tensor) -> torch.autocast:
    return torch.autocast(numbers.device.type, enabled=False)
