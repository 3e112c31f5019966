"""A run whose cases lie on disk is the run of those in memory, and the next one reads no image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medseg.annotators.loading import samples
from medseg.annotators.method import Annotators
from medseg.annotators.simulation.samples import write_samples

from .tiny_runs import medseg

CONFIG = """
experiment: toy
recipe: fused
data: {{cohort: {cohort}, grid: {{mode: patch, size: [16, 16]}}}}
network: {{channels: [4, 8]}}
training: {{batch_size: 2, steps: {{warmup: 2, joint: 4}}, steps_per_epoch: 2, accelerator: cpu}}
"""


def losses(run: Path) -> list[float]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [value for row in rows for key, value in row.items() if key.endswith("loss")]


def test_a_cache_changes_nothing_and_spares_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_samples(tmp_path / "cohort", seed=1, spatial_dims=2, size=24, cases=6, annotators=("good", "over"))
    (tmp_path / "x.yaml").write_text(CONFIG.format(cohort=tmp_path / "cohort"))
    cache = f"data.cache={tmp_path / 'kept'}"
    assert medseg("train", tmp_path / "x.yaml", "--out", tmp_path / "memory") == (0, [])
    assert medseg("train", tmp_path / "x.yaml", cache, "--out", tmp_path / "first") == (0, [])

    def read(*_: object) -> None:
        raise AssertionError("read again")

    with monkeypatch.context() as patched:
        patched.setattr(samples, "read_record", read)
        patched.setattr(Annotators, "check", read)
        assert medseg("train", tmp_path / "x.yaml", cache, "--out", tmp_path / "second") == (0, [])
    runs = [tmp_path / name for name in ("memory", "first", "second")]
    assert losses(runs[0]) and losses(runs[0]) == losses(runs[1]) == losses(runs[2])
    for name in ("reliance.csv", "fusion.json"):
        assert len({(run / name).read_text() for run in runs}) == 1

    image = next((tmp_path / "cohort" / "images").iterdir())
    image.write_bytes(image.read_bytes()[:40])
    status, said = medseg("train", tmp_path / "x.yaml", cache, "--out", tmp_path / "third")
    assert status == 1 and any(image.name.split(".")[0] in line for line in said), said
