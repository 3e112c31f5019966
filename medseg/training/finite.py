"""A loss that is not finite: found before it reaches the weights, and told with the cases that it came from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from medseg.contracts import Refused, complaint


def breaks_weights(loss: Tensor, norm: Tensor | None, precision: str) -> Tensor:
    """() bool, of a loss () and the norm () of its gradient: whether a step would leave weights that are no numbers.

    The scaler of 16-mixed deals with infinite gradients itself.
    """
    if norm is None or precision == "16-mixed":
        return ~torch.isfinite(loss)
    return ~(torch.isfinite(loss) & torch.isfinite(norm))


def not_finite(loss: Tensor, case_index: Tensor, case_names: Sequence[str], place: str) -> Refused:
    """What is said of such a loss (); case_index: of the whole global batch, in any shape."""
    numbers: list[int] = case_index.flatten().tolist()
    cases = [case_names[i] if case_names else f"case {i}" for i in numbers]
    number = loss.item()
    got = f"{number:g}" if not math.isfinite(number) else f"{number:g} with gradients that are not"
    return Refused([complaint("loss", "a finite number", got, f"{place}; cases {', '.join(cases)}")])
