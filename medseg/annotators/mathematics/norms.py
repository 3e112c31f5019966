"""What stands in the place of a normalisation, by name for every network of MONAI.

Imports torch and MONAI alone: an exported bundle has a copy of this file.
"""

from __future__ import annotations

import torch
from monai.networks.layers.factories import Act, Norm
from torch import Tensor, nn
from torch.nn.utils import parametrize

LARGEST_GROUPS = 8
"""Groups of channels, at most: a level of 16 channels has pairs."""

FEWEST_CENTRED = 50
"""Kernels with fewer weights for an output channel keep their mean, as in the authors' code: those of the image, of
depthwise and of narrow 1x1 convolutions, of which too little would be left."""


FASTER = 10.0
"""So much farther than other weights the scale and shift of logits go in a step: where a class is rare they must travel
several units, and a step of Adam is as long for all."""


class FilterResponse(nn.Module):
    """y = gamma x / sqrt(nu^2 + eps) + beta, nu^2 = mean over S... of x^2; then max(y, tau) in place of an activation.

    Singh & Krishnan, CVPR 2020 (Filter response normalization layer). (B,C,S...) -> the same; no mean is subtracted,
    every channel of every sample is on its own. gamma (1 at first), beta and tau (0) are learned per channel; eps is
    1e-6, as in the paper where a channel has more voxels than one. threshold: whether tau is there at all, which it is
    not at the linear end of a block.

    >>> FilterResponse(1)(torch.tensor([[[3.0, 4.0]]])).mul(12.5**0.5).round(decimals=4).tolist()
    [[[3.0, 4.0]]]
    """

    def __init__(self, num_features: int, threshold: bool = True, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.tau = nn.Parameter(torch.zeros(num_features)) if threshold else None

    def forward(self, responses: Tensor) -> Tensor:
        """See the class."""
        space = tuple(range(2, responses.ndim))
        energy = responses.float().square().mean(dim=space, keepdim=True)
        scaled = responses * (per_channel(self.weight, responses) * (energy + self.eps).rsqrt())
        shifted = scaled + per_channel(self.bias, responses)
        if self.tau is not None:
            shifted = torch.maximum(shifted, per_channel(self.tau, responses))
        return shifted.to(responses.dtype)


class Bias(nn.Module):
    """(B,C,S...) -> the same plus a learned number per channel, 0 at first: what is left where no norm is."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(num_features))

    def forward(self, responses: Tensor) -> Tensor:
        """See the class."""
        return responses + per_channel(self.bias, responses)


class CentredKernel(nn.Module):
    """A kernel less its mean for each output channel: over input channels and space.

    Fei et al. 2020 (MimicNorm), weight mean. channels_axis: that of the output channels.
    """

    def __init__(self, channels_axis: int) -> None:
        super().__init__()
        self.channels_axis = channels_axis

    def forward(self, kernel: Tensor) -> Tensor:
        """The gradient loses its mean too, so that a kernel stays centred."""
        return kernel - kernel.mean(
            dim=[axis for axis in range(kernel.ndim) if axis != self.channels_axis], keepdim=True
        )


class Faster(nn.Module):
    """A weight that is ``FASTER`` times what is trained."""

    def forward(self, trained: Tensor) -> Tensor:
        """See the class."""
        return FASTER * trained

    def right_inverse(self, weight: Tensor) -> Tensor:
        """What is trained where this is the weight."""
        return weight / FASTER


def grouped(num_channels: int) -> nn.GroupNorm:
    """Wu & He, ECCV 2018, in as many groups as divide the channels, ``LARGEST_GROUPS`` at most; one is a layer norm."""
    groups = max(number for number in range(1, LARGEST_GROUPS + 1) if num_channels % number == 0)
    return nn.GroupNorm(groups, num_channels)


def per_channel(numbers: Tensor, responses: Tensor) -> Tensor:
    """(C,) -> (1,C,1...) of as many axes as responses (B,C,S...)."""
    return numbers.view(1, -1, *(1,) * (responses.ndim - 2))


def convolutions(network: nn.Module) -> list[nn.Module]:
    """Every convolution of a network, transposed ones too."""
    kinds = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    return [module for module in network.modules() if isinstance(module, kinds)]


def centre_kernels(network: nn.Module) -> None:
    """Give every convolution of a network a ``CentredKernel``, but those with fewer weights than ``FEWEST_CENTRED``."""
    for module in convolutions(network):
        channels_axis = 1 if isinstance(module, nn.ConvTranspose2d | nn.ConvTranspose3d) else 0
        kernel = module.weight
        assert isinstance(kernel, Tensor)
        if kernel.numel() / kernel.shape[channels_axis] >= FEWEST_CENTRED:
            parametrize.register_parametrization(module, "weight", CentredKernel(channels_axis))


def hasten(norm: nn.Module) -> nn.Module:
    """The same norm, whose scale and shift are ``Faster``."""
    for name in ("weight", "bias"):
        parametrize.register_parametrization(norm, name, Faster())
    return norm


def settle(network: nn.Module) -> None:
    """Make all such weights plain ones with the same numbers: what is exported has MONAI's and torch's own layers."""
    for module in list(network.modules()):
        for name in ("weight", "bias"):
            if parametrize.is_parametrized(module, name):
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)


def batch_statistics(logits: Tensor, norm: nn.Module) -> Tensor:
    """A batch norm by the mean and variance of these logits (B,T,S...) alone, with scale and shift of another one."""
    weight, bias = norm.weight, norm.bias
    assert isinstance(weight, Tensor) and isinstance(bias, Tensor)
    return nn.functional.batch_norm(logits, None, None, weight=weight, bias=bias, training=True)


Act.add_factory_callable("IDENTITY", lambda: nn.Identity, "None: what is before it is an activation too.")
Norm.add_factory_callable("FRN", lambda _dim: FilterResponse, "Filter response normalisation, and its threshold.")
Norm.add_factory_callable("GROUPS", lambda _dim: grouped, "Group norm in as many groups as the channels allow.")
Norm.add_factory_callable("BIAS", lambda _dim: Bias, "A bias per channel, no normalisation.")
