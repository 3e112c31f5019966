"""`medseg predict`: a run folder and images -> maps on the images' own grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from medseg.annotators.assembly import Signature, build_annotator_model, read_annotator_run
from medseg.annotators.config import RunConfig
from medseg.annotators.given_images import find_images, image_complaints, own_names
from medseg.annotators.loading.placement import image_to_grid, probs_to_native
from medseg.annotators.nouns import Prediction
from medseg.annotators.prediction import believe_everywhere
from medseg.contracts import Refused, Volume, complaint, progress_shown, watched
from medseg.evaluation import voxel_entropy
from medseg.images import (
    place_complaints,
    read_channels,
    suffix_of,
    whole_or_none,
    write_labels,
    write_map,
)
from medseg.training import crew, device_of, in_turn, load_model

RESULTS = ("truth", "probabilities", "annotators", "entropy")
"""The folders that ``predict`` fills."""


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """A trained run, ready for images."""

    signature: Signature
    """What it was built for."""
    config: RunConfig
    """What it was trained with."""
    model: nn.Module
    """With its final weights."""
    device: str
    """Where it computes."""

    @staticmethod
    def load(run: Path) -> Predictor:
        """Raises Refused where the run has no weights, or broken ones."""
        config, signature = read_annotator_run(run), Signature.read(run)
        model = build_annotator_model(config, signature)
        load_model(model, run / "weights.pt")
        device = device_of(config.training.accelerator)
        return Predictor(signature=signature, config=config, model=model.to(device), device=device)

    def __call__(self, name: str, image: Volume) -> Prediction:
        """One image (C,S...) -> its Prediction on the same grid."""
        grid, shape = self.config.data.grid, image.array.shape[1:]
        placement = grid.place(shape, image.affine, image.spacing_mm)
        on_grid = believe_everywhere(
            self.model,
            image_to_grid(image.array, placement),
            inside=placement.inside,
            window=grid.size,
            overlap=grid.overlap,
            device=self.device,
        )
        annotators, classes = on_grid.annotator_probs.shape[1:3]
        maps = torch.cat([on_grid.truth_probs[0], on_grid.annotator_probs[0].flatten(0, 1)])
        native = probs_to_native(maps.numpy(), placement)
        return Prediction(
            case=name,
            truth_probs=_normalised(native[:classes], 0),
            annotator_probs=_normalised(native[classes:].reshape(annotators, classes, *shape), 1),
            joint_probs=on_grid.joint_probs[0].numpy(),
            affine=image.affine,
            spacing_mm=image.spacing_mm,
        )


class Further(Protocol):
    """What is written beside the maps of ``write_prediction`` (``further_maps``)."""

    @property
    def rows(self) -> list[Any]:
        """Of its table, the case first; those of other processes are put in before ``finish``."""
        ...

    @property
    def results(self) -> tuple[str, ...]:
        """Files and folders that it leaves."""
        ...

    def complaints(self, predictor: Predictor, run: Path) -> list[str]:
        """What keeps a run from it."""
        ...

    def write(self, predictor: Predictor, image: Volume, prediction: Prediction, *, out: Path, suffix: str) -> None:
        """Of one image."""
        ...

    def finish(self, out: Path) -> None:
        """After the last image."""
        ...


def predict(run: Path, images: Path, out: Path, further: Further | None = None) -> list[Path]:
    """Predict an image, or every one of a folder, see ``given_images.find_images``; returns the paths of the truths.

    further: what is written too. Several processes (``training.crew``) share the cases, to the same files.
    Raises Refused, before anything is written, for images that cannot be read or do not
    fit the network, for voxels that are no finite numbers, and where a file would be overwritten. Where writing fails,
    nothing is left.
    """
    shared, found = crew(), []
    with nullcontext() if shared.first else progress_shown(False):
        shared.together(lambda: found.append(_checked(run, images, out, further)))
        predictor, cases = found[0]
        names = list(cases)
        with whole_or_none(out, _results(further)) if shared.first else nullcontext():
            shared.together(lambda: None)  # nobody writes before the first one knows what was there
            own = {name: cases[name] for name in shared.share(names)}
            written = shared.together(lambda: _written(predictor, own, out, further))
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
    run: Path, images: Path, out: Path, further: Further | None
) -> tuple[Predictor, Mapping[str, Sequence[Path]]]:
    """The run and the files of each case. Raises Refused as ``predict``."""
    predictor = Predictor.load(run)
    cases = find_images(images, own_names(run))
    complaints = [*place_complaints(out, images), *(further.complaints(predictor, run) if further else ())]
    taken = [name for name in _results(further) if (out / name).exists()]
    if taken and not complaints:
        complaints.append(complaint("output folder", "no predictions yet", f"a folder {taken[0]}/", str(out)))
    for name, paths in watched(cases.items(), "checking", len(cases)):
        complaints += image_complaints(name, paths, predictor.signature, predictor.config.data.grid)
    if complaints:
        raise Refused(complaints)
    return predictor, cases


def _written(predictor: Predictor, cases: Mapping[str, Sequence[Path]], out: Path, further: Further | None) -> _Written:
    """Predict these cases and write what is asked for."""
    truths = []
    for name, paths in watched(cases.items(), "predicting", len(cases)):
        image, suffix = read_channels(paths), suffix_of(paths[0])
        prediction = predictor(name, image)
        truths.append(write_prediction(prediction, predictor.signature, out, suffix))
        if further:
            further.write(predictor, image, prediction, out=out, suffix=suffix)
    return _Written(truths=truths, rows=further.rows if further else [])


def write_prediction(prediction: Prediction, signature: Signature, out: Path, suffix: str) -> Path:
    """truth/, probabilities/<class>/, annotators/<annotator>/ and entropy/, each with one file per case.

    Label files hold the cohort's values; maps are float32 (pictures: TIFF). Returns the path of the truth.
    """
    values = np.array([label.value for label in signature.classes])
    name = prediction.case + suffix

    def labels(folder: Path, probs: NDArray[np.float32]) -> Path:
        volume = Volume(array=values[probs.argmax(0)], affine=prediction.affine, spacing_mm=prediction.spacing_mm)
        return write_labels(folder / name, volume)

    truth = labels(out / "truth", prediction.truth_probs)
    for annotator, probs in zip(signature.annotators, prediction.annotator_probs, strict=True):
        labels(out / "annotators" / annotator, probs)
    for label, probs in zip(signature.classes, prediction.truth_probs, strict=True):
        _write_map(out / "probabilities" / label.name / name, probs, prediction)
    _write_map(out / "entropy" / name, voxel_entropy(prediction.truth_probs), prediction)
    return truth


def _write_map(path: Path, array: NDArray[np.float32], prediction: Prediction) -> None:
    write_map(path, Volume(array=array, affine=prediction.affine, spacing_mm=prediction.spacing_mm))


def _normalised(probs: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    return probs / probs.sum(axis, keepdims=True)
