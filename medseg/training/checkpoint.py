"""Checkpoints: plain tensors and primitives, written so that a kill at any moment leaves a good one behind.

Beside every file lies its ``.sha256`` (as sha256sum writes it), because a flipped bit loads without an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medseg.contracts import Refused, complaint

LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"


class BrokenFileError(Exception):
    """A file that is absent, half written or changed; the message says which and why."""


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Write to a temporary file, flush it to the disk, then rename it: the name never holds half a file.

    Raises Refused when the disk is full; what was under the name before is then still there.
    """
    with _refusing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".tmp")
        with temporary.open("wb") as file:
            torch.save(dict(content), file)
            file.flush()
            os.fsync(file.fileno())
        _write_digest(path, _digest(temporary))
        os.replace(temporary, path)


def save_last(folder: Path, content: Mapping[str, Any]) -> None:
    """Save as the last checkpoint of a stage and keep the one before; at every moment one of them is good."""
    last, previous = folder / LAST, folder / PREVIOUS
    with _refusing(last):
        if last.exists() and _beside(last).exists():
            copy = previous.with_name(previous.name + ".tmp")
            copy.unlink(missing_ok=True)
            _link(last, copy)
            os.replace(copy, previous)
            _write_digest(previous, _beside(last).read_text().split()[0])
        save(last, content)


def load(path: Path) -> dict[str, Any]:
    """Read what `save` wrote, onto the CPU. Raises BrokenFileError."""
    beside = _beside(path)
    if not path.is_file():
        raise BrokenFileError(f"{path}: no such file")
    if not beside.is_file() or beside.read_text().split()[:1] != [_digest(path)]:
        raise BrokenFileError(f"{path}: its SHA-256 is not the one in {beside.name}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the broken pickle runs into
        raise BrokenFileError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise BrokenFileError(f"{path}: a {type(content).__name__} instead of keys and values")
    return content


def load_latest(folders: Sequence[Path]) -> dict[str, Any] | None:
    """The newest readable checkpoint of a run, whose stages have these folders, in order.

    Where the last one is broken the one before is taken, and a warning says so. None where there is none;
    raises Refused where there are some and all are broken.
    """
    candidates = [folder / name for folder in reversed(folders) for name in (LAST, PREVIOUS)]
    problems: list[str] = []
    for path in filter(Path.exists, candidates):
        try:
            content = load(path)
        except BrokenFileError as broken:
            problems.append(str(broken))
            continue
        if problems:
            warnings.warn(f"broken checkpoint ({'; '.join(problems)}): resuming from {path}", stacklevel=2)
        return content
    if problems:
        raise Refused(f"checkpoint: expected a readable file, got a broken one ({line})" for line in problems)
    return None


def save_weights(path: Path, model: nn.Module) -> None:
    """The weights alone, as prediction needs them."""
    save(path, model.state_dict())


def load_weights(path: Path) -> dict[str, Tensor]:
    """The weights that `save_weights` wrote, on the CPU. Raises Refused where they are absent or broken."""
    run = path.parent
    if not path.is_file() and path.name == "weights.pt":
        expected = f"a training that has ended (medseg train {run}/config.yaml --out {run} --resume)"
        raise Refused([complaint("weights", expected, "none yet", str(run))])
    try:
        return load(path)
    except BrokenFileError as broken:
        raise Refused([complaint("weights", "a file written by training", broken, str(path.parent))]) from broken


def load_model(model: nn.Module, path: Path) -> None:
    """Give the model of a trained run the weights of a file of that run.

    Raises Refused where they are absent or broken, fit another model, or are not those that the run ended with.
    """
    weights = load_weights(path)
    noted = path.parent / "environment.json"
    if path.name == "weights.pt" and noted.is_file():
        expected = json.loads(noted.read_text("utf-8")).get("weights")
        if expected not in (None, _digest(path)):
            raise Refused([complaint("weights", "those that this run ended with", "those of another run", str(path))])
    mine = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    saved = {name: tuple(getattr(tensor, "shape", ())) for name, tensor in weights.items()}
    differing = [name for name in sorted({*mine, *map(str, saved)}) if mine.get(name) != saved.get(name)]
    if differing:
        got = f"those of another ({len(differing)} differ, as {differing[0]})"
        raise Refused([complaint("weights", "those of the network in config.yaml and model.json", got, str(path))])
    model.load_state_dict(weights)


def restore_weights(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Load weights into the model. Raises Refused with one line per weight that differs in name or shape."""
    mine = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    saved = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    differences = [
        complaint(f"weight {name}", saved.get(name, "none"), mine.get(name, "none"), where)
        for name in sorted({*mine, *saved})
        if mine.get(name) != saved.get(name)
    ]
    if differences:
        raise Refused(differences)
    model.load_state_dict(weights)


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError of its zip writer
        path.with_name(path.name + ".tmp").unlink(missing_ok=True)
        kept = "the last good one is kept" if path.exists() else "none is there"
        raise Refused([complaint("checkpoint", "a disk that takes it", f"{error}; {kept}", str(path))]) from error


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_digest(path: Path, digest: str) -> None:
    temporary = path.with_name(path.name + ".sha256.tmp")
    with temporary.open("w") as file:
        file.write(f"{digest}  {path.name}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, _beside(path))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)
