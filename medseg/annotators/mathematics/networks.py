"""Networks of MONAI by name, each as what gives features at the image's own resolution, and on coarser grids.

Any class of ``monai.networks.nets`` with ``in_channels`` and ``out_channels`` will do: the last layer of a segmentation
network, which would be its classes, gives the features instead.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch
from monai.networks.nets.dynunet import DynUNet
from monai.networks.nets.unet import UNet
from torch import Tensor, nn

from medseg.annotators.mathematics.settings import NetworkConfig
from medseg.contracts import Refused, complaint

NETS = "monai.networks.nets"

OWN_MODULES = {"UNet": UNet, "DynUNet": DynUNet}
"""Those that are had without the others."""


def build_backbone(network: NetworkConfig, channels_in: int, size: Sequence[int]) -> nn.Module:
    """image (B,C,S...) -> (B,F,S...); see ``features_of``. Raises Refused as ``described``."""
    name, arguments = described(network, channels_in, size)
    return OWN_MODULES[name](**arguments) if name in OWN_MODULES else getattr(_nets(), name)(**arguments)


def described(network: NetworkConfig, channels_in: int, size: Sequence[int]) -> tuple[str, dict[str, Any]]:
    """The class of ``monai.networks.nets`` and its arguments. size: (S,), of which some networks must know.

    Raises Refused for a name that MONAI has not, and for arguments that its class does not take.
    """
    shape: dict[str, Any] = {
        "spatial_dims": len(size),
        "in_channels": channels_in,
        "out_channels": network.features,
    }
    strides = network.strides or (2,) * (len(network.channels) - 1)
    if network.name == "unet":
        return "UNet", shape | {
            "channels": network.channels,
            "strides": strides,
            "num_res_units": network.residual_units,
            "dropout": network.dropout,
        }
    if network.name == "dynunet":
        return "DynUNet", shape | {
            "kernel_size": network.kernels or (3,) * len(network.channels),
            "strides": (1, *strides),
            "upsample_kernel_size": strides,
            "filters": network.channels,
            "dropout": network.dropout or None,
            "res_block": network.residual_units > 0,
            "deep_supervision": network.deep_supervision > 0,
            "deep_supr_num": max(network.deep_supervision, 1),
        }
    takes = _arguments_of(network.name)
    if unknown := [key for key in network.arguments if key not in takes]:
        expected = f"one of {', '.join(takes)}"
        raise Refused(complaint("network.arguments", expected, key, network.name) for key in unknown)
    given = {key: value for key, value in (shape | {"img_size": tuple(size)}).items() if key in takes}
    return network.name, given | dict(network.arguments)


def features_of(backbone: nn.Module, image: Tensor) -> list[Tensor]:
    """(B,F,S...) at the image's resolution, then in training those of coarser grids where the network has heads there.

    A DynUNet is asked for its heads on their own grids, before it would interpolate them.
    """
    if isinstance(backbone, DynUNet) and backbone.deep_supervision and backbone.training:
        first = backbone.output_block(backbone.skip_layers(image))
        coarser = list(backbone.heads)
        backbone.heads[:] = [torch.zeros(1)] * len(coarser)  # else the model cannot be copied between two steps
        return [first, *coarser]
    found = backbone(image)
    return list(found) if isinstance(found, list | tuple) else [found]


def network_complaints(network: NetworkConfig, channels_in: int, size: Sequence[int]) -> list[str]:
    """What keeps the network from images (C,S...) of this size; tried without computing anything."""
    try:
        with torch.device("meta"):
            backbone = build_backbone(network, channels_in, size)
            found = features_of(backbone.train(), torch.empty(2, channels_in, *size))
    except Refused as refused:
        return list(refused.complaints)
    except Exception as error:  # whatever a network of somebody else says of a size that it cannot take
        if "meta tensor" in str(error):  # it asks for a number in between, and is taken as it is
            return []
        size_text = "x".join(map(str, size))
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return [complaint("network", f"one that takes images of {size_text}", reason, network.name)]
    expected = (2, network.features, *size)
    if tuple(found[0].shape) != expected:
        return [complaint("network", f"features {list(expected[1:])}", list(found[0].shape[1:]), network.name)]
    return []


def _arguments_of(name: str) -> list[str]:
    """What the class of this name takes."""
    known = {
        each: list(inspect.signature(made).parameters)
        for each, made in vars(_nets()).items()
        if inspect.isclass(made) and issubclass(made, nn.Module)
    }
    known = {each: takes for each, takes in known.items() if {"in_channels", "out_channels"} <= set(takes)}
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3) or ["SegResNet", "SwinUNETR", "MedNeXt"]
        expected = f"unet, dynunet or a network of {NETS} such as {', '.join(close)}"
        raise Refused([complaint("network.name", expected, name, "config")])
    return known[name]


def _nets() -> ModuleType:
    """All of them, which takes some seconds to import."""
    return importlib.import_module(NETS)
