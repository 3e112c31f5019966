"""An exported completion: its programs give the answer of `believe`, mirror images and all."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest
import torch

from medseg.amodal.completion.beliefs import believe
from medseg.amodal.completion.completer import Completer
from medseg.amodal.exporting import export_completion
from medseg.amodal.nouns import MaskBatch
from medseg.contracts import Refused

from .completion.conftest import CLASSES, RULES, write_run


@pytest.mark.slow
def test_the_programs_answer_as_the_run_does(tmp_path: Path) -> None:
    run, out = write_run(tmp_path / "run", [16, 16], CLASSES, RULES), tmp_path / "out"
    assert export_completion(run, out) == ["model.pt2", "model.onnx"]
    assert (out / "model.json").read_text() == (run / "model.json").read_text()
    generator = torch.Generator().manual_seed(0)
    visible, occluder = torch.rand(2, 3, 1, 16, 16, generator=generator)
    index = torch.tensor([0, 1, 0])
    batch = MaskBatch(visible=visible, occluder=occluder, amodal=visible, class_index=index, case_index=index)
    completer = Completer.load(run)
    probs = believe(completer.model.cpu(), batch, samples=0, mirror=completer.mirror).probs
    program = torch.export.load(out / "models" / "model.pt2").module()
    torch.testing.assert_close(program(visible, occluder, index), probs)
    given = {"visible": visible.numpy(), "occluder": occluder.numpy(), "class_index": index.numpy()}
    (of_onnx,) = onnxruntime.InferenceSession(out / "models" / "model.onnx").run(["probs"], given)
    torch.testing.assert_close(torch.from_numpy(of_onnx), probs, rtol=1e-4, atol=1e-5)
    with pytest.raises(Refused, match="output folder: expected no export yet, got models"):
        export_completion(run, out)
