"""A network as a program: the same numbers for any batch; ONNX only where its exporter is installed."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import nn

from medseg.training import programs


class Twice(nn.Module):
    """Two inputs, so that their order shows."""

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return 2 * left - right.float()


def test_the_programs_take_their_inputs_in_order_and_any_batch(tmp_path: Path) -> None:
    inputs = {"left": torch.zeros(2, 3), "right": torch.zeros(2, 1, dtype=torch.long)}
    assert programs.write_programs(Twice(), inputs, "twice", tmp_path / "models") == ["model.pt2", "model.onnx"]
    left, right = torch.arange(15.0).reshape(5, 3), torch.arange(5)[:, None]
    program = torch.export.load(tmp_path / "models" / "model.pt2").module()
    torch.testing.assert_close(program(left, right), 2 * left - right)
    session = onnxruntime.InferenceSession(tmp_path / "models" / "model.onnx")
    (twice,) = session.run(["twice"], {"left": left.numpy(), "right": right.numpy()})
    torch.testing.assert_close(torch.from_numpy(twice), 2 * left - right)


def test_without_the_exporter_there_is_no_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find_spec", lambda name: None if name == "onnxscript" else name)
    assert programs.write_programs(nn.Linear(3, 2), {"left": torch.zeros(2, 3)}, "right", tmp_path) == ["model.pt2"]
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt2"]
