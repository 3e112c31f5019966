"""A run of each method, trained once for all tests of this folder, and a disk that is nearly full."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from medseg.amodal.shapes import write_shapes
from medseg.annotators.simulation.samples import write_samples

from .tiny_runs import AMODAL, CONFIG, medseg


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort, its config and an evaluated run."""
    folder = tmp_path_factory.mktemp("trained")
    write_samples(folder / "cohort", seed=1, spatial_dims=2, size=24, cases=5, annotators=("good", "over"))
    (folder / "x.yaml").write_text(CONFIG.format(cohort=folder / "cohort"))
    assert medseg("train", folder / "x.yaml", "--out", folder / "run") == (0, [])
    assert medseg("evaluate", folder / "run") == (0, [])
    return folder


@pytest.fixture(scope="session")
def completing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort of label maps, its config and a run."""
    folder = tmp_path_factory.mktemp("completing")
    write_shapes(folder / "cohort", seed=0, spatial_dims=2, cases=8, size=64)
    (folder / "x.yaml").write_text(AMODAL.format(cohort=folder / "cohort"))
    assert medseg("train", folder / "x.yaml", "--out", folder / "run") == (0, [])
    return folder


@pytest.fixture
def own(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run, which a test may spoil; its cohort is the one of all."""
    return shutil.copytree(trained / "run", tmp_path / "run")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 32 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "none", str(disk)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("a disk can be mounted by root only")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)
