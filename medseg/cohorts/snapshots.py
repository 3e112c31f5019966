"""What the files of a cohort hold, and whether they still do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medseg.cohorts.cohort_yaml import COHORT_YAML
from medseg.cohorts.manifest import MANIFEST
from medseg.cohorts.stores import refusing_to_keep
from medseg.contracts import Cohort, Refused, complaint, watched

MADE_BY = 1
"""To be raised where a check finds more than before: what was known of a cohort is forgotten then."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A cohort at one moment."""

    fingerprint: str
    """Of its content."""
    marks: tuple[tuple[int, ...], ...]
    """Of each file what changes with its content, and is had without reading it."""

    def refuse_changed(self, cohort: Cohort) -> None:
        """Raise Refused where a file has vanished or holds something else; one that was only touched is read again."""
        if self.marks == _marks(cohort):
            return
        now = fingerprint(cohort)
        if now != self.fingerprint:
            expected, got = f"{self.fingerprint[:12]}, as when it was checked", f"{now[:12]}: a file has changed"
            raise Refused([complaint("fingerprint of the data", expected, got, cohort.name)])


def snapshot(cohort: Cohort) -> Snapshot:
    """Of a cohort as it is now. Raises Refused as ``fingerprint``."""
    marks = _marks(cohort)  # first: what changes while it is read differs from its mark
    return Snapshot(fingerprint=fingerprint(cohort), marks=marks)


def remembered(folder: Path, cohort: Cohort) -> Snapshot | None:
    """What ``remember`` wrote of a cohort of which no file has changed since, so that it need not be read again."""
    marks = _marks(cohort)
    path = _memory(folder, cohort, marks)
    if not path.is_file():
        return None
    found = path.read_text("ascii").strip()
    return Snapshot(fingerprint=found, marks=marks) if len(found) == 64 else None


def remember(folder: Path, cohort: Cohort, known: Snapshot) -> None:
    """Write down that a cohort was checked and found to be good. Raises Refused where nothing can be written."""
    path = _memory(folder, cohort, known.marks)
    with refusing_to_keep(folder):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(known.fingerprint, "ascii")


def _memory(folder: Path, cohort: Cohort, marks: tuple[tuple[int, ...], ...]) -> Path:
    text = repr((MADE_BY, cohort.root, marks))
    return folder / "checked" / hashlib.sha256(text.encode()).hexdigest()


def fingerprint(cohort: Cohort) -> str:
    """SHA-256 over manifest.csv, cohort.yaml and size and content of every file, in the manifest's order.

    Raises Refused where a file is gone or cannot be read.
    """
    digest = hashlib.sha256()
    paths = list(_files(cohort))
    for path in watched(paths, "hashing", len(paths)):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise Refused([complaint("file", "a file that can be read", error.strerror, str(path))]) from error
        digest.update(len(content).to_bytes(8, "big") + hashlib.sha256(content).digest())
    return digest.hexdigest()


def _files(cohort: Cohort) -> Iterator[Path]:
    yield from (cohort.root / MANIFEST, cohort.root / COHORT_YAML)
    for case in cohort.cases:
        yield from (*case.images, *case.mask_files)


def _marks(cohort: Cohort) -> tuple[tuple[int, ...], ...]:
    """Size, time of change and number of every file; a file that is gone has none."""
    return tuple(mark(path) for path in _files(cohort))


def mark(path: Path) -> tuple[int, ...]:
    """Of a file what changes with its content, and is had without reading it; nothing where there is none."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
