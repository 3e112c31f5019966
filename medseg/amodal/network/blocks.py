"""The pieces that the auto-encoder and its rival are both made of, in 2D and 3D alike."""

from __future__ import annotations

from monai.networks.utils import pixelshuffle, pixelunshuffle
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, avg_pool3d, interpolate, silu


def convolution(spatial_dims: int, channels_in: int, channels: int, kernel: int) -> nn.Module:
    """A convolution that keeps the grid."""
    kind = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
    return kind(channels_in, channels, kernel, padding=kernel // 2)


class Residual(nn.Module):
    """Two convolutions beside a shortcut; the class scales and shifts the channels (FiLM, Perez et al., AAAI 2018).

    features (B,F,S...), class_index (B,) -> (B,F',S...). dropout: whole channels, between the two convolutions.
    """

    def __init__(
        self, spatial_dims: int, channels_in: int, channels: int, classes: int, *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.first = convolution(spatial_dims, channels_in, channels, 3)
        self.first_norm = nn.GroupNorm(4, channels)
        self.second = convolution(spatial_dims, channels, channels, 3)
        self.second_norm = nn.GroupNorm(4, channels)
        self.shortcut = convolution(spatial_dims, channels_in, channels, 1)
        self.of_class = nn.Embedding(classes, 2 * channels)
        self.dropout = nn.Dropout2d(dropout) if spatial_dims == 2 else nn.Dropout3d(dropout)
        nn.init.zeros_(self.of_class.weight)

    def forward(self, features: Tensor, class_index: Tensor) -> Tensor:
        """See the class."""
        film = self.of_class(class_index)[(..., *(None,) * (features.ndim - 2))]
        scale, shift = film.chunk(2, dim=1)
        inner = silu(self.first_norm(self.first(features)) * (1 + scale) + shift)
        return silu(self.second_norm(self.second(self.dropout(inner))) + self.shortcut(features))


def packed(masks: Tensor, patch: int) -> Tensor:
    """(B,C,S...) -> (B,C*patch^S,S/patch...): the voxels of a patch become channels, none is lost."""
    return pixelunshuffle(masks, masks.ndim - 2, patch) if patch > 1 else masks


def unpacked(features: Tensor, patch: int) -> Tensor:
    """The way back."""
    return pixelshuffle(features, features.ndim - 2, patch) if patch > 1 else features


def coarser(features: Tensor) -> Tensor:
    """Half as many positions along each axis: their mean."""
    return avg_pool2d(features, 2) if features.ndim == 4 else avg_pool3d(features, 2)


def finer(features: Tensor) -> Tensor:
    """Twice as many positions along each axis: the nearest."""
    return interpolate(features, scale_factor=2.0)
