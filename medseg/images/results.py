"""The folder that results are written to: looked at before anything is computed, tidied up where writing fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from medseg.contracts import complaint

UNFINISHED = ".writing-"
"""Before the number of the process, the name of a folder of results that are not all there."""


def place_complaints(out: Path, source: Path | None = None) -> list[str]:
    """What keeps results from being written to ``out``, which need not exist yet; none where nothing does.

    That is a file in its place or above it, a folder that may not be written to, and a place within ``source``, the
    folder that is read.
    """
    standing = _standing(out)
    if not standing.is_dir():
        return [complaint("output folder", "a folder", f"a file {standing.name}", str(out))]
    if source is not None and source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        return [complaint("output folder", f"one outside of {source}, which is read", "one within it", str(out))]
    if not os.access(standing, os.W_OK | os.X_OK):
        return [complaint("output folder", "a folder that may be written to", "one that may not", str(out))]
    return []


@contextmanager
def whole_or_none(out: Path, names: Sequence[str]) -> Iterator[None]:
    """Where the body fails, what it left in ``out`` under these names goes, and ``out`` itself if it is new.

    What was there before stays: the next try finds the folder as this one did.
    """
    fresh = [out / name for name in names if not os.path.lexists(out / name)]
    above = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        yield
    except Exception:
        for path in fresh:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        _remove_empty(above)
        raise


@contextmanager
def whole_or_as_before(out: Path, read: Sequence[Path] = ()) -> Iterator[Path]:
    """A new folder to write results into: where the body ends well, each takes the place of what bore its name in
    ``out``, and where it fails, ``out`` is as it was, or not there if it is new.

    read: files that the body wants to find beside its results; of them copies, which go to ``out`` if it has none.
    """
    above = [folder for folder in (out, *out.parents) if not folder.exists()]
    out.mkdir(parents=True, exist_ok=True)
    _sweep(out)
    folder = out / f"{UNFINISHED}{os.getpid()}"
    try:
        folder.mkdir()
        for path in filter(Path.is_file, read):
            shutil.copyfile(path, folder / path.name)
        yield folder
        for path in read:
            if (out / path.name).exists():
                (folder / path.name).unlink(missing_ok=True)
        for path in sorted(folder.iterdir(), key=lambda path: (path.is_file(), path.name)):
            _put(path, out / path.name)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        _remove_empty(above)
        raise
    shutil.rmtree(folder)


def _put(new: Path, place: Path) -> None:
    """A file in one step; a folder in two renamings, for the system does not exchange folders."""
    if os.path.lexists(place) and (place.is_dir() or new.is_dir()):
        os.replace(place, new.with_name(f".{new.name}.before"))
    os.replace(new, place)


def _sweep(out: Path) -> None:
    """Remove what a process that was killed left unfinished."""
    for path in out.glob(f"{UNFINISHED}*"):
        number = path.name.removeprefix(UNFINISHED)
        if not (number.isdecimal() and psutil.pid_exists(int(number))):
            shutil.rmtree(path, ignore_errors=True)


def _remove_empty(folders: Sequence[Path]) -> None:
    """From the inside out, up to the first that holds anything."""
    for folder in folders:
        if not folder.is_dir() or any(folder.iterdir()):
            break
        folder.rmdir()


def _standing(place: Path) -> Path:
    """The place, or the nearest above it that is there."""
    return next(path for path in (place.absolute(), *place.absolute().parents) if os.path.lexists(path))
