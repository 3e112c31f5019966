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

from medseg.annotators.mathematics.blocks import start_unnormalised
from medseg.annotators.mathematics.norms import centre_kernels
from medseg.annotators.mathematics.settings import LEAST_LEVELS, NetworkConfig
from medseg.annotators.mathematics.unets import UnitDynUNet, UnitUNet
from medseg.contracts import Refused, complaint

NETS = "monai.networks.nets"

OWN_MODULES = {"UNet": UNet, "DynUNet": DynUNet}
"""Those that are had without the others."""

OWN_CLASSES = {"UnitUNet": UnitUNet, "UnitDynUNet": UnitDynUNet}
"""Those that MONAI has not."""

LEAKY = 0.01
"""Slope of the activation of ``dynunet`` below 0; other networks are taken to have the same."""

SLOPES = {"unet": 0.25}
"""But for those, where they start."""

FACTORY_NAMES: dict[str, str | tuple[str, dict[str, Any]]] = {
    "instance": ("INSTANCE", {"affine": True}),
    "batch": "BATCH",
    "group": "GROUPS",
    "frn": "FRN",
    "mimic": "BIAS",
    "rescale": "BIAS",
    "none": "BIAS",
}
"""``network.norm`` -> a norm of MONAI's factories, some of them from ``norms``."""

UNNORMALISED = ("mimic", "rescale", "none")
"""Where nothing inside the network sets the scale of its activations but the weights that it starts with."""


def build_backbone(network: NetworkConfig, channels_in: int, size: Sequence[int]) -> nn.Module:
    """image (B,C,S...) -> (B,F,S...); see ``features_of``. Raises Refused as ``described``."""
    name, arguments = described(network, channels_in, size)
    own = OWN_MODULES | OWN_CLASSES
    backbone: nn.Module = own[name](**arguments) if name in own else getattr(_nets(), name)(**arguments)
    if network.norm in UNNORMALISED:
        start_unnormalised(backbone, SLOPES.get(network.name, LEAKY))
    if network.norm == "mimic":
        centre_kernels(backbone)
    return backbone


def described(network: NetworkConfig, channels_in: int, size: Sequence[int]) -> tuple[str, dict[str, Any]]:
    """The class, of ``monai.networks.nets`` or ``OWN_CLASSES``, and its arguments. size: (S,), which some must know.

    Raises Refused for a name that MONAI has not, and for arguments or a norm that its class does not take.
    """
    shape: dict[str, Any] = {
        "spatial_dims": len(size),
        "in_channels": channels_in,
        "out_channels": network.features,
    }
    if network.name in LEAST_LEVELS:
        return _levelled(network, shape)
    takes = _arguments_of(network.name)
    if unknown := [key for key in network.arguments if key not in takes]:
        expected = f"one of {', '.join(takes)}"
        raise Refused(complaint("network.arguments", expected, key, network.name) for key in unknown)
    given = {key: value for key, value in (shape | {"img_size": tuple(size)}).items() if key in takes}
    return network.name, given | _normalised(network, takes) | dict(network.arguments)


def _levelled(network: NetworkConfig, shape: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Of ``unet`` and ``dynunet``."""
    strides = network.strides or (2,) * (len(network.channels) - 1)
    own = network.norm == "rescale" or network.blocks in ("preactivation", "inverted_residual")
    unit = {"block": network.blocks, "rescale": network.norm == "rescale"}
    if network.name == "unet":
        arguments = shape | {
            "channels": network.channels,
            "strides": strides,
            "num_res_units": network.residual_units,
            "dropout": network.dropout,
        }
        arguments |= _factory_keys(network, "norm", "act", unnormalised=None)
        return ("UnitUNet", arguments | unit) if own else ("UNet", arguments)
    arguments = shape | {
        "kernel_size": network.kernels or (3,) * len(network.channels),
        "strides": (1, *strides),
        "upsample_kernel_size": strides,
        "filters": network.channels,
        "dropout": network.dropout or None,
        "deep_supervision": network.deep_supervision > 0,
        "deep_supr_num": max(network.deep_supervision, 1),
    }
    arguments |= _factory_keys(network, "norm_name", "act_name", unnormalised=None if own else "BIAS")
    if own:
        aside: dict[str, Any] = {"act_name": ("leakyrelu", {"negative_slope": LEAKY})}  # not in place: a skip keeps it
        return "UnitDynUNet", aside | arguments | unit | {"units": network.residual_units}
    return "DynUNet", arguments | {"res_block": network.residual_units > 0}


def _factory_keys(network: NetworkConfig, norm: str, act: str, *, unnormalised: str | None) -> dict[str, Any]:
    """The arguments that are called norm and act, as far as the config changes what a class has.

    unnormalised: the norm of a class without one, None where its convolutions have biases.
    """
    if network.norm is None or (network.norm == "instance" and network.name in LEAST_LEVELS):
        return {}
    chosen = unnormalised if network.norm in UNNORMALISED else FACTORY_NAMES[network.norm]
    return {norm: chosen} | ({act: "IDENTITY"} if network.norm == "frn" else {})  # it has a threshold


def _normalised(network: NetworkConfig, takes: Sequence[str]) -> dict[str, Any]:
    """The same for a class of MONAI that takes these arguments. Raises Refused where they leave no choice."""
    if network.norm is None:
        return {}
    norm = next((key for key in ("norm", "norm_name") if key in takes), None)
    act = next((key for key in ("act", "act_name") if key in takes), None)
    if norm is None or norm in network.arguments:
        reason = f"whose {norm} is in network.arguments" if norm else "without an argument norm or norm_name"
        raise Refused([complaint("network.norm", f"null for a network {reason}", network.norm, network.name)])
    if network.norm == "frn" and act is None:
        expected = "another one for a network without an argument act"
        raise Refused([complaint("network.norm", expected, network.norm, network.name)])
    return _factory_keys(network, norm, act or "", unnormalised="BIAS")


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
