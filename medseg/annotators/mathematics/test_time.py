"""Changes of a test image of which a small network tells the best (Kim et al., NeurIPS 2020: learned loss for TTA).

A trained network errs on images that are turned, dim or noisy as its training images were not. For each of ``CHANGES``
the selector predicts, from the image as it is, the loss that the network would have on the image so changed; the best
are applied, and what the network says of them is brought back and averaged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from monai.networks.blocks.convolutions import Convolution
from monai.networks.layers.simplelayers import GaussianFilter
from torch import Tensor, nn
from torch.nn import functional

from medseg.annotators.nouns import BatchPrediction


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of images (B,C,S...)."""

    name: str
    """What it does."""
    degrees: float = 0.0
    """It turns the image in the plane of its longer axes."""
    scale: float = 1.0
    """It shows the image so many times as large."""
    look: Callable[[Tensor], Tensor] | None = None
    """What becomes of the intensities."""

    @property
    def moves(self) -> bool:
        """Whether anything lies elsewhere."""
        return bool(self.degrees) or self.scale != 1

    def there(self, image: Tensor) -> Tensor:
        """The changed image."""
        moved = resampled(image, turning(image.shape[2:], self.degrees, self.scale)) if self.moves else image
        return self.look(moved) if self.look else moved

    def back(self, maps: Tensor) -> Tensor:
        """Maps (B,N,S...) of the changed image -> of the image; what lay outside continues the border."""
        if not self.moves:
            return maps
        return resampled(maps, torch.linalg.inv(turning(maps.shape[2:], self.degrees, self.scale)))

    def weights(self, weights: Tensor) -> Tensor:
        """Weights (B,S...) of voxels, of the changed image; their sum stays."""
        if not self.moves:
            return weights
        moved = resampled(weights[:, None], turning(weights.shape[1:], self.degrees, self.scale))[:, 0]
        sums = weights.flatten(1).sum(dim=1) / moved.flatten(1).sum(dim=1).clamp(min=1e-12)
        return moved * sums.view(-1, *(1,) * (moved.ndim - 1))


def turning(size: Sequence[int], degrees: float, scale: float) -> Tensor:
    """(S,S): the place, from the middle and in voxels, of which an image of ``size`` (S,) shows what at each voxel."""
    first, second = sorted(sorted(range(len(size)), key=lambda axis: size[axis])[-2:])
    matrix = torch.eye(len(size), dtype=torch.float64)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix / scale


def resampled(maps: Tensor, matrix: Tensor) -> Tensor:
    """(B,N,S...), linearly, each voxel from matrix (S,S) times its place from the middle; outside, the border."""
    half = torch.tensor(maps.shape[2:], dtype=torch.float64) / 2
    theta = torch.zeros(len(half), len(half) + 1, dtype=torch.float64)
    theta[:, :-1] = (matrix * half / half[:, None]).flip(0, 1)  # torch has the last axis first
    theta = theta.to(maps.device, maps.dtype).expand(len(maps), -1, -1)
    grid = functional.affine_grid(theta, list(maps.shape), align_corners=False)
    return functional.grid_sample(maps, grid, padding_mode="border", align_corners=False)


def contrasted(image: Tensor, factor: float) -> Tensor:
    """mean + factor (x - mean), the mean that of each channel."""
    mean = image.flatten(2).mean(dim=2).view(*image.shape[:2], *(1,) * (image.ndim - 2))
    return mean + factor * (image - mean)


def gamma_corrected(image: Tensor, exponent: float) -> Tensor:
    """min + (max - min) ((x - min) / (max - min))^exponent of each channel."""
    flat = image.flatten(2)
    least, most = flat.amin(dim=2, keepdim=True), flat.amax(dim=2, keepdim=True)
    part = (flat - least) / (most - least).clamp(min=1e-6)
    return (least + (most - least) * part**exponent).view(image.shape)


def blurred(image: Tensor, sigma: float) -> Tensor:
    """By a Gaussian, sigma in voxels."""
    return GaussianFilter(image.ndim - 2, sigma).to(image.device)(image)


def sharpened(image: Tensor) -> Tensor:
    """x + (x - x blurred by 1)."""
    return 2 * image - blurred(image, 1.0)


CHANGES: tuple[Change, ...] = (
    Change(name="none"),
    Change(name="left", degrees=20),
    Change(name="right", degrees=-20),
    Change(name="smaller", scale=0.8),
    Change(name="less contrast", look=lambda image: contrasted(image, 0.67)),
    Change(name="more contrast", look=lambda image: contrasted(image, 1.5)),
    Change(name="brighter", look=lambda image: gamma_corrected(image, 0.67)),
    Change(name="darker", look=lambda image: gamma_corrected(image, 1.5)),
    Change(name="blurred", look=lambda image: blurred(image, 1.0)),
    Change(name="sharpened", look=sharpened),
)
"""K of them; the first leaves the image as it is."""


class Selector(nn.Module):
    """image (B,C,S...) -> (B,K) the log of the loss under each change, less their mean: a few convolutions."""

    def __init__(self, spatial_dims: int, channels: int) -> None:
        super().__init__()
        group = ("GROUP", {"num_groups": 4})
        widths = (channels, 16, 32, 64)
        self.layers = nn.Sequential(
            *(
                Convolution(spatial_dims, entering, width, strides=2, norm=group if number else None, act="PRELU")
                for number, (entering, width) in enumerate(pairwise(widths))
            )
        )
        self.to_losses = nn.Linear(2 * widths[-1], len(CHANGES))

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        features = self.layers(image).flatten(2)
        return self.to_losses(torch.cat([features.mean(dim=2), features.amax(dim=2)], dim=1)).float()


class Selected(nn.Module):
    """A trained model, asked of every image under the ``best`` changes that its selector expects: the mean."""

    def __init__(self, model: nn.Module, best: int) -> None:
        super().__init__()
        self.model, self.best = model, best

    @torch.no_grad()
    def truth_probs(self, image: Tensor) -> Tensor:
        """image (B,C,S...) -> p (B,T,S...)."""

        def ask(change: Change, rows: Tensor) -> tuple[Tensor]:
            return (_back(change, self.model(change.there(image[rows])).log_probs.exp(), image.ndim - 2),)

        (truth,) = self._mean(image, ask)
        return truth

    @torch.no_grad()
    def matrices(self, image: Tensor) -> Tensor:
        """image (B,C,S...) -> C (B,A,O,T,S...)."""

        def ask(change: Change, rows: Tensor) -> tuple[Tensor]:
            said: Tensor = self.model.matrices(change.there(image[rows]))  # pyright: ignore[reportCallIssue]
            return (_back(change, said, image.ndim - 2),)

        (matrices,) = self._mean(image, ask)
        return matrices

    @torch.no_grad()
    def believe(self, image: Tensor, voxel_weights: Tensor | None = None) -> BatchPrediction:
        """image (B,C,S...), voxel_weights (B,S...) of ``joint_probs``, which move with the image and keep their sum."""

        def ask(change: Change, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            weights = None if voxel_weights is None else change.weights(voxel_weights[rows])
            said: BatchPrediction = self.model.believe(change.there(image[rows]), weights)  # pyright: ignore[reportCallIssue]
            truth, annotators = (
                _back(change, each, image.ndim - 2) for each in (said.truth_probs, said.annotator_probs)
            )
            return truth, annotators, said.joint_probs

        truth, annotators, joint = self._mean(image, ask)
        return BatchPrediction(truth_probs=truth, annotator_probs=annotators, joint_probs=joint)

    def _mean(self, image: Tensor, ask: Callable[[Change, Tensor], Sequence[Tensor]]) -> list[Tensor]:
        """(B,...) each, the mean over the best changes of an image of what ``ask`` says of those rows (R,) of it."""
        chosen = self.model.get_submodule("selector")(image).argsort(dim=1)[:, : self.best]
        totals: list[Tensor] = []
        for number, change in enumerate(CHANGES):
            rows = (chosen == number).any(dim=1).nonzero()[:, 0]
            if len(rows):
                parts = ask(change, rows)
                totals = totals or [part.new_zeros(len(image), *part.shape[1:]) for part in parts]
                for total, part in zip(totals, parts, strict=True):
                    total.index_add_(0, rows, part)
        return [total / self.best for total in totals]


def _back(change: Change, maps: Tensor, spatial_dims: int) -> Tensor:
    """Maps (R,...,S...) of the changed images -> of the images."""
    return change.back(maps.flatten(1, -1 - spatial_dims)).view(maps.shape)
