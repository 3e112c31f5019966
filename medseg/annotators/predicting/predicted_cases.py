"""`medseg predict`: run folders and images -> maps on the images' own grid, shared by several processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medseg.annotators.predicting.given_images import find_images, image_complaints, own_names
from medseg.annotators.predicting.predicted_maps import RESULTS, write_prediction
from medseg.annotators.predicting.predictor import Further, Predictor
from medseg.annotators.predicting.unseen import with_unseen
from medseg.contracts import NO_MORE, Refused, Said, complaint, progress_shown, watched
from medseg.images import place_complaints, read_channels, suffix_of, whole_or_none
from medseg.training import crew, in_turn


def predict(
    run: Path,
    images: Path,
    out: Path,
    further: Further | None = None,
    *,
    ensemble: Sequence[Path] = (),
    mirror: bool | None = None,
    learned: int | None = None,
    nobody: bool = False,
    unseen: Mapping[str, Said] = NO_MORE.unseen,
) -> list[Path]:
    """Predict an image, or every one of a folder, see ``given_images.find_images``; returns the paths of the truths.

    further: what is written too. ensemble: runs whose mean with ``run`` is written. mirror, learned: as in
    ``Predictor.load``. nobody: nothing of annotators is written. unseen: see ``unseen.with_unseen``.
    Several processes (``training.crew``) share the cases, to the same files.
    Raises Refused, before anything is written, for images that cannot be read or do not fit the network, for voxels
    that are no finite numbers, and where a file would be overwritten. Where writing fails, nothing is left.
    """
    shared, found, runs = crew(), [], (run, *ensemble)

    def load() -> Predictor:
        return with_unseen(Predictor.load(*runs, mirror=mirror, learned=learned), unseen, run)

    with nullcontext() if shared.first else progress_shown(False):
        shared.together(lambda: found.append(_checked(load, runs, images, out, further=further)))
        predictor, cases = found[0]
        names = list(cases)
        with whole_or_none(out, _results(further)) if shared.first else nullcontext():
            shared.together(lambda: None)  # nobody writes before the first one knows what was there
            own = {name: cases[name] for name in shared.share(names)}
            written = shared.together(lambda: _written(predictor, own, out, further=further, nobody=nobody))
            if further:
                rows = [row for each in written for row in each.rows]
                further.rows[:] = sorted(rows, key=lambda row: names.index(row[0]))
            shared.together(lambda: further.finish(out) if further and shared.first else None)
    return in_turn([each.truths for each in written])


@dataclass(frozen=True, kw_only=True)
class _Written:
    """What one process has written."""

    truths: list[Path]
    """The path of each case's."""
    rows: list[Any]
    """For the table of ``Further``."""


def _results(further: Further | None) -> tuple[str, ...]:
    return (*RESULTS, *(further.results if further else ()))


def _checked(
    load: Callable[[], Predictor], runs: Sequence[Path], images: Path, out: Path, *, further: Further | None
) -> tuple[Predictor, Mapping[str, Sequence[Path]]]:
    """The runs and the files of each case. Raises Refused as ``predict``."""
    predictor = load()
    cases = find_images(images, [name for run in runs for name in own_names(run)])
    complaints = [*place_complaints(out, images), *(further.complaints(predictor, runs[0]) if further else ())]
    taken = [name for name in _results(further) if (out / name).exists()]
    if taken and not complaints:
        complaints.append(complaint("output folder", "no predictions yet", f"a folder {taken[0]}/", str(out)))
    for name, paths in watched(cases.items(), "checking", len(cases)):
        complaints += image_complaints(name, paths, predictor.signature, predictor.config.data.grid)
    if complaints:
        raise Refused(complaints)
    return predictor, cases


def _written(
    predictor: Predictor, cases: Mapping[str, Sequence[Path]], out: Path, *, further: Further | None, nobody: bool
) -> _Written:
    """Predict these cases and write what is asked for."""
    truths = [
        predict_case(predictor, name, paths, out=out, further=further, nobody=nobody)
        for name, paths in watched(cases.items(), "predicting", len(cases))
    ]
    return _Written(truths=truths, rows=further.rows if further else [])


def predict_case(
    predictor: Predictor, name: str, paths: Sequence[Path], *, out: Path, further: Further | None, nobody: bool
) -> Path:
    """One case, one annotator after the other; returns the path of the truth."""
    image, suffix = read_channels(paths), suffix_of(paths[0])
    prediction = predictor(name, image, nobody=nobody, scratch=out)
    truth = write_prediction(prediction, predictor.signature, out, suffix)
    if further:
        further.write(predictor, image, prediction, out=out, suffix=suffix)
    return truth
