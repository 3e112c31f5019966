"""What every form of the annotators' confusion matrices C^(a)[o,t] = p(a writes o | truth t, x) can do.

A batch may hold the labels of those annotators alone who labelled something: then an index says whose matrix a row of
labels is read with, and neither memory nor time grows with the others. P: the rows of labels of a batch. N: a sample's
voxels.
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
from medseg.annotators.nouns import BatchPrediction
from medseg.contracts import UNLABELLED


class Confusion(nn.Module, ABC):
    """A confusion matrix C^(a)[o,t] per annotator: every column (a fixed true class t) sums to 1.

    It starts near the identity: bias 6 I - 3, a diagonal of .998 for two classes.
    annotators, classes: A and T = O. log_probs log p(t|x) (B,T,S...) and labels (B,A,S...) are of any network and
    of 2 or 3 axes S; a label is a class index, or UNLABELLED. annotator_index: (B,P) whose the rows of labels
    (B,P,S...) are; None: P = A, in their order. Raises Refused for features that do not fit.
    """

    terms_of: Callable[..., LikelihoodTerms] = staticmethod(likelihood_terms)
    """The definition, or another way to the same terms."""

    def __init__(self, annotators: int, classes: int) -> None:
        super().__init__()
        self.annotators, self.classes = annotators, classes

    @abstractmethod
    def forward(self, features: Tensor | None = None) -> Tensor:
        """C (B,A,O,T,S...), the only thing here that is as large as that; one matrix per annotator: (1,A,O,T)."""

    @abstractmethod
    def parameters_of(self, annotator_index: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Bias (P,O,T) and weight (P,O,T,F) of the logits of these annotators (P,); None: of all."""

    @abstractmethod
    def without_features(self) -> Confusion:
        """The matrices that the bias alone gives, one per annotator; it is the same parameter."""

    def terms(
        self,
        log_probs: Tensor,
        labels: Tensor,
        features: Tensor | None = None,
        annotator_index: Tensor | None = None,
        *,
        likelihood: Likelihood,
        trace_moves: bool = False,
    ) -> LikelihoodTerms:
        """-log p(labels | x) per labelled pair (``likelihood.log_likelihood``) and the trace of C.

        trace_moves: the trace has a gradient.
        """
        with no_autocast(log_probs):
            truth, flat = flat_single(log_probs), labels.flatten(2)
            seen = self._seen(features, truth)

            def terms_of(truth: Tensor, seen: Tensor, flat: Tensor, index: Tensor | None) -> LikelihoodTerms:
                logits = self._logits(seen, index)
                return self.terms_of(truth, logits, flat, likelihood, trace_moves=trace_moves)

            if annotator_index is None:
                return terms_of(truth, seen, flat, None)
            if bool((annotator_index == annotator_index[:1]).all()):
                return terms_of(truth, seen, flat, annotator_index[0])
            present = (flat != UNLABELLED).any(dim=2)
            present[:, 0] |= ~present.any(dim=1)
            return LikelihoodTerms.joined(
                [
                    terms_of(truth[b : b + 1], seen[b : b + 1], flat[b : b + 1, rows], annotator_index[b, rows])
                    for b, rows in enumerate(present)
                ]
            )

    @torch.no_grad()
    def predict(
        self, log_probs: Tensor, features: Tensor | None = None, voxel_weights: Tensor | None = None
    ) -> BatchPrediction:
        """What each annotator would write.

        voxel_weights: (B,S...) of the mean over space in ``joint_probs``; None: all alike, with sum 1.
        """
        with no_autocast(log_probs):
            probs, space = flat_single(log_probs).exp(), log_probs.shape[2:]
            seen = self._seen(features, probs)
            weights = None if voxel_weights is None else voxel_weights.flatten(1)
            annotator_probs, joint_probs = self._expected(probs, seen, weights)
        return BatchPrediction(
            truth_probs=probs.unflatten(-1, space),
            annotator_probs=annotator_probs.unflatten(-1, space),
            joint_probs=joint_probs,
        )

    @torch.no_grad()
    def posterior(
        self,
        log_probs: Tensor,
        labels: Tensor,
        features: Tensor | None = None,
        annotator_index: Tensor | None = None,
    ) -> Tensor:
        """p(t | x, all labels) (B,T,S...): the consensus of image and labels, p(t|x) where nobody labelled.

        p[t] prod over present a of C^(a)[y_a,t], normalised over T: the E-step of Warfield et al., TMI 2004, with
        the network as its prior.
        """
        with no_autocast(log_probs):
            truth = flat_single(log_probs)
            seen, consensus = self._seen(features, truth), torch.empty_like(truth)
            for b, sample in enumerate(labels.flatten(2)):
                logits_at = self._at_tile(None if annotator_index is None else annotator_index[b], truth.dtype)
                for tile in tiles(truth.shape[-1], len(sample) * self.classes**2, truth.device):
                    one_hot = indicator(sample[:, tile], self.classes, truth.dtype)
                    log_rows = observed(logits_at(seen[b, :, tile]).log_softmax(dim=0), one_hot)
                    consensus[b, :, tile] = (truth[b, :, tile] + log_rows.sum(dim=0)).softmax(dim=0)
        return consensus.unflatten(-1, log_probs.shape[2:])

    @abstractmethod
    def _seen(self, features: Tensor | None, truth: Tensor) -> Tensor:
        """features (B,F,S...) flat (B,F,N) beside truth (B,T,N); F = 0 where there are none."""

    @abstractmethod
    def _logits(self, seen: Tensor, annotator_index: Tensor | None) -> ConfusionLogits:
        """Of C at features (B,F,N), of these annotators (P,)."""

    @abstractmethod
    def _at_tile(self, annotator_index: Tensor | None, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
        """Features (F,N) of a tile -> logits of C of these annotators (P,): (O,P,T,N), or (O,P,T,1)."""

    @abstractmethod
    def _expected(self, probs: Tensor, seen: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
        """annotator_probs (B,A,O,N), joint_probs (B,A,O,T) of probs (B,T,N) at features (B,F,N), weights (B,N)."""


def identity_logits(classes: int) -> Tensor:
    """(O,T) 6 I - 3, where every matrix starts."""
    return 6 * torch.eye(classes) - 3


def weighted_mean(probs: Tensor, weights: Tensor | None) -> Tensor:
    """Over space: probs (B,T,N) by weights (B,N), which sum to 1 -> (B,T); None: all alike."""
    return probs.mean(dim=-1) if weights is None else torch.einsum("btn,bn->bt", probs, weights)


def flat_single(numbers: Tensor) -> Tensor:
    """(B,T,S...) -> (B,T,N); half precision becomes single, double remains double."""
    return numbers.to(torch.promote_types(numbers.dtype, torch.float32)).flatten(2)


def no_autocast(numbers: Tensor) -> torch.autocast:
    """On the device of these numbers."""
    return torch.autocast(numbers.device.type, enabled=False)
