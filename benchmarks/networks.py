"""What networks cost: forward and backward of the truth alone, in each precision and memory format, compiled, in parts.

python benchmarks/networks.py [--rounds N] [--threads N] [--only TEXT] [--variants NAME ...] [--ingredients]

Networks that `medseg plan` would write, those of before, and half and twice as wide ones; batches as planned. Every
variant takes its turn in each round; a figure is the median over rounds of its time divided by that of the first
network in 32-true in the same round. Measured alone: no loader, no annotators, no optimiser (``step.py`` has those).
Compiled networks (torch.compile, which needs a C++ compiler) are compiled in a first round that does not count; what
that takes is told apart. Parts: the batch in two, one after the other, as ``training.accumulate=2`` has it.
Ingredients: in place of these networks every norm, block and classifier in that of configs/ingredients/lidc2d.yaml and
in a small one of volumes, in 32-true alone unless ``--variants`` names others. Multiply-adds are those of the
convolutions and products of one image or volume.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from medseg.annotators.mathematics.model import TrueLabelNetwork
from medseg.annotators.mathematics.settings import NetworkConfig
from medseg.annotators.mathematics.trunks import TruthOutput

Network = Callable[[torch.Tensor], TruthOutput]
FLAT: dict[str, Any] = {"strides": ((2, 2, 1), 2, 2), "kernels": ((3, 3, 1), 3, 3, 3)}
DEEP: dict[str, Any] = {"name": "dynunet", "deep_supervision": 2, "residual_units": 0}
NETWORKS: dict[tuple[int, ...], dict[str, NetworkConfig]] = {
    (4, 160, 160): {
        "unet 16-64": NetworkConfig(),
        "unet 16-128": NetworkConfig(channels=(16, 32, 64, 128)),
        "dynunet 16-256, planned": NetworkConfig(channels=(16, 32, 64, 128, 256), **DEEP),
        "dynunet 32-512": NetworkConfig(channels=(32, 64, 128, 256, 512), **DEEP),
    },
    (2, 64, 64, 16): {
        "unet 16-64": NetworkConfig(strides=((2, 2, 1), 2), residual_units=1, features=8),
        "dynunet 16-128, planned": NetworkConfig(channels=(16, 32, 64, 128), features=8, **DEEP, **FLAT),
    },
}
INGREDIENTS: dict[str, dict[str, Any]] = {
    "residual, instance": {},
    **{f"norm {name}": {"norm": name} for name in ("batch", "group", "frn", "mimic", "rescale", "none")},
    **{f"block {name}": {"block": name} for name in ("plain", "preactivation", "inverted_residual")},
    "classifier hadamard": {"classifier": "hadamard"},
}
"""The default network, and what is changed in it."""
CHANGED: dict[tuple[int, ...], dict[str, NetworkConfig]] = {
    (8, 64, 64): {name: NetworkConfig(**keys) for name, keys in INGREDIENTS.items()},
    (2, 32, 32, 16): {name: NetworkConfig(features=8, **keys) for name, keys in INGREDIENTS.items()},
}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """How a network is computed."""

    bf16: bool = False
    """In autocast to bfloat16."""
    channels_last: bool = False
    """The memory format of images and weights."""
    compiled: bool = False
    """By torch.compile."""
    parts: int = 1
    """Of the batch, one after the other."""


VARIANTS = {
    "32-true": Variant(),
    "channels_last": Variant(channels_last=True),
    "compile": Variant(compiled=True),
    "2 parts": Variant(parts=2),
    "bf16-mixed": Variant(bf16=True),
    "bf16, channels_last": Variant(bf16=True, channels_last=True),
    "bf16, compile": Variant(bf16=True, compiled=True),
}


def seconds(network: TrueLabelNetwork, compiled: Network, image: torch.Tensor, variant: Variant) -> float:
    """One forward and backward of the network, or of the same one compiled."""
    last = torch.channels_last if image.ndim == 4 else torch.channels_last_3d
    format_ = last if variant.channels_last else torch.contiguous_format
    network.to(memory_format=format_)  # pyright: ignore[reportCallIssue]
    image = image.contiguous(memory_format=format_)
    began = time.perf_counter()
    for part in image.chunk(variant.parts):
        with torch.autocast("cpu", torch.bfloat16, enabled=variant.bf16):
            truth = compiled(part) if variant.compiled else network(part)
            total = torch.stack([each.square().mean() for each in (truth.log_probs, *truth.coarser)]).sum()
        (total / variant.parts).backward()
    return time.perf_counter() - began


def multiply_adds(network: TrueLabelNetwork, image: torch.Tensor) -> int:
    """Of one sample of the batch, forward."""
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        network(image[:1])
    return counted.get_total_flops() // 2


def measure(configs: dict[str, NetworkConfig], image: torch.Tensor, variants: dict[str, Variant], rounds: int) -> None:
    """Print the table of one batch."""
    networks = {name: TrueLabelNetwork(config, 1, 2, size=image.shape[2:]).train() for name, config in configs.items()}
    compiled: dict[str, Network] = {name: torch.compile(network, dynamic=False) for name, network in networks.items()}
    times: dict[tuple[str, str], list[float]] = {}
    warm_up: dict[str, float] = {}
    for turn in range(rounds + 1):  # the first round warms up
        for name, network in networks.items():
            for variant, how in variants.items():
                taken = seconds(network, compiled[name], image, how)
                if turn:
                    times.setdefault((name, variant), []).append(taken)
                elif how.compiled:
                    warm_up[name] = warm_up.get(name, 0.0) + taken
    first = times[next(iter(networks)), "32-true"]
    shape, unit = "x".join(map(str, image.shape[2:])), statistics.median(first)
    print(f"\nbatch {len(image)} of {shape}, {torch.get_num_threads()} thread(s); 1 = {unit:.3f} s")
    print(f"| {'network':24} | weights | multiply-adds | {' | '.join(variants)} | s to compile |")
    for name, network in networks.items():
        ratios = [
            statistics.median(t / f for t, f in zip(times[name, variant], first, strict=True)) for variant in variants
        ]
        weights = sum(parameter.numel() for parameter in network.parameters()) / 1e6
        cells = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        work = f"{multiply_adds(network, image) / 1e6:7.1f} M"
        print(f"| {name:24} | {weights:.3f} M | {work} | {cells} | {warm_up.get(name, 0):.0f} |", flush=True)


def main() -> None:
    """Read the arguments, print a table per batch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="networks with this in their names")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, metavar="NAME")
    parser.add_argument("--ingredients", action="store_true", help="every norm, block and classifier")
    arguments = parser.parse_args()
    chosen = arguments.variants or (["32-true"] if arguments.ingredients else VARIANTS)
    variants = {name: VARIANTS[name] for name in ("32-true", *chosen)}
    torch.set_num_threads(arguments.threads)
    for (batch, *size), configs in (CHANGED if arguments.ingredients else NETWORKS).items():
        named = {name: config for name, config in configs.items() if arguments.only in name}
        measure(named, torch.randn(batch, 1, *size), variants, arguments.rounds)


if __name__ == "__main__":
    main()
