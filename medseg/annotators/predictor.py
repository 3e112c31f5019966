"""A trained run, or several, and an image -> what is believed of it, on its own grid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psutil
from numpy.typing import NDArray
from torch import nn

from medseg.annotators.assembly import Signature, build_annotator_model, read_annotator_run
from medseg.annotators.config import RunConfig
from medseg.annotators.loading.intensity import Intensity
from medseg.annotators.loading.placement import Placement, probs_to_native
from medseg.annotators.mathematics.averages import MeanModel
from medseg.annotators.nouns import Prediction
from medseg.annotators.prediction import ALL, NOBODY, believe_everywhere
from medseg.contracts import ClassLabel, Refused, Volume, complaint
from medseg.training import device_of, load_model

LEAST_BYTES, SHARE = 2**31, 0.25
"""Of the annotators' maps that are held at once."""

INTENSITY = tuple(Intensity.model_fields)
"""What runs that are averaged must have in common, since they see one image."""


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
    def load(*runs: Path, mirror: bool | None = None) -> Predictor:
        """One run, or the mean of several for the same annotators, classes, channels and grid; config: of the first.

        mirror: see the mirror images too; None: as ``inference.mirror`` of the first run says. Raises Refused where a
        run has no weights, or broken ones, where runs differ, and for mirrors of a run that was trained on none.
        """
        read = [(read_annotator_run(run), Signature.read(run)) for run in runs]
        (config, signature), *_ = read
        axes = config.data.augment.flip_axes if (config.inference.mirror if mirror is None else mirror) else ()
        found = [line for run, other in zip(runs[1:], read[1:], strict=True) for line in _unlike(read[0], other, run)]
        if mirror and not axes:
            expected = "a run that was trained on mirror images (data.augment.flip_axes)"
            found.append(complaint("--mirror", expected, "one that was not", str(runs[0])))
        if found:
            raise Refused(found)
        models = []
        for run, (own, _) in zip(runs, read, strict=True):
            models.append(build_annotator_model(own, signature))
            load_model(models[-1], run / "weights.pt")
        device = device_of(config.training.accelerator)
        model = models[0] if len(models) == 1 and not axes else MeanModel(models, axes)
        return Predictor(signature=signature, config=config, model=model.to(device), device=device)

    def __call__(self, name: str, image: Volume, annotators: slice = ALL) -> Prediction:
        """One image (C,S...) -> its Prediction on the same grid; annotators: the maps of these alone."""
        grid, shape = self.config.data.grid, image.array.shape[1:]
        placement = grid.place(shape, image.affine, image.spacing_mm)
        on_grid = believe_everywhere(
            self.model,
            self.config.data.intensity.to_grid(image.array, placement),
            inside=placement.inside,
            window=grid.size,
            overlap=grid.overlap,
            device=self.device,
            annotators=annotators,
        )
        every = on_grid.annotator_probs[0]
        native = [_native(maps.numpy(), placement) for maps in every]
        return Prediction(
            case=name,
            truth_probs=_native(on_grid.truth_probs[0].numpy(), placement),
            annotator_probs=np.stack(native) if native else np.zeros((0, every.shape[1], *shape), np.float32),
            joint_probs=on_grid.joint_probs[0].numpy(),
            affine=image.affine,
            spacing_mm=image.spacing_mm,
            first=annotators.start or 0,
        )

    def parts(self, name: str, image: Volume, nobody: bool = False) -> Iterator[Prediction]:
        """One image (C,S...) -> Predictions of a few annotators each, as many as fit into memory at once, in order.

        Every part has the whole truth. Of an image in several parts the network looks at it as often: bit by bit they
        say what one says. nobody: one part, without annotators.
        """
        number, at_once = len(self.signature.annotators), self.at_once(image, len(self.signature.classes))
        if nobody or at_once >= number:
            yield self(name, image, NOBODY) if nobody else self(name, image)
            return
        for first in range(0, number, at_once):
            yield self(name, image, slice(first, first + at_once))

    def at_once(self, image: Volume, maps: int) -> int:
        """Of so many annotators all ``maps`` fit into ``LEAST_BYTES``, or ``SHARE`` of free memory; 1 at least."""
        shape = image.array.shape[1:]
        on_grid = self.config.data.grid.place(shape, image.affine, image.spacing_mm).shape
        of_one = 4 * maps * max(math.prod(shape), math.prod(on_grid))
        room = max(LEAST_BYTES, int(psutil.virtual_memory().available * SHARE))
        return max(1, room // of_one)


def _unlike(first: tuple[RunConfig, Signature], other: tuple[RunConfig, Signature], run: Path) -> list[str]:
    """What keeps a run from being averaged with the first."""
    names = ("annotators", "classes", "channels", "spatial_dims")
    pairs = {name: (getattr(first[1], name), getattr(other[1], name)) for name in names}
    sections = {"grid": ("mode", "size", "spacing_mm", "spacing_pixels", "overlap"), "intensity": INTENSITY}
    for section, keys in sections.items():
        known, got = getattr(first[0].data, section), getattr(other[0].data, section)
        pairs |= {f"data.{section}.{key}": (getattr(known, key), getattr(got, key)) for key in keys}
    return [
        complaint(f"{name} of an ensemble", _shown(known), _shown(got), str(run))
        for name, (known, got) in pairs.items()
        if known != got
    ]


def _shown(value: object) -> str:
    if not isinstance(value, tuple):
        return str(value)
    return ", ".join(f"{each.name}={each.value}" if isinstance(each, ClassLabel) else str(each) for each in value)


def _native(maps: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """Probabilities (T,S...) on the network's grid -> on the file's, with sum 1."""
    native = probs_to_native(maps, placement)
    return native / native.sum(0, keepdims=True)


class Further(Protocol):
    """What is written beside the maps of ``predicted_maps`` (``further_maps``)."""

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
        """Of one image, and of the annotators of this part of its prediction."""
        ...

    def finish(self, out: Path) -> None:
        """After the last image."""
        ...
