"""The mean of what several models say, each of an image and of its mirror images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, combinations

import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.model import AnnotatorModel, SeparateNetworks
from medseg.annotators.mathematics.test_time import Selected
from medseg.annotators.nouns import BatchPrediction
from medseg.contracts import Refused, complaint


class MeanModel(nn.Module):
    """p = mean over members m and mirrors F of F p_m(F x), and the same mean of every q^(a) and of the joint.

    mirror_axes: along these axes of space, 0 the first, and along all of their combinations: with n of them 2^n images
    are seen. F is its own inverse. The matrices of a member see the mirrored image too, so that q^(a) = sum_t C p
    holds of every term; the mean matrix C is the plain mean, whose columns sum to 1. members: AnnotatorModel or
    SeparateNetworks, or Selected, for the same annotators, classes and channels.
    """

    def __init__(self, members: Sequence[nn.Module], mirror_axes: Sequence[int] = ()) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.mirrors = tuple(chain(*(combinations(mirror_axes, n) for n in range(len(mirror_axes) + 1))))

    @property
    def annotators(self) -> int:
        """A."""
        return annotators_of(self.members[0])

    def _views(self, image: Tensor) -> Iterator[tuple[nn.Module, Tensor, Callable[[Tensor], Tensor]]]:
        """Each member with each mirror image, and the way back; the last axes of a map are those of space."""
        space = image.ndim - 2
        for mirror in self.mirrors:
            axes = tuple(axis - space for axis in mirror)

            def back(maps: Tensor, axes: tuple[int, ...] = axes) -> Tensor:
                return maps.flip(axes) if axes else maps

            seen = back(image)
            for member in self.members:
                yield member, seen, back

    @torch.no_grad()
    def truth_probs(self, image: Tensor) -> Tensor:
        """image (B,C,S...) -> p (B,T,S...)."""
        return _mean([back(truth_probs(member, seen)) for member, seen, back in self._views(image)])

    @torch.no_grad()
    def matrices(self, image: Tensor) -> Tensor:
        """image (B,C,S...) -> C (B,A,O,T,S...). Raises Refused where a member has no matrices."""
        if not has_matrices(self):
            raise Refused([complaint("model", "one with confusion matrices", "none", type(self).__name__)])
        return _mean([back(member.matrices(seen)) for member, seen, back in self._views(image)])  # pyright: ignore[reportCallIssue]

    @torch.no_grad()
    def believe(self, image: Tensor, voxel_weights: Tensor | None = None) -> BatchPrediction:
        """image (B,C,S...), voxel_weights (B,S...) of ``joint_probs`` -> what all say together."""
        truth, every, joint = [], [], []
        for member, seen, back in self._views(image):
            weights = None if voxel_weights is None else back(voxel_weights)
            said: BatchPrediction = member.believe(seen, weights)  # pyright: ignore[reportCallIssue]
            truth.append(back(said.truth_probs))
            every.append(back(said.annotator_probs))
            joint.append(said.joint_probs)
        return BatchPrediction(truth_probs=_mean(truth), annotator_probs=_mean(every), joint_probs=_mean(joint))


def has_matrices(model: nn.Module) -> bool:
    """Whether a model, or every one of its members, has confusion matrices."""
    if isinstance(model, MeanModel):
        return all(map(has_matrices, model.members))
    if isinstance(model, Selected):
        return has_matrices(model.model)
    return isinstance(model, AnnotatorModel) and model.confusion is not None


def annotators_of(model: nn.Module) -> int:
    """A of a model of any kind."""
    if isinstance(model, SeparateNetworks):
        return len(model.networks)
    if isinstance(model, Selected):
        return annotators_of(model.model)
    assert isinstance(model, AnnotatorModel | MeanModel)
    return model.annotators


@torch.no_grad()
def truth_probs(model: nn.Module, image: Tensor) -> Tensor:
    """image (B,C,S...) -> p (B,T,S...) of a model of any kind; no matrix is looked at."""
    if isinstance(model, MeanModel | Selected):
        return model.truth_probs(image)
    if isinstance(model, SeparateNetworks):
        return torch.stack([truth.log_probs.exp() for truth in model(image)]).mean(dim=0)
    return model(image).log_probs.exp()


def _mean(terms: list[Tensor]) -> Tensor:
    """Of equal shapes; of one the term itself."""
    return terms[0] if len(terms) == 1 else torch.stack(terms).mean(dim=0)
