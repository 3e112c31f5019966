"""The smallest run of each method, and the command line in this process."""

from __future__ import annotations

from typer.testing import CliRunner

from medseg.__main__ import app

CONFIG = """\
experiment: faults
recipe: soft_mean
data:
  cohort: {cohort}
  split: {{val: 0.2, test: 0.2}}
  grid: {{mode: resize, size: [16, 16]}}
network: {{channels: [4, 8], features: 4, residual_units: 1}}
training: {{batch_size: 2, steps: {{warmup: 1, joint: 1}}, accelerator: cpu}}
"""
AMODAL = """\
experiment: faults
recipe: without_visible
data:
  cohort: {cohort}
  split: {{val: 0.25, test: 0.25}}
  frame: {{size: [16, 16], spacing: 4.0}}
network: {{channels: [4, 8], coarse: 4, fine: 2}}
training: {{batch_size: 4, epochs: {{complete: 1, occluded: 1}}, objects_per_epoch: 8, accelerator: cpu}}
"""


def medseg(*words: object) -> tuple[int, list[str]]:
    """Exit status, and the lines that begin with error."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return done.exit_code, [line for line in done.output.splitlines() if line.startswith("error: ")]
