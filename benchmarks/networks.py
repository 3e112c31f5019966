"""What networks cost: forward and backward of the truth alone, in each precision and memory format, side by side.

python benchmarks/networks.py [--rounds N] [--threads N]

Networks that `medseg plan` would write, those of before, and half and twice as wide ones; batches as planned. Every
variant takes its turn in each round; a figure is the median over rounds of its time divided by that of the first
network in 32-true in the same round. Measured alone: no loader, no annotators, no optimiser (``step.py`` has those).
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass
from typing import Any

import torch

from medseg.annotators.mathematics.model import TrueLabelNetwork
from medseg.annotators.mathematics.settings import NetworkConfig

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


@dataclass(frozen=True, kw_only=True)
class Variant:
    """How a network is computed."""

    bf16: bool = False
    """In autocast to bfloat16."""
    channels_last: bool = False
    """The memory format of images and weights."""


VARIANTS = {"32-true": Variant(), "channels_last": Variant(channels_last=True), "bf16-mixed": Variant(bf16=True),
            "both": Variant(bf16=True, channels_last=True)}  # fmt: skip


def seconds(network: TrueLabelNetwork, image: torch.Tensor, variant: Variant) -> float:
    """One forward and backward."""
    last = torch.channels_last if image.ndim == 4 else torch.channels_last_3d
    format_ = last if variant.channels_last else torch.contiguous_format
    network.to(memory_format=format_)  # pyright: ignore[reportCallIssue]
    image = image.contiguous(memory_format=format_)
    began = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=variant.bf16):
        truth = network(image)
        total = torch.stack([each.square().mean() for each in (truth.log_probs, *truth.coarser)]).sum()
    total.backward()
    return time.perf_counter() - began


def main() -> None:
    """Read the arguments, print a table per batch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for (batch, *size), configs in NETWORKS.items():
        image = torch.randn(batch, 1, *size)
        networks = {name: TrueLabelNetwork(config, 1, 2, size=size).train() for name, config in configs.items()}
        times: dict[tuple[str, str], list[float]] = {}
        for turn in range(arguments.rounds + 1):  # the first round warms up
            for name, network in networks.items():
                for variant, how in VARIANTS.items():
                    taken = seconds(network, image, how)
                    if turn:
                        times.setdefault((name, variant), []).append(taken)
        first = times[next(iter(networks)), "32-true"]
        shape, unit = "x".join(map(str, size)), statistics.median(first)
        print(f"\nbatch {batch} of {shape}, {arguments.threads} thread(s); 1 = {unit:.3f} s")
        print(f"| {'network':24} | weights | {' | '.join(VARIANTS)} |")
        for name, network in networks.items():
            ratios = [
                statistics.median(t / f for t, f in zip(times[name, variant], first, strict=True))
                for variant in VARIANTS
            ]
            weights = sum(parameter.numel() for parameter in network.parameters()) / 1e6
            print(f"| {name:24} | {weights:.2f} M | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")


if __name__ == "__main__":
    main()
