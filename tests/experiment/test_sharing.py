"""`medseg predict` and `medseg complete` in two processes of torchrun: the files of one, and one voice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from medseg.amodal.shapes import write_shapes
from medseg.annotators.simulation.samples import write_samples
from medseg.training.sharing import Crew, in_turn

from ..faults.tiny_runs import AMODAL, CONFIG, medseg

ROOT = Path(__file__).parents[2]


def test_shares_put_together_are_the_whole_in_its_order() -> None:
    for size in (1, 2, 3, 7):
        shares = [Crew(rank=rank, size=size).share(range(5)) for rank in range(size)]
        assert in_turn(shares) == [0, 1, 2, 3, 4]
    assert Crew(rank=1, size=2).share("abcde") == ["b", "d"]


def in_two(*words: object) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "medseg"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [*launcher, *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of each method with its cohort."""
    folder = tmp_path_factory.mktemp("made")
    write_samples(folder / "images", seed=1, spatial_dims=2, size=24, cases=5, annotators=("good", "over"))
    write_shapes(folder / "shapes", seed=0, spatial_dims=2, cases=7, size=64)
    for kind, text, cohort in (("maps", CONFIG, "images"), ("completion", AMODAL, "shapes")):
        (folder / f"{kind}.yaml").write_text(text.format(cohort=folder / cohort))
        recipe = ("recipe=fused",) if kind == "maps" else ()
        assert medseg("train", folder / f"{kind}.yaml", *recipe, "--out", folder / kind) == (0, [])
    return folder


@pytest.mark.slow
def test_two_processes_write_the_files_of_one(made: Path, tmp_path: Path) -> None:
    asked = (
        "predict",
        made / "maps",
        "--images",
        made / "images" / "images",
        "--samples",
        3,
        "--annotator-probabilities",
    )
    labels = made / "shapes" / "labels"
    for name, words in (("maps", asked), ("completion", ("complete", made / "completion", "--labels", labels))):
        assert medseg(*words, "--out", tmp_path / name) == (0, [])
        done = in_two(*words, "--out", tmp_path / f"{name}2")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("written to") == 1 and "Traceback" not in done.stderr
        assert files(tmp_path / f"{name}2") == files(tmp_path / name)


@pytest.mark.slow
def test_what_is_wrong_in_any_process_is_said_once_and_leaves_nothing(made: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    shutil.copytree(made / "shapes" / "labels", labels)
    bad = sorted(labels.iterdir())[1:4]
    for path in bad:
        path.write_bytes(b"no picture")
    done = in_two("complete", made / "completion", "--labels", labels, "--out", tmp_path / "out")
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1 and len(said) == 3, done.stderr
    assert all(sum(path.name in line for line in said) == 1 for path in bad)
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").touch()
    done = in_two("predict", made / "maps", "--images", made / "images" / "images", "--out", tmp_path / "file")
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1 and said == [
        f"error: output folder: expected a folder, got a file file ({tmp_path}/file)"
    ]
