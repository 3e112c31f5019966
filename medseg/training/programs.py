"""A trained network as a program for other runtimes: torch.export, and ONNX where its exporter is installed."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

ONNX_PACKAGES = ("onnx", "onnxscript")


def write_programs(network: nn.Module, inputs: Mapping[str, Tensor], output: str, folder: Path) -> list[str]:
    """``model.pt2`` and ``model.onnx`` in a folder, which is made; the names of the files that were written.

    inputs: by name, in the order of ``forward``, examples with a batch of two, on the CPU. The batch B is free in the
    programs, every other length is that of the example. Without the packages of the extra ``export`` no ONNX.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shapes = tuple({0: torch.export.Dim("batch", min=1)} for _ in inputs)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch to itself
        program = torch.export.export(network.eval(), tuple(inputs.values()), dynamic_shapes=shapes, strict=False)
        torch.export.save(program, folder / "model.pt2")
        if not all(map(find_spec, ONNX_PACKAGES)):
            return ["model.pt2"]
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            program,
            f=folder / "model.onnx",
            input_names=list(inputs),
            output_names=[output],
            external_data=False,
            verbose=False,
        )
    return ["model.pt2", "model.onnx"]
