"""The norm to which a gradient is limited: by hand."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from torch import nn

from medseg.contracts import Batch, Losses, Stage
from medseg.training.state import Position, StageState

from .toy_run import toy_config


class Two(nn.Module):
    """Of which the loss below has the gradients (3, 4) and (60, 80)."""

    def __init__(self) -> None:
        super().__init__()
        self.truth = nn.Parameter(torch.zeros(2))
        self.style = nn.Parameter(torch.zeros(2))


def slopes(model: Two, batch: Batch, *, epoch: float) -> Losses:
    total = model.truth @ torch.tensor([3.0, 4.0]) + model.style @ torch.tensor([60.0, 80.0])
    return Losses(total=total, metrics={"nll": total.detach()})


def clipped(apart: tuple[str, ...], most: float | None) -> tuple[list[float], list[float], float]:
    """The gradients of both, and the norm that is told."""
    stage = Stage(
        name="joint", target="annotated", trains=("",), objective=slopes, criterion="nll", epochs=1,
        learning_rate=1.0, apart=apart,
    )  # fmt: skip
    fabric, model = Fabric(accelerator="cpu", devices=1), Two()
    state = StageState.begin(fabric, model, stage, position=Position(), config=toy_config(ema_decay=None))
    fabric.backward(slopes(model, None, epoch=0.0).total)  # type: ignore[arg-type]
    norm = state.clip(fabric, most)
    assert norm is not None and model.truth.grad is not None and model.style.grad is not None
    return model.truth.grad.tolist(), model.style.grad.tolist(), norm.item()


def test_one_norm_of_all_is_limited_unless_a_part_stands_apart() -> None:
    together = (5**2 + 100**2) ** 0.5
    truth, style, norm = clipped((), 1.0)
    torch.testing.assert_close(torch.tensor(truth), torch.tensor([3.0, 4.0]) / together, rtol=1e-4, atol=0)
    assert abs(norm - together) < 1e-3
    truth, style, norm = clipped(("truth",), 1.0)
    torch.testing.assert_close(torch.tensor(truth), torch.tensor([0.6, 0.8]), rtol=1e-4, atol=0)
    torch.testing.assert_close(torch.tensor(style), torch.tensor([0.6, 0.8]), rtol=1e-4, atol=0)
    assert abs(norm - together) < 1e-3


def test_a_small_gradient_and_no_limit_leave_it_as_it_is() -> None:
    truth, style, _ = clipped(("truth",), 10.0)
    torch.testing.assert_close(torch.tensor([*truth, *style]), torch.tensor([3.0, 4.0, 6.0, 8.0]), rtol=1e-4, atol=0)
    assert clipped(("truth",), None)[:2] == ([3.0, 4.0], [60.0, 80.0])
