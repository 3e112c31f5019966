"""`medseg complete`: a run folder and label maps -> the hidden part of every object, on the maps' own grid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.order import Order, occlusion_order
from medseg.contracts import AmodalObject, Cohort, Completion, Refused, Volume, complaint
from medseg.data.extraction import Extraction
from medseg.data.frames import FrameRules, frame_around
from medseg.data.growth import bridged, painted
from medseg.data.header import read_header
from medseg.data.manifest import LABELS
from medseg.data.objects import objects_of
from medseg.data.occlusions import padded
from medseg.data.volume import SUFFIXES, as_labels, read_labels, suffix_of
from medseg.experiment.amodal import AmodalSignature
from medseg.experiment.completer import Completer
from medseg.experiment.completion_files import OBJECTS, ORDER, write_objects, write_rows
from medseg.experiment.object_row import ObjectRow, dropped_row, row_of

__all__ = ["CompletedMap", "Completer", "complete", "complete_map"]


@dataclass(frozen=True)
class CompletedMap:
    """A label map whose objects are completed.

    labels: (S...) the map with every whole painted where no other object is, see ``painted``. objects: with room to
    grow around them; completions: one per object, on its crop. rows: of the objects, then of those that were dropped.
    orders: of the pairs that touch, those left alone not among them. affine, spacing_mm: of the map.
    """

    labels: NDArray[np.generic]
    objects: tuple[AmodalObject, ...]
    completions: tuple[Completion, ...]
    rows: tuple[ObjectRow, ...]
    orders: tuple[Order, ...]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, ...] | None


@dataclass(frozen=True)
class MapCompleter:
    """A completer with how maps are taken apart, and how far objects may grow: a label map -> CompletedMap."""

    completer: Completer
    cohort: Cohort
    samples: int
    gap: int
    anywhere: bool

    def extract(self, case: str, volume: Volume) -> Extraction:
        """The objects of a label map (S...), with the model's class indices; raises Refused as ``objects_of`` does."""
        found = objects_of(volume.array, self.cohort, case, volume.affine, volume.spacing_mm)
        names = [label.name for label in self.completer.signature.classes[1:]]
        known = [replace(thing, class_index=names.index(thing.label)) for thing in found.objects]
        return replace(found, objects=tuple(bridged(known, volume.array, self.cohort, self.gap)))

    def __call__(self, case: str, volume: Volume) -> CompletedMap:
        """Complete a label map (S...); raises Refused as ``extract`` does."""
        found = self.extract(case, volume)
        objects = [_with_room(thing, self.completer.frame, self.gap, self.anywhere) for thing in found.objects]
        answers = self.completer.answers(objects, self.samples, self.gap, self.anywhere)
        completions = [answer.completion for answer in answers]
        taken = [number for number, answer in enumerate(answers) if answer.status != "left"]
        return CompletedMap(
            painted(volume.array, self.cohort, objects, [completion.whole for completion in completions]),
            tuple(objects),
            tuple(completions),
            (
                *(row_of(thing, answer) for thing, answer in zip(objects, answers, strict=True)),
                *(dropped_row(case, dropped, volume) for dropped in found.dropped),
            ),
            tuple(occlusion_order([objects[n] for n in taken], [completions[n] for n in taken])),
            volume.affine,
            volume.spacing_mm,
        )


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
    """
    where = "label map"
    if spacing is not None and len(spacing) != label_map.ndim:
        raise Refused([complaint("spacing", f"{label_map.ndim} lengths, one per axis", len(spacing), where)])
    lengths = None if spacing is None else tuple(map(float, spacing))
    affine = np.diag([*(lengths or ()), *(1.0,) * (4 - len(lengths or ()))])
    volume = as_labels(Volume(label_map[None], affine, lengths), where)
    completer = run if isinstance(run, Completer) else Completer.load(run)
    return MapCompleter(completer, _cohort(completer.signature), samples, gap, anywhere)("map", volume)


def complete(
    run: Path | Completer,
    labels: Path,
    out: Path,
    samples: int = 20,
    gap: int = 0,
    anywhere: bool = False,
    rules: Path | None = None,
) -> str:
    """Complete the objects of a label map, or of every one of a folder, and return what the user reads.

    samples: draws of each whole, for the intervals. gap: voxels by which a visible part and what hides it may lie
    apart. anywhere: hidden objects grow wherever the model says, not only into what may hide them. rules: a
    cohort.yaml whose classes and rules take the maps apart instead of the run's.
    Raises Refused, before anything is written, for maps that cannot be read or taken apart, and where results are.
    """
    completer = run if isinstance(run, Completer) else Completer.load(run)
    cohort = _cohort(completer.signature) if rules is None else _cohort_of_file(rules, completer.signature)
    job = MapCompleter(completer, cohort, samples, gap, anywhere)
    maps = find_label_maps(labels)
    complaints = [line for path in maps for line in _unfit(job, path)]
    if (out / OBJECTS).exists():
        complaints.append(complaint("output folder", "no completions yet", f"a file {OBJECTS}", str(out)))
    if complaints:
        raise Refused(complaints)
    rows: list[ObjectRow] = []
    orders: list[Order] = []
    for path in maps:
        done = job(_case(path), read_labels(path))
        write_objects(done, out, _case(path), suffix_of(path))
        rows += done.rows
        orders += done.orders
    write_rows(out / ORDER, Order, orders)
    write_rows(out / OBJECTS, ObjectRow, rows)
    return _summary(rows, len(maps), out)


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
        job.extract(_case(path), read_labels(path))
    except Refused as refused:
        return refused.complaints
    return ()


def _with_room(thing: AmodalObject, rules: FrameRules, gap: int, anywhere: bool) -> AmodalObject:
    """Room for the seam of a gap; where the object may grow anywhere, as much as its frame shows."""
    if not anywhere and thing.occluder is not None:
        return padded(thing, [gap] * thing.visible.ndim)
    frame = frame_around(thing.visible, rules, thing.spacing_mm)
    reach = np.abs(frame.matrix) @ np.asarray(frame.size) / 2
    return padded(thing, np.ceil(reach).astype(int).tolist())


def _cohort(signature: AmodalSignature) -> Cohort:
    """The signature as the cohort that ``objects_of`` asks for: classes and rules, without cases."""
    dims = signature.spatial_dims
    return Cohort(Path(), "", signature.classes, (), dims, (LABELS,), (), (), signature.rules)


def _cohort_of_file(path: Path, signature: AmodalSignature) -> Cohort:
    """A cohort.yaml as such a cohort; raises Refused where the run knows a class not, or has other dimensions."""
    header = read_header(path)
    known = [label.name for label in signature.classes[1:]]
    complaints = list(header.complaints)
    complaints += [
        complaint("class", f"one that the run knows: {', '.join(known)}", label.name, str(path))
        for label in header.classes[1:]
        if label.name not in known
    ]
    if header.spatial_dims != signature.spatial_dims:
        complaints.append(complaint("spatial_dims", signature.spatial_dims, header.spatial_dims, str(path)))
    if complaints:
        raise Refused(complaints)
    return replace(_cohort(signature), classes=header.classes, rules=header.rules)


def _summary(rows: Sequence[ObjectRow], maps: int, out: Path) -> str:
    counts = Counter(row.status for row in rows)
    reasons = Counter(row.reason.split(" (")[0] for row in rows if row.status == "left")
    lines = [
        f"{maps} label map{'s' * (maps != 1)}: {counts['completed']} objects completed, "
        f"{counts['complete']} complete, {counts['left']} left as they are; written to {out}",
        *(f"  left: {count} {reason}" for reason, count in reasons.most_common()),
    ]
    return "\n".join(lines)
