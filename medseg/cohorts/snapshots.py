"""What the files of a cohort hold, and whether they still do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medseg.cohorts.cohort_yaml import COHORT_YAML
from medseg.cohorts.manifest import MANIFEST
from medseg.contracts import Cohort, Refused, complaint, watched


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
    return tuple(_mark(path) for path in _files(cohort))


def _mark(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
