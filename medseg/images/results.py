"""The folder that results are written to: looked at before anything is computed, tidied up where writing fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from medseg.contracts import complaint


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
        for folder in above:
            if not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()
        raise


def _standing(place: Path) -> Path:
    """The place, or the nearest above it that is there."""
    return next(path for path in (place.absolute(), *place.absolute().parents) if os.path.lexists(path))
