"""Where a trained run computes."""

from __future__ import annotations

import torch


def device_of(accelerator: str) -> str:
    """Where a run's config says (``auto``: on a GPU where there is one)."""
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    return auto if accelerator == "auto" else accelerator
