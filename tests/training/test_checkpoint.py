from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from medseg.contracts import Refused
from medseg.training import checkpoint
from medseg.training.checkpoint import BrokenFileError, load, load_latest, load_weights, save, save_last


class Killed(BaseException):
    pass


def saved_steps(folder: Path, *steps: int) -> Path:
    for step in steps:
        save_last(folder, {"step": step, "weights": torch.full((3,), float(step))})
    return folder


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    content = {"tensor": torch.arange(3.0), "best": float("inf"), "position": {"epoch": 1}, "name": "joint"}
    save(tmp_path / "a.ckpt", content)
    read = load(tmp_path / "a.ckpt")
    assert torch.equal(read.pop("tensor"), torch.arange(3.0))
    assert read == {"best": float("inf"), "position": {"epoch": 1}, "name": "joint"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ckpt", "a.ckpt.sha256"]


def test_the_digest_is_one_that_sha256sum_accepts(tmp_path: Path) -> None:
    saved_steps(tmp_path, 1, 2)
    for name in ("last.ckpt", "previous.ckpt"):
        subprocess.run(["sha256sum", "--check", f"{name}.sha256"], cwd=tmp_path, check=True, capture_output=True)


def test_objects_that_could_run_code_are_not_loaded(tmp_path: Path) -> None:
    save(tmp_path / "a.ckpt", {"path": Path("/")})
    with pytest.raises(BrokenFileError, match="a.ckpt"):
        load(tmp_path / "a.ckpt")


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def lose_the_digest(path: Path) -> None:
    path.with_name(path.name + ".sha256").unlink()


@pytest.mark.parametrize("damage", [flip_a_bit, cut_in_half, lose_the_digest])
def test_a_broken_last_checkpoint_gives_way_to_the_previous_one(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(saved_steps(tmp_path, 1, 2, 3) / "last.ckpt")
    with pytest.warns(UserWarning) as warned:
        content = load_latest([tmp_path])
    assert content is not None and content["step"] == 2
    assert str(warned[0].message) == (
        f"broken checkpoint ({tmp_path}/last.ckpt: its SHA-256 is not the one in last.ckpt.sha256): "
        f"resuming from {tmp_path}/previous.ckpt"
    )


def test_all_checkpoints_being_broken_each_is_named(tmp_path: Path) -> None:
    saved_steps(tmp_path, 1, 2)
    for name in ("last.ckpt", "previous.ckpt"):
        cut_in_half(tmp_path / name)
    with pytest.raises(Refused) as refused:
        load_latest([tmp_path])
    assert refused.value.complaints == tuple(
        f"checkpoint: expected a readable file, got a broken one ({tmp_path}/{name}: "
        f"its SHA-256 is not the one in {name}.sha256)"
        for name in ("last.ckpt", "previous.ckpt")
    )


def test_the_newest_stage_comes_first_and_none_is_none(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("warmup", "joint", "last")]
    assert load_latest(folders) is None
    saved_steps(folders[0], 1, 2)
    saved_steps(folders[1], 3)
    content = load_latest(folders)
    assert content is not None and content["step"] == 3


@pytest.mark.filterwarnings("ignore:broken checkpoint")
def test_a_kill_at_any_moment_of_saving_leaves_a_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace
    moments = 0
    for survived in range(10):
        folder = saved_steps(tmp_path / str(survived), 1, 2)
        left = survived

        def replace(source: Path, target: Path) -> None:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            real(source, target)

        monkeypatch.setattr(checkpoint.os, "replace", replace)
        try:
            saved_steps(folder, 3)
        except Killed:
            moments += 1
        monkeypatch.setattr(checkpoint.os, "replace", real)
        content = load_latest([folder])
        assert content is not None and content["step"] in (2, 3)
        assert float(content["weights"][0]) == content["step"]
        saved_steps(folder, 4)
        after = load_latest([folder])
        assert after is not None and after["step"] == 4
    assert moments == 4


@pytest.mark.parametrize("first_call_that_fails", range(3))
def test_a_full_disk_is_refused_and_the_last_good_checkpoint_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_call_that_fails: int
) -> None:
    saved_steps(tmp_path, 1, 2)
    calls = 0

    def full(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls > first_call_that_fails:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, pytest.raises(Refused) as refused:
        patch.setattr(checkpoint.os, "fsync", full)
        saved_steps(tmp_path, 3)
    sentence = "checkpoint: expected a disk that takes it, got [Errno 28] No space left on device; "
    assert refused.value.complaints == (f"{sentence}the last good one is kept ({tmp_path}/last.ckpt)",)
    content = load_latest([tmp_path])
    assert content is not None and content["step"] == 2
    assert not (tmp_path / "last.ckpt.tmp").exists()


def test_weights_that_are_absent_or_broken_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        load_weights(tmp_path / "weights.pt")
    assert refused.value.complaints == (
        f"weights: expected a training that has ended (medseg train {tmp_path}/config.yaml --out {tmp_path} --resume), "
        f"got none yet ({tmp_path})",
    )
    checkpoint.save_weights(tmp_path / "weights.pt", torch.nn.Linear(1, 1))
    flip_a_bit(tmp_path / "weights.pt")
    with pytest.raises(Refused, match="its SHA-256 is not the one in weights.pt.sha256"):
        load_weights(tmp_path / "weights.pt")
