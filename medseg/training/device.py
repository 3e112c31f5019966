"""Where a trained run computes."""

from __future__ import annotations

import torch

from medseg.contracts import Refused, complaint


def device_of(accelerator: str) -> str:
    """Where a run's config says (``auto``: on a GPU where there is one). Raises as `refuse_absent`."""
    refuse_absent(accelerator)
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    return auto if accelerator == "auto" else accelerator


def refuse_absent(accelerator: str) -> None:
    """Raise Refused where this machine has no such accelerator."""
    absent = {"cuda": not torch.cuda.is_available(), "mps": not torch.backends.mps.is_available()}
    if absent.get(accelerator, False):
        got = f"{accelerator}, which this machine does not have (auto takes what is there)"
        raise Refused([complaint("accelerator", "auto, cpu or one that is there", got, "training.accelerator")])


def computes_bfloat16() -> bool:
    """Whether precision ``bf16-mixed`` is worth it here: a GPU of that generation, or a CPU with AMX."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    supported = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(supported and supported())
