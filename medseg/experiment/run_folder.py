"""The folder of a training: taken by one training at a time, made when all is checked, gone where nothing was trained.

A run folder is taken by its first checkpoint. Until then a training that ends leaves it as it was.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from medseg.cohorts import Assignment, read_splits, write_splits
from medseg.config import dump_config, read_run_config
from medseg.contracts import Refused, Signature, complaint
from medseg.experiment.environment import stamp_signature, write_environment
from medseg.experiment.methods import configs
from medseg.training import HOW_NOT_WHAT

LOCK, HOLDER = ".training.lock", ".training.by"
"""Held by the training that runs, which the system lets go when its process ends, however it ends; and who that is."""

WRITTEN = ("config.yaml", "environment.json", "model.json", "splits.json")
"""What a training writes before its first step."""


@dataclass(kw_only=True)
class RunFolder:
    """The folder of one training, as its first process sees it."""

    path: Path
    """Where it is."""
    resume: bool
    """Whether a run is to go on in it."""
    lock: FileLock | None = None
    """While it is held."""
    missing: list[Path] = field(default_factory=list)
    """What `begin` had to make of the folder and those above it, from the inside out."""
    before: set[Path] = field(default_factory=set)
    """What lay in the folder when `begin` came."""

    def check(self, config: Any, assignment: Assignment | None = None) -> None:
        """Raise Refused where this config, or the split drawn by it, cannot be trained into the folder.

        That is where a path cannot be written, where another training runs, where a run is there (without
        ``resume``), and where what is left over or taken up belongs to another config or another split.
        """
        refuse_unwritable(self.path)
        if self.lock is None and (self.path / LOCK).exists():
            self._acquire().release()
        if holds_run(self.path) and not self.resume:
            expected = "a new folder (or --resume)"
            raise Refused([complaint("run folder", expected, "one that holds a run", str(self.path))])
        if self.resume and (self.path / "config.yaml").exists():
            refuse_other_config(self.path, config)
        if assignment is not None and (self.path / "splits.json").exists():
            _refuse_other_split(self.path, assignment)

    def begin(self, config: Any, assignment: Assignment, *, signature: Signature, data: str) -> None:
        """Take the folder for this training and write down what is trained. Raises Refused as `check`, before that.

        data: the fingerprint of the cohort.
        """
        self.check(config, assignment)
        with refusing_to_write(self.path):
            self.missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
            self.before = set(self.path.iterdir())
            self.lock = self._acquire()
            (self.path / HOLDER).write_text(f"process {os.getpid()} on {socket.gethostname()}")
            self.check(config, assignment)
            write_splits(self.path / "splits.json", assignment)
            signature.write(self.path / "model.json")
            stamp_signature(self.path / "model.json")
            (self.path / "config.yaml").write_text(dump_config(config), "utf-8")
            write_environment(self.path, config, data)

    @contextmanager
    def kept(self, trained: Callable[[], bool]) -> Iterator[None]:
        """Let go of the folder at the end; leave it as it was where the end is an error, and nothing is trained yet."""
        try:
            yield
        except Exception:
            if self.lock is not None and not self.resume and not trained():
                self._undo()
            raise
        finally:
            if self.lock is not None:
                (self.path / HOLDER).unlink(missing_ok=True)
                (self.path / LOCK).unlink(missing_ok=True)
                self.lock.release()
                self.lock = None

    def _acquire(self) -> FileLock:
        lock = FileLock(self.path / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = self.path / HOLDER
            who = holder.read_text() if holder.is_file() else "another process"
            raise Refused([complaint("run folder", "no training in it", f"one by {who}", str(self.path))]) from None
        return lock

    def _undo(self) -> None:
        """Remove what is there since `begin`."""
        for path in set(self.path.iterdir()) - self.before - {self.path / LOCK}:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if self.path in self.missing:
            (self.path / LOCK).unlink(missing_ok=True)
            for folder in self.missing:
                if not any(folder.iterdir()):
                    folder.rmdir()


def holds_run(run: Path) -> bool:
    """Whether anything was trained into a folder: there is a checkpoint, or what is made of one."""
    made = ("weights.pt", "scores.csv", "*/last.ckpt", "*/previous.ckpt", "*/best.ckpt")
    return any(True for pattern in made for _ in run.glob(pattern))


def refuse_unwritable(folder: Path) -> None:
    """Raise Refused where no folder of this name can be made, or written into."""
    nearest = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if not nearest.is_dir():
        raise Refused([complaint("run folder", "a folder", "a file", str(nearest))])
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise Refused([complaint("run folder", "one that may be written into", "one that may not", str(nearest))])


@contextmanager
def refusing_to_write(folder: Path) -> Iterator[None]:
    """What the system refuses to write is refused in one sentence."""
    try:
        yield
    except OSError as error:
        got = error.strerror or str(error)
        raise Refused([complaint("run folder", "one that may be written into", got, str(folder))]) from error


def refuse_other_config(run: Path, config: Any) -> None:
    """Raise Refused where a run folder's config is another, but for where and how fast it is computed."""
    how = {"tracking": True, "training": set(HOW_NOT_WHAT), "data": {"cache"}}
    old, new = (section.model_dump(exclude=how) for section in (read_run_config(run, configs()), config))
    differing = [key for key in new if old.get(key) != new[key]]
    if differing:
        raise Refused(
            complaint(f"config {key}", f"{old.get(key)} as in the run folder", new[key], str(run)) for key in differing
        )


def _refuse_other_split(run: Path, drawn: Assignment) -> None:
    """Raises Refused where splits.json is not the split that the config draws of the cohort."""
    path = run / "splits.json"
    held, remedy = read_splits(path), "; remove it, or train into a new folder"
    differing = [key for key in ("seed", "by", "folds", "fold") if getattr(held, key) != getattr(drawn, key)]
    if differing:
        rows = [(key, f"{getattr(drawn, key)} as in data.split", f"{getattr(held, key)}{remedy}") for key in differing]
        raise Refused(complaint(f"split {key}", expected, got, str(path)) for key, expected, got in rows)
    moved = [case for case in {**held.splits, **drawn.splits} if held.splits.get(case) != drawn.splits.get(case)]
    if moved:
        got = f"another of {', '.join(moved[:3])}{', ...' if len(moved) > 3 else ''}{remedy}"
        raise Refused([complaint("split", "what data.split draws", got, str(path))])
