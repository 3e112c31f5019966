"""What is minimised: the cross-entropy of a consensus, or the likelihood of every annotator's labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import nll_loss

from medseg.annotators.mathematics.likelihood import Likelihood, LikelihoodTerms
from medseg.annotators.mathematics.model import AnnotatorModel
from medseg.annotators.mathematics.overlap import OVERLAP, vote_dice
from medseg.annotators.mathematics.sampling import strata
from medseg.annotators.mathematics.supervision import Supervision, cross_entropy_to, mean_of_labels
from medseg.annotators.mathematics.trunks import PointwiseTrunk, TruthOutput
from medseg.annotators.nouns import ImageBatch
from medseg.contracts import UNLABELLED, Losses

LIKELIHOOD_ALONE = Supervision()
"""Nothing beside the likelihood but the coarser grids that a network has."""


def cross_entropy(
    model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf, supervision: Supervision = LIKELIHOOD_ALONE
) -> Losses:
    """The mean over labelled voxels and annotators of -log p[y]: every annotator is taken to write the truth.

    log_probs (B,T,S...), labels (B,A,S...). Because it is linear in the labels, it equals the cross-entropy to
    their soft mean, which is the target of ``supervision``; with A = 1 (a vote, STAPLE, the truth) it is that of a
    consensus. Range [0, inf).
    """
    truth = model(batch.image)
    nll = _consensus_nll(truth, batch.labels)
    total = nll + _beside(supervision, truth, batch.labels)
    return Losses(total=total, metrics={"nll": nll.detach(), **_overlap(truth.log_probs, batch, epoch)})


def separate_cross_entropy(
    model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf, supervision: Supervision = LIKELIHOOD_ALONE
) -> Losses:
    """The same for one network per annotator: log_probs (B,A,O,S...) against the labels of each."""
    truths, index = model(batch.image), batch.annotator_index
    log_probs, labels = torch.stack([truth.log_probs for truth in truths], dim=1), batch.labels
    if index is not None:
        labels = labels.new_full((len(labels), len(truths), *labels.shape[2:]), UNLABELLED)
        for row, whose, drawn in zip(labels, index, batch.labels, strict=True):
            for annotator, label in zip(whose.flip(0), drawn.flip(0), strict=True):  # rows without labels come last
                row[annotator] = label
    nll = _mean_nll(log_probs, labels)
    beside = [_beside(supervision, truth, labels[:, a : a + 1]) for a, truth in enumerate(truths)]
    overlap = _overlap(log_probs.logsumexp(dim=1), batch, epoch)
    return Losses(total=nll + torch.stack(beside).mean(), metrics={"nll": nll.detach(), **overlap})


@dataclass(frozen=True, kw_only=True)
class AnnotatorLikelihood:
    """Negative log-likelihood of the annotators' labels, per labelled voxel and annotator of each sample."""

    likelihood: Likelihood
    """See ``likelihood.log_likelihood``. Under ``per_annotator`` each annotator has a private truth, under
    ``shared_truth`` one truth explains all labels of a voxel together; under ``best_truth`` voxels in doubt do not leak
    into the matrices, which under the sum can pull the truth to the style of one annotator."""
    per_pixel: bool
    """The matrices are those of each voxel (else one matrix per annotator)."""
    trace_weight: float = 0.0
    """lambda of Zhang et al., Eq. 4, on the mean trace (minimised)."""
    supervision: Supervision = LIKELIHOOD_ALONE
    """Its target: what the labels and the truth say together, p(t | x, labels), as a constant."""

    def __call__(self, model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf) -> Losses:
        """Losses with metrics nll, trace (mean over annotators and true classes of C[t,t]) and ``dominance``."""
        assert isinstance(model, AnnotatorModel)
        assert model.confusion is not None
        truth = model(batch.image)
        features = model.confusion_features(batch.image, truth) if self.per_pixel else None
        confusion = model.confusion if self.per_pixel else model.confusion.without_features()
        terms = confusion.terms(
            truth.log_probs,
            batch.labels,
            features,
            batch.annotator_index,
            likelihood=self.likelihood,
            trace_moves=self.trace_weight != 0,
        )
        total = terms.total(self.trace_weight)
        if self.supervision.of(truth):
            posterior = confusion.posterior(truth.log_probs, batch.labels, features, batch.annotator_index)
            labelled = (batch.labels != UNLABELLED).any(dim=1, keepdim=True)
            total = total + self.supervision(truth, posterior * labelled)
        return Losses(total=total, metrics=_metrics(terms) | _overlap(truth.log_probs, batch, epoch))


def consensus_cross_entropy(
    model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf, supervision: Supervision = LIKELIHOOD_ALONE
) -> Losses:
    """Cross-entropy of the truth to what all labels say together.

    truth_nll = mean over labelled voxels of -sum_t w[t] log p[t], w = p(t | all labels) of ``annotators.fusion``: the
    truth is that of the labels, weighed by what each annotator is worth at that place.
    """
    assert batch.consensus is not None
    truth = model(batch.image)
    truth_nll = cross_entropy_to(truth.log_probs, batch.consensus)
    metrics = {"truth_nll": truth_nll.detach()} | _overlap(truth.log_probs, batch, epoch)
    return Losses(total=truth_nll + supervision(truth, batch.consensus), metrics=metrics)


def style_likelihood(model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf) -> Losses:
    """Likelihood of each annotator's labels given a truth that has been learned; the network is a constant.

    So the matrices tell the annotators' styles and cannot bend the truth to fit them, and what they see of a training
    image is what they will see of others: the truth as it was before it knew the labels by heart. nll: as in
    ``AnnotatorLikelihood``; of matrices that see a voxel at a time in training from the voxels of ``sampling.strata``.
    """
    assert isinstance(model, AnnotatorModel)
    assert model.confusion is not None
    with torch.no_grad():
        truth = model(batch.image)
    if isinstance(model.trunk, PointwiseTrunk) and model.training:
        terms = _of_some_voxels(model, model.trunk, batch, truth)
    else:
        features = model.confusion_features(batch.image, truth)
        index = batch.annotator_index
        terms = model.confusion.terms(truth.log_probs, batch.labels, features, index, likelihood="per_annotator")
    return Losses(total=terms.total(trace_weight=0), metrics=_metrics(terms) | _overlap(truth.log_probs, batch, epoch))


def _of_some_voxels(
    model: AnnotatorModel, trunk: PointwiseTrunk, batch: ImageBatch, truth: TruthOutput
) -> LikelihoodTerms:
    assert model.confusion is not None
    log_probs, seen = truth.log_probs.flatten(2), trunk.seen(batch.image, truth).flatten(2)
    nll, trace, mean_confusion = log_probs.new_zeros(len(log_probs)), log_probs.new_zeros(()), 0.0
    for stratum in strata(batch.labels.flatten(2), log_probs):
        terms = model.confusion.terms(
            stratum.of(log_probs),
            stratum.labels,
            trunk.at(stratum.of(seen)),
            batch.annotator_index,
            likelihood="per_annotator",
        )
        nll = nll + stratum.share * terms.nll
        trace = trace + stratum.share.mean() * terms.trace
        mean_confusion = mean_confusion + stratum.share.mean() * terms.mean_confusion
    assert isinstance(mean_confusion, Tensor)
    return LikelihoodTerms(nll=nll, trace=trace, mean_confusion=mean_confusion)


def dominance(confusion: Tensor) -> Tensor:
    """The least margin of the diagonal of the annotators' mean matrix over its column: C (A,O,T) -> ().

    min over t of (Cbar[t,t] - max over o != t of Cbar[o,t]), Cbar = mean over a of C, which for per-pixel matrices is
    itself a mean over labelled voxels. Range [-1, 1], 1 for the identity. Negative: the annotators together no longer
    say most often what the model takes for true, and the theorem of Zhang et al. (Section 3.3) does not hold.
    """
    mean = confusion.mean(dim=0)
    others = mean - 2 * torch.diag(mean.diagonal())
    return (mean.diagonal() - others.max(dim=0).values).min()


def _metrics(terms: LikelihoodTerms) -> dict[str, Tensor]:
    return {
        "nll": terms.nll.mean().detach(),
        "trace": terms.trace.mean().detach(),
        "dominance": dominance(terms.mean_confusion),
    }


def _overlap(log_probs: Tensor, batch: ImageBatch, epoch: float) -> dict[str, Tensor]:
    """``vote_dice`` in validation, which is never minimised."""
    return {OVERLAP: vote_dice(log_probs.detach(), batch.labels)} if epoch == math.inf else {}


def _beside(supervision: Supervision, truth: TruthOutput, labels: Tensor) -> Tensor:
    """``Supervision`` whose target is the mean of the labels (B,A,S...)."""
    if not supervision.of(truth):
        return truth.log_probs.new_zeros(())
    return supervision(truth, mean_of_labels(labels, truth.log_probs.shape[1]))


def _consensus_nll(truth: TruthOutput, labels: Tensor) -> Tensor:
    """The same log_probs (B,T,S...) for every annotator of labels (B,A,S...)."""
    log_probs = truth.log_probs
    return _mean_nll(log_probs[:, None].expand(-1, labels.shape[1], -1, *log_probs.shape[2:]), labels)


def _mean_nll(log_probs: Tensor, labels: Tensor) -> Tensor:
    """log_probs (B,A,O,S...), labels (B,A,S...): mean over labelled voxels of each sample, then over samples."""
    flat = log_probs.flatten(0, 1).contiguous()
    losses = nll_loss(flat, labels.flatten(0, 1), ignore_index=UNLABELLED, reduction="none").view(labels.shape)
    labelled = (labels != UNLABELLED).flatten(1).sum(1).clamp(min=1)
    return (losses.flatten(1).sum(1) / labelled).mean()
