"""`medseg predict`: a run folder and images -> maps on the images' own grid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from medseg.annotators.assembly import Signature, build_annotator_model, read_annotator_run
from medseg.annotators.config import RunConfig
from medseg.annotators.loading.placement import Grid, image_to_grid, probs_to_native
from medseg.annotators.nouns import Prediction
from medseg.annotators.prediction import believe_everywhere
from medseg.contracts import Refused, Volume, complaint
from medseg.evaluation import voxel_entropy
from medseg.images import (
    SUFFIXES,
    flattened_axes,
    place_complaints,
    read_channels,
    suffix_of,
    whole_or_none,
    write_labels,
    write_map,
)
from medseg.training import device_of, load_model

RESULTS = ("truth", "probabilities", "annotators", "entropy")
"""The folders that ``write_prediction`` fills."""


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
    """Predict every image of a folder; several channels per image as ``<case>_0000.<ext>``, ``<case>_0001.<ext>``.

    Raises Refused, before anything is written, for images that cannot be read or do not fit the network,
    for voxels that are no finite numbers, and where a file would be overwritten. Where writing fails, nothing is left.
    """
    predictor = Predictor.load(run)
    cases = find_images(images, predictor.signature.channels)
    results = (*RESULTS, *(further.results if further else ()))
    complaints = [*place_complaints(out, images), *(further.complaints(predictor, run) if further else ())]
    taken = [name for name in results if (out / name).exists()]
    if taken and not complaints:
        complaints.append(complaint("output folder", "no predictions yet", f"a folder {taken[0]}/", str(out)))
    signature, grid = predictor.signature, predictor.config.data.grid
    complaints += [line for name, paths in cases.items() for line in image_complaints(name, paths, signature, grid)]
    if complaints:
        raise Refused(complaints)
    written = []
    with whole_or_none(out, results):
        for name, paths in cases.items():
            image, suffix = read_channels(paths), suffix_of(paths[0])
            prediction = predictor(name, image)
            written.append(write_prediction(prediction, signature, out, suffix))
            if further:
                further.write(predictor, image, prediction, out=out, suffix=suffix)
        if further:
            further.finish(out)
    return written


def find_images(folder: Path, channels: int) -> dict[str, tuple[Path, ...]]:
    """Case -> its files, one per channel."""
    files = sorted(path for path in folder.glob("*") if suffix_of(path) in SUFFIXES)
    if not files:
        raise Refused([complaint("images", f"files ending in {', '.join(SUFFIXES)}", "none", str(folder))])
    cases: dict[str, tuple[Path, ...]] = {}
    for path in files:
        stem = path.name[: -len(suffix_of(path))]
        numbered = re.fullmatch(r"(.+)_\d{4}", stem) if channels > 1 else None
        name = numbered[1] if numbered else stem
        cases[name] = (*cases.get(name, ()), path)
    return cases


def write_prediction(prediction: Prediction, signature: Signature, out: Path, suffix: str) -> Path:
    """truth/, probabilities/<class>/, annotators/<annotator>/ and entropy/, each with one file per case.

    Label files hold the cohort's values; maps are float32 (pictures: TIFF). Returns the path of the truth.
    """
    values = np.array([label.value for label in signature.classes])
    name = prediction.case + suffix

    def labels(folder: Path, probs: NDArray[np.float32]) -> Path:
        volume = Volume(array=values[probs.argmax(0)], affine=prediction.affine, spacing_mm=prediction.spacing_mm)
        return write_labels(folder / name, volume)

    def float_map(folder: Path, array: NDArray[np.float32]) -> None:
        write_map(folder / name, Volume(array=array, affine=prediction.affine, spacing_mm=prediction.spacing_mm))

    truth = labels(out / "truth", prediction.truth_probs)
    for annotator, probs in zip(signature.annotators, prediction.annotator_probs, strict=True):
        labels(out / "annotators" / annotator, probs)
    for label, probs in zip(signature.classes, prediction.truth_probs, strict=True):
        float_map(out / "probabilities" / label.name, probs)
    float_map(out / "entropy", voxel_entropy(prediction.truth_probs))
    return truth


def image_complaints(name: str, paths: Sequence[Path], signature: Signature, grid: Grid) -> list[str]:
    """What keeps a run from seeing a case; none where nothing does."""
    wanted_mm = grid.spacing_mm if grid.mode == "patch" else None
    try:
        image = read_channels(paths)
    except Refused as refused:
        return list(refused.complaints)
    except ValueError:
        return [complaint("channels", "the same shape", "different ones", name)]
    found, spatial_dims = [], image.array.ndim - 1
    if spatial_dims != signature.spatial_dims:
        found.append(complaint("image", f"{signature.spatial_dims}-D", f"{spatial_dims}-D", name))
    if len(image.array) != signature.channels:
        found.append(complaint("image channels", signature.channels, len(image.array), name))
    if flattened_axes(image.affine, spatial_dims):
        got = f"one that gives several voxels one place: {image.affine[:3].round(6).tolist()}"
        found.append(complaint("affine", "a place for each voxel", got, name))
    elif wanted_mm and image.spacing_mm is None:
        expected = f"a spacing, for the run resamples to {' x '.join(f'{mm:g}' for mm in wanted_mm)} mm"
        found.append(complaint("image", expected, "a picture without one", name))
    return [*found, *_infinite(name, image.array)]


def _infinite(name: str, array: NDArray[np.generic]) -> list[str]:
    """Of an image (C,S...): how many voxels are no finite numbers as float32, and where the first of them is."""
    with np.errstate(over="ignore"):
        wrong = np.argwhere(~np.isfinite(array.astype(np.float32)))
    if not len(wrong):
        return []
    channel, *index = wrong[0].tolist()
    place = f"[{', '.join(map(str, index))}]" + (f" of channel {channel}" if len(array) > 1 else "")
    got = f"{len(wrong)} of {array.size} that are not, the first {array[tuple(wrong[0])]} at {place}"
    return [complaint("voxels", "finite numbers", got, name)]


def _normalised(probs: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    return probs / probs.sum(axis, keepdims=True)
