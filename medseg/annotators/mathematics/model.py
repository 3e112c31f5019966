"""The true-label network p(t|x), and the annotators' confusion matrices on top of it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.classifiers import HadamardClassifier
from medseg.annotators.mathematics.energy import ReplayBuffer
from medseg.annotators.mathematics.heads import Confusion, weighted_mean
from medseg.annotators.mathematics.networks import build_backbone, features_of
from medseg.annotators.mathematics.norms import batch_statistics, hasten
from medseg.annotators.mathematics.settings import NetworkConfig
from medseg.annotators.mathematics.styles import StyleConfusion
from medseg.annotators.mathematics.test_time import Selector
from medseg.annotators.mathematics.trunks import Trunk, TruthOutput
from medseg.annotators.nouns import BatchPrediction
from medseg.contracts import Refused, complaint


class TrueLabelNetwork(nn.Module):
    """A network of MONAI (``networks``) whose last features feed one linear map to the classes, on every grid alike.

    image (B,C,S...) -> TruthOutput; size: (S,) that it is made for. With ``norm: mimic`` the logits go through a batch
    norm, the one before the loss of Fei et al. 2020; its scale and shift are learned, since logits of deviation 1 leave
    a truth of two equally large classes in doubt. Coarser grids, which are there in training alone, have its scale and
    shift, and means and variances of their own. Raises Refused as ``build_backbone`` and ``classifier_complaints``.
    """

    def __init__(self, network: NetworkConfig, channels_in: int, classes: int, *, size: Sequence[int]) -> None:
        super().__init__()
        if found := classifier_complaints(network, classes):
            raise Refused(found)
        self.backbone = build_backbone(network, channels_in, size)
        convolution, batch_norm = (nn.Conv2d, nn.BatchNorm2d) if len(size) == 2 else (nn.Conv3d, nn.BatchNorm3d)
        self.activation = nn.PReLU()
        if network.classifier == "hadamard":
            self.to_classes = HadamardClassifier(network.features, classes)
        else:
            self.to_classes = convolution(network.features, classes, kernel_size=1)
        self.last_norm = hasten(batch_norm(classes)) if network.norm == "mimic" else None

    def forward(self, image: Tensor) -> TruthOutput:
        """See the class."""
        features, *coarser = map(self.activation, features_of(self.backbone, image))
        logits, *coarse_logits = (self.to_classes(each).float() for each in (features, *coarser))
        if self.last_norm is not None:
            coarse_logits = [batch_statistics(each, self.last_norm) for each in coarse_logits]
            logits = self.last_norm(logits)
        return TruthOutput(
            log_probs=logits.log_softmax(dim=1),
            features=features,
            coarser=tuple(each.log_softmax(dim=1) for each in coarse_logits),
            log_density=logits.logsumexp(dim=1),
        )


def classifier_complaints(network: NetworkConfig, classes: int) -> list[str]:
    """Features that are too few for the classes of ``HadamardClassifier``."""
    if network.classifier == "learned" or network.features >= classes:
        return []
    expected = f"{classes} at least, as many as classes, for classifier {network.classifier}"
    return [complaint("network.features", expected, network.features, "config")]


class AnnotatorModel(nn.Module):
    """True-label network, and a confusion matrix C^(a)[o,t] per annotator: q^(a)[o] = sum_t C^(a)[o,t] p[t].

    Zhang et al., NeurIPS 2020, Eq. 1-2. Without a confusion head (a baseline) every annotator is taken
    to write the truth: q^(a) = p. Of a run that asks for them it has made-up images beside it (``energy``), and a
    selector of changes at test time (``test_time``).
    """

    def __init__(
        self,
        network: TrueLabelNetwork,
        annotators: int,
        confusion: Confusion | None = None,
        trunk: Trunk | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.confusion = confusion
        self.trunk = trunk
        self.teacher: TrueLabelNetwork | None = None
        self.annotators = annotators
        self.replay: ReplayBuffer | None = None
        self.selector: Selector | None = None

    def with_teacher(self) -> AnnotatorModel:
        """This model with a child ``teacher``, a copy of the network that no gradient moves; see ``students``."""
        self.teacher = deepcopy(self.network).requires_grad_(False)
        return self

    def forward(self, image: Tensor) -> TruthOutput:
        """image (B,C,S...) -> TruthOutput of the true-label network."""
        return self.network(image)

    def confusion_features(self, image: Tensor, truth: TruthOutput) -> Tensor | None:
        """(B,F,S...) what the per-pixel confusion matrices see; None for global matrices."""
        if self.trunk is None:
            return None
        return self.trunk(image, truth)

    def admit(self, said: Tensor) -> None:
        """Further annotators, of whom ``said`` (U,M) is all that is known; see ``StyleConfusion``."""
        if not isinstance(self.confusion, StyleConfusion):
            raise Refused([complaint("model", "one with styles", "none", type(self.confusion).__name__)])
        self.confusion.admit(said)
        self.annotators = self.confusion.annotators

    @torch.no_grad()
    def matrices(self, image: Tensor) -> Tensor:
        """image (B,C,S...) -> C (B,A,O,T,S...), all of them at once; global ones repeated at every voxel.

        Raises Refused for a model without matrices.
        """
        if self.confusion is None:
            raise Refused([complaint("model", "one with confusion matrices", "none", type(self).__name__)])
        if self.trunk is None:
            space = image.shape[2:]
            matrices = self.confusion()
            return matrices[(...,) + (None,) * len(space)].expand(len(image), *matrices.shape[1:], *space).clone()
        return self.confusion(self.confusion_features(image, self(image)))

    @torch.no_grad()
    def believe(self, image: Tensor, voxel_weights: Tensor | None = None) -> BatchPrediction:
        """image (B,C,S...) -> what the model believes of the truth and of every annotator.

        voxel_weights: (B,S...) of ``joint_probs``; None: all alike, with sum 1.
        """
        truth = self(image)
        if self.confusion is None:
            probs = truth.log_probs.exp()
            every = probs[:, None].expand(-1, self.annotators, -1, *[-1] * (probs.ndim - 2))
            weights = None if voxel_weights is None else voxel_weights.flatten(1)
            diagonal = torch.diag_embed(weighted_mean(probs.flatten(2), weights))
            joint = diagonal[:, None].expand(-1, self.annotators, -1, -1)
            return BatchPrediction(truth_probs=probs, annotator_probs=every, joint_probs=joint)
        return self.confusion.predict(truth.log_probs, self.confusion_features(image, truth), voxel_weights)


class SeparateNetworks(nn.Module):
    """A baseline: one true-label network per annotator; the truth is their mean. No confusion matrices."""

    def __init__(self, networks: Sequence[TrueLabelNetwork]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, image: Tensor) -> list[TruthOutput]:
        """image (B,C,S...) -> what each annotator's network takes for the truth."""
        return [network(image) for network in self.networks]

    @torch.no_grad()
    def believe(self, image: Tensor, voxel_weights: Tensor | None = None) -> BatchPrediction:
        """The mean of the networks as the truth; their joint with it is not defined (nan), whatever the weights."""
        every = torch.stack([truth.log_probs for truth in self(image)], dim=1).exp()
        classes = every.shape[2]
        joint = every.new_full((len(every), every.shape[1], classes, classes), torch.nan)
        return BatchPrediction(truth_probs=every.mean(dim=1), annotator_probs=every, joint_probs=joint)
