"""`medseg complete`: a run folder and label maps -> the occluded part of every object, on the maps' own grid."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.completion.completer import Completer
from medseg.amodal.completion.files import OBJECTS, ORDER, write_objects, write_rows
from medseg.amodal.completion.maps import CompletedMap, MapCompleter, completed_scheme
from medseg.amodal.completion.order import Order
from medseg.amodal.completion.rows import ObjectRow
from medseg.amodal.completion.rules import asked_scheme
from medseg.contracts import Refused, Volume, complaint, watched
from medseg.images import (
    SUFFIXES,
    as_labels,
    flattened_axes,
    place_complaints,
    read_labels,
    suffix_of,
    whole_or_none,
)

MOST_SAMPLES, MOST_GAP = 10_000, 100
"""Of what may be asked for; intervals of more samples are no better, and what lies further apart does not touch."""
VOXELS_OF_SAMPLES = 2**30
"""One object's samples may have no more in its frame: 4 GiB."""
RESULTS = ("completed", "objects", "probabilities", "entropy", ORDER, OBJECTS)
"""What ``complete`` leaves in its folder."""


def complete_map(
    label_map: NDArray[np.generic],
    spacing: Sequence[float] | None,
    run: Path | Completer,
    samples: int = 20,
    gap: int = 0,
    anywhere: bool = False,
) -> CompletedMap:
    """Complete the objects of one label map (S...), as any segmenter gives it.

    spacing: (S,) of its voxels in mm, None for a picture without a scale. run: a run folder, or a loaded one where
    many maps are to be completed. The other arguments, and what is raised, as in ``complete``.

    >>> label_map = np.zeros((80, 80), np.uint8)
    >>> label_map[10:70, 30:38] = 1
    >>> label_map[36:42, 10:70] = 2
    >>> completed = complete_map(label_map, spacing=(0.5, 0.5), run=Path("runs/completion"), samples=4)
    >>> completed.labels.shape, {row.unit for row in completed.rows}
    ((80, 80), {'mm2'})
    """
    where = "label map"
    if spacing is not None and len(spacing) != label_map.ndim:
        raise Refused([complaint("spacing", f"{label_map.ndim} lengths, one per axis", len(spacing), where)])
    lengths = None if spacing is None else tuple(map(float, spacing))
    affine = np.diag([*(lengths or ()), *(1.0,) * (4 - len(lengths or ()))])
    volume = as_labels(Volume(array=label_map[None], affine=affine, spacing_mm=lengths), where)
    completer = run if isinstance(run, Completer) else Completer.load(run)
    job = MapCompleter(
        completer=completer, scheme=completed_scheme(completer.signature), samples=samples, gap=gap, anywhere=anywhere
    )
    if complaints := _excess(job):
        raise Refused(complaints)
    return job("map", volume)


def complete(
    run: Path | Completer,
    labels: Path,
    out: Path,
    samples: int = 20,
    gap: int = 0,
    anywhere: bool = False,
    rules: Path | str | None = None,
) -> str:
    """Complete the objects of a label map, or of every one of a folder, and return what the user reads.

    samples: draws of each amodal mask, for the intervals. gap: voxels by which a visible part and what hides it may lie
    apart. anywhere: occluded objects grow wherever the model says, not only into what may hide them. rules: how the
    maps are taken apart, see ``asked_scheme``.
    Raises Refused, before anything is written, for maps that cannot be read or taken apart, for more samples or a wider
    gap than can be computed, and where results are. Where writing fails, nothing is left.
    """
    completer = run if isinstance(run, Completer) else Completer.load(run)
    scheme = asked_scheme(rules, completer.signature)
    job = MapCompleter(completer=completer, scheme=scheme, samples=samples, gap=gap, anywhere=anywhere)
    if complaints := _excess(job):
        raise Refused(complaints)
    maps = find_label_maps(labels)
    complaints = place_complaints(out, labels)
    taken = [name for name in RESULTS if (out / name).exists()]
    if taken and not complaints:
        got = f"a {'file' if '.' in taken[-1] else 'folder'} {taken[-1]}"
        complaints.append(complaint("output folder", "no completions yet", got, str(out)))
    for path in watched(maps, "checking", len(maps)):
        complaints += _unfit(job, path)
    if complaints:
        raise Refused(complaints)
    rows: list[ObjectRow] = []
    orders: list[Order] = []
    with whole_or_none(out, RESULTS):
        for path in watched(maps, "completing", len(maps)):
            done = job(_case(path), read_labels(path))
            write_objects(done, out, _case(path), suffix_of(path))
            rows += done.rows
            orders += done.orders
        write_rows(out / ORDER, Order, orders)
        write_rows(out / OBJECTS, ObjectRow, rows)
    return _summary(rows, orders, len(maps), out)


def find_label_maps(labels: Path) -> list[Path]:
    """A file, or the files of a folder; raises Refused for none, and for two of one name."""
    paths = sorted(path for path in labels.glob("*") if suffix_of(path) in SUFFIXES) if labels.is_dir() else [labels]
    if not paths:
        raise Refused([complaint("label maps", f"files ending in {', '.join(SUFFIXES)}", "none", str(labels))])
    counts = Counter(map(_case, paths))
    doubled = [name for name, count in counts.items() if count > 1]
    if doubled:
        raise Refused(complaint("label maps", "one file", counts[name], name) for name in doubled)
    return paths


def _case(path: Path) -> str:
    return path.name[: len(path.name) - len(suffix_of(path))]


def _unfit(job: MapCompleter, path: Path) -> Sequence[str]:
    try:
        volume = read_labels(path)
        if flattened_axes(volume.affine, volume.array.ndim):
            got = f"one that gives several voxels one place: {volume.affine[:3].round(6).tolist()}"
            return [complaint("affine", "a place for each voxel", got, _case(path))]
        job.extract(_case(path), volume)
    except Refused as refused:
        return refused.complaints
    return ()


def _excess(job: MapCompleter) -> list[str]:
    """What is asked for that cannot be computed, by arithmetic."""
    most = min(MOST_SAMPLES, VOXELS_OF_SAMPLES // math.prod(job.completer.frame.size))
    asked = (("samples", most, job.samples), ("gap", MOST_GAP, job.gap))
    return [
        complaint(name, f"a number from 0 to {limit}", got, name) for name, limit, got in asked if not 0 <= got <= limit
    ]


def _summary(rows: Sequence[ObjectRow], orders: Sequence[Order], maps: int, out: Path) -> str:
    counts = Counter(row.status for row in rows)
    reasons = Counter(row.reason.split(" (")[0] for row in rows if row.status == "left")
    lines = [
        f"{maps} label map{'s' * (maps != 1)}: {counts['completed']} objects completed, "
        f"{counts['unoccluded']} unoccluded, {counts['left']} left as they are; written to {out}",
        *(f"  left: {count} {reason}" for reason, count in reasons.most_common()),
    ]
    if orders and not counts["completed"]:
        touching = f"{len(orders)} pair{'s' * (len(orders) != 1)} of objects touch{'es' * (len(orders) == 1)}"
        lines.append(f"  {touching}, and no rule says which may hide which: --rules '{{hides: all}}'")
    return "\n".join(lines)
