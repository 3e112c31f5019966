"""The label maps that are to be completed: a file, or those of a folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from medseg.contracts import Refused, Volume, complaint
from medseg.images import SUFFIXES, flattened_axes, read_labels, suffix_of


def find_label_maps(labels: Path) -> list[Path]:
    """A file, or the files of a folder; raises Refused for none, and for two of one name."""
    paths = sorted(path for path in labels.glob("*") if suffix_of(path) in SUFFIXES) if labels.is_dir() else [labels]
    if not paths:
        raise Refused([complaint("label maps", f"files ending in {', '.join(SUFFIXES)}", "none", str(labels))])
    counts = Counter(map(case_of, paths))
    doubled = [name for name, count in counts.items() if count > 1]
    if doubled:
        raise Refused(complaint("label maps", "one file", counts[name], name) for name in doubled)
    return paths


def case_of(path: Path) -> str:
    """Its name."""
    return path.name[: len(path.name) - len(suffix_of(path))]


def read_label_map(path: Path) -> Volume:
    """Raises Refused for a file that is no label map, or whose voxels have no places of their own."""
    volume = read_labels(path)
    if flattened_axes(volume.affine, volume.array.ndim):
        got = f"one that gives several voxels one place: {volume.affine[:3].round(6).tolist()}"
        raise Refused([complaint("affine", "a place for each voxel", got, case_of(path))])
    return volume
