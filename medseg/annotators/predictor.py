"""`medseg predict`: a run folder and images -> maps on the images' own grid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from medseg.annotators.assembly import Signature, build_annotator_model, read_annotator_run
from medseg.annotators.config import RunConfig
from medseg.annotators.loading.placement import image_to_grid, probs_to_native
from medseg.annotators.nouns import Prediction
from medseg.annotators.prediction import believe_everywhere
from medseg.contracts import Refused, Volume, complaint
from medseg.evaluation import voxel_entropy
from medseg.images import SUFFIXES, read_channels, suffix_of, write_labels, write_map
from medseg.training import device_of, load_model


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


def predict(run: Path, images: Path, out: Path) -> list[Path]:
    """Predict every image of a folder; several channels per image as ``<case>_0000.<ext>``, ``<case>_0001.<ext>``.

    Raises Refused, before anything is written, for images that cannot be read or do not fit the network,
    and where a file would be overwritten.
    """
    predictor = Predictor.load(run)
    cases = find_images(images, predictor.signature.channels)
    complaints = []
    if (out / "truth").exists():
        complaints.append(complaint("output folder", "no predictions yet", "a folder truth/", str(out)))
    complaints += [line for name, paths in cases.items() for line in _unfit(name, paths, predictor.signature)]
    if complaints:
        raise Refused(complaints)
    written = []
    for name, paths in cases.items():
        prediction = predictor(name, read_channels(paths))
        written.append(write_prediction(prediction, predictor.signature, out, suffix_of(paths[0])))
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


def _unfit(name: str, paths: Sequence[Path], signature: Signature) -> list[str]:
    try:
        image = read_channels(paths)
    except Refused as refused:
        return list(refused.complaints)
    except ValueError:
        return [complaint("channels", "the same shape", "different ones", name)]
    found = []
    if image.array.ndim - 1 != signature.spatial_dims:
        found.append(complaint("image", f"{signature.spatial_dims}-D", f"{image.array.ndim - 1}-D", name))
    if len(image.array) != signature.channels:
        found.append(complaint("image channels", signature.channels, len(image.array), name))
    return found


def _normalised(probs: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    return probs / probs.sum(axis, keepdims=True)
