"""The likelihood of several annotators' labels as a loss for any network, in anybody's training loop."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.heads import Confusion
from medseg.annotators.mathematics.likelihood import Likelihood, LikelihoodTerms
from medseg.contracts import Refused, complaint


class AnnotatorLikelihoodLoss(nn.Module):
    """mean over samples of -log p(labels | x) per labelled voxel and annotator, + trace_weight * mean trace of C.

    per_annotator (Zhang et al., NeurIPS 2020, Eq. 3): sum over a of -log sum_t p[t] C^(a)[y_a,t] of each voxel;
    shared_truth (the model of Warfield et al., TMI 2004, Eq. 2): -log sum_t p[t] prod_a C^(a)[y_a,t];
    best_truth: the same with max_t for sum_t (classification EM, Celeux and Govaert 1992).

    confusion: its parameters are trained with the network's, GlobalConfusion's bias at about ten times its learning
    rate; for the first third of the epochs better at the network's alone, so that classes cannot swap.
    trace_weight: lambda of Zhang et al., Eq. 4. Range [0, inf) without it, 0 for a certain network that agrees with
    certain annotators.

    logits: (B,T,S...) of any network, or its log-probabilities (which log_softmax leaves as they are).
    labels: (B,A,S...) class indices, UNLABELLED (-1) where an annotator said nothing.
    features: (B,F,S...) what PixelConfusion sees; None for GlobalConfusion.
    Raises Refused for shapes that do not fit.

    >>> from medseg.annotators.mathematics.confusion import GlobalConfusion
    >>> network = torch.nn.Conv2d(1, 2, kernel_size=3, padding=1)  # any network
    >>> loss = AnnotatorLikelihoodLoss(GlobalConfusion(annotators=3, classes=2), "best_truth")
    >>> optimizer = torch.optim.Adam([*network.parameters(), *loss.parameters()])
    >>> image, labels = torch.randn(4, 1, 8, 8), torch.randint(0, 2, (4, 3, 8, 8))
    >>> total = loss(network(image), labels)
    >>> total.backward()
    >>> optimizer.step()
    >>> loss.confusion().shape  # the annotators' matrices C (1,A,O,T)
    torch.Size([1, 3, 2, 2])
    """

    def __init__(self, confusion: Confusion, likelihood: Likelihood, trace_weight: float = 0.0) -> None:
        super().__init__()
        self.confusion = confusion
        self.likelihood: Likelihood = likelihood
        self.trace_weight = trace_weight

    def forward(self, logits: Tensor, labels: Tensor, features: Tensor | None = None) -> Tensor:
        """() the loss; shapes as in the class."""
        return self.terms(logits, labels, features).total(self.trace_weight)

    def terms(self, logits: Tensor, labels: Tensor, features: Tensor | None = None) -> LikelihoodTerms:
        """Its terms apart, and the mean matrices of the batch."""
        annotators, classes = self.confusion.annotators, self.confusion.classes
        expected = (logits.shape[0], annotators, *logits.shape[2:])
        if logits.shape[1] != classes:
            raise Refused([complaint("classes of logits", classes, logits.shape[1], "AnnotatorLikelihoodLoss")])
        if tuple(labels.shape) != expected:
            raise Refused([complaint("shape of labels", expected, tuple(labels.shape), "AnnotatorLikelihoodLoss")])
        return self.confusion.terms(
            logits.log_softmax(dim=1, dtype=torch.promote_types(logits.dtype, torch.float32)),
            labels,
            features,
            likelihood=self.likelihood,
            trace_moves=self.trace_weight != 0,
        )
