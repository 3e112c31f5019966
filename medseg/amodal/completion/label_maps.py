"""`medseg complete`: a run folder and label maps -> the occluded part of every object, on the maps' own grid."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.completion.completer import Completer
from medseg.amodal.completion.cores import in_order
from medseg.amodal.completion.files import OBJECTS, ORDER, write_objects, write_rows
from medseg.amodal.completion.given_maps import case_of, find_label_maps, read_label_map
from medseg.amodal.completion.maps import CompletedMap, MapCompleter, completed_scheme
from medseg.amodal.completion.order import Order
from medseg.amodal.completion.rows import ObjectRow
from medseg.amodal.completion.rules import asked_scheme
from medseg.contracts import Refused, Volume, complaint, progress_shown, watched
from medseg.images import as_labels, place_complaints, suffix_of, whole_or_none
from medseg.training import crew, in_turn

MOST_SAMPLES, MOST_GAP, MOST_WORKERS = 10_000, 100, 256
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
    workers: int = 1,
    empty: bool = False,
) -> str:
    """Complete the objects of a label map, or of every one of a folder, and return what the user reads.

    samples: draws of each amodal mask, for the intervals. gap: voxels by which a visible part and what hides it may lie
    apart. anywhere: occluded objects grow wherever the model says, not only into what may hide them. rules: how the
    maps are taken apart, see ``asked_scheme``. workers: processes that share the maps; they change nothing but the
    time; nor do several processes of this command (``training.crew``), among which the maps are divided first.
    empty: maps of background alone stay as they are, and are not refused.
    Raises Refused for maps that cannot be read or taken apart, for more samples or a wider gap than can be computed,
    and where results are. Nothing is left then, nor where writing fails.
    """
    shared, found = crew(), []
    how = {"samples": samples, "gap": gap, "anywhere": anywhere, "empty": empty}

    def check() -> None:
        completer = run if isinstance(run, Completer) else Completer.load(run)
        job = MapCompleter(completer=completer, scheme=asked_scheme(rules, completer.signature), **how)
        found.append((job, _checked(job, labels, out, workers)))

    with nullcontext() if shared.first else progress_shown(False):
        shared.together(check)
        job, maps = found[0]
        with whole_or_none(out, RESULTS) if shared.first else nullcontext():
            shared.together(lambda: None)  # nobody writes before the first one knows what was there
            own = shared.share(maps)
            tables = in_turn(shared.together(lambda: list(_tables_of_all(job, own, out, workers))))
            rows = [row for each in tables for row in each.rows]
            orders = [order for each in tables for order in each.orders]
            shared.together(lambda: _write_tables(out, orders, rows) if shared.first else None)
    return _summary(rows, orders, len(maps), out)


def _checked(job: MapCompleter, labels: Path, out: Path, workers: int) -> Sequence[Path]:
    """The label maps. Raises Refused as ``complete``, but for what stands in the maps."""
    if complaints := _excess(job, workers):
        raise Refused(complaints)
    maps = find_label_maps(labels)
    complaints = place_complaints(out, labels)
    taken = [name for name in RESULTS if (out / name).exists()]
    if taken and not complaints:
        got = f"a {'file' if '.' in taken[-1] else 'folder'} {taken[-1]}"
        complaints.append(complaint("output folder", "no completions yet", got, str(out)))
    if complaints:
        raise Refused(complaints)
    return maps


def _write_tables(out: Path, orders: Sequence[Order], rows: Sequence[ObjectRow]) -> None:
    write_rows(out / ORDER, Order, orders)
    write_rows(out / OBJECTS, ObjectRow, rows)


@dataclass(frozen=True, kw_only=True)
class _Tables:
    """What one map adds to the tables."""

    rows: tuple[ObjectRow, ...]
    """Of objects.csv."""
    orders: tuple[Order, ...]
    """Of order.csv."""


def _tables_of_all(job: MapCompleter, maps: Sequence[Path], out: Path, workers: int) -> Iterator[_Tables]:
    """Each map is read once, completed and written; after a bad one the others are only checked, to name all."""
    with closing(in_order(partial(_tables, job, out), maps, workers, job.completer.device)) as stream:
        for number, tables in enumerate(watched(stream, "completing", len(maps)), 1):
            if isinstance(tables, _Tables):
                yield tables
                continue
            stream.close()
            others = watched(maps[number:], "checking", len(maps) - number)
            raise Refused([*tables, *chain.from_iterable(_unfit(job, path) for path in others)])


def _tables(job: MapCompleter, out: Path, path: Path) -> _Tables | Sequence[str]:
    """Those of a map that is completed and written, or what is wrong with it."""
    case = case_of(path)
    try:
        done = job(case, read_label_map(path))
    except Refused as refused:
        return refused.complaints
    write_objects(done, out, case, suffix_of(path))
    return _Tables(rows=done.rows, orders=done.orders)


def _unfit(job: MapCompleter, path: Path) -> Sequence[str]:
    try:
        job.extract(case_of(path), read_label_map(path))
    except Refused as refused:
        return refused.complaints
    return ()


def _excess(job: MapCompleter, workers: int = 1) -> list[str]:
    """What is asked for that cannot be computed, by arithmetic."""
    most = min(MOST_SAMPLES, VOXELS_OF_SAMPLES // math.prod(job.completer.frame.size))
    asked = (
        ("samples", range(most + 1), job.samples),
        ("gap", range(MOST_GAP + 1), job.gap),
        ("workers", range(1, MOST_WORKERS + 1), workers),
    )
    return [
        complaint(name, f"a number from {fit.start} to {fit.stop - 1}", got, name)
        for name, fit, got in asked
        if got not in fit
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
