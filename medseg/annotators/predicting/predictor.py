"""A trained run, or several, and an image -> what is believed of it, on its own grid."""

from __future__ import annotations

import math
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
from medseg.annotators.loading.placement import Placement
from medseg.annotators.mathematics.averages import MeanModel
from medseg.annotators.mathematics.test_time import Selected
from medseg.annotators.nouns import Prediction
from medseg.annotators.predicting.prediction import ALL, NOBODY, believe_everywhere, believed_slabs, joint_of
from medseg.annotators.predicting.stored_maps import StoredAnnotators, StoredMaps, native_probs
from medseg.contracts import ClassLabel, Refused, Volume, complaint
from medseg.training import device_of, load_model

LEAST_BYTES, SHARE = 2**31, 0.25
"""Of memory, for maps that are held at once: what is free of it may be more."""

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
    def load(*runs: Path, mirror: bool | None = None, learned: int | None = None) -> Predictor:
        """One run, or the mean of several for the same annotators, classes, channels and grid; config: of the first.

        mirror: see the mirror images too; learned: see each under so many changes; None: as the section ``inference``
        of the first run says. Raises Refused where a run has no weights, or broken ones, where runs differ, for mirrors
        of a run that was trained on none, and for changes of a run without a selector.
        """
        read = [(read_annotator_run(run), Signature.read(run)) for run in runs]
        (config, signature), *_ = read
        axes = config.data.augment.flip_axes if (config.inference.mirror if mirror is None else mirror) else ()
        found = [line for run, other in zip(runs[1:], read[1:], strict=True) for line in _unlike(read[0], other, run)]
        if mirror and not axes:
            expected = "a run that was trained on mirror images (data.augment.flip_axes)"
            found.append(complaint("--mirror", expected, "one that was not", str(runs[0])))
        best = config.inference.learned if learned is None else learned
        found += [
            complaint("--learned", "a run with training.selector_steps", "one without", str(run))
            for run, (own, _) in zip(runs, read, strict=True)
            if best and not own.training.selector_steps
        ]
        if found:
            raise Refused(found)
        models = []
        for run, (own, _) in zip(runs, read, strict=True):
            models.append(build_annotator_model(own, signature))
            load_model(models[-1], run / "weights.pt")
            models[-1] = Selected(models[-1], best) if best else models[-1]
        device = device_of(config.training.accelerator)
        model = models[0] if len(models) == 1 and not axes else MeanModel(models, axes)
        return Predictor(signature=signature, config=config, model=model.to(device), device=device)

    def __call__(self, name: str, image: Volume, *, nobody: bool = False, scratch: Path | None = None) -> Prediction:
        """One image (C,S...) -> its Prediction on the same grid.

        nobody: without annotators. scratch: a folder; where the annotators' maps do not fit into memory they go through
        a file in it (None: where the system keeps such files), bit by bit as those that fit.
        """
        grid, shape = self.config.data.grid, image.array.shape[1:]
        placement = grid.place(shape, image.affine, image.spacing_mm)
        number, classes = len(self.signature.annotators), len(self.signature.classes)
        if not nobody and self._room() < 4 * number * classes * (math.prod(shape) + math.prod(placement.shape)):
            return self._stored(name, image, placement, scratch)
        annotators = NOBODY if nobody else ALL
        said = believe_everywhere(
            self.model,
            self.config.data.intensity.to_grid(image.array, placement),
            annotators=annotators,
            **self._windows(placement),
        )
        every = np.empty((0 if nobody else number, classes, *shape), np.float32)
        for native, maps in zip(every, said.annotator_probs[0], strict=True):
            native[:] = native_probs(maps.numpy(), placement, native.shape)
        return Prediction(
            case=name,
            truth_probs=native_probs(said.truth_probs[0].numpy(), placement, (classes, *shape)),
            annotator_probs=every,
            joint_probs=said.joint_probs[0].numpy(),
            affine=image.affine,
            spacing_mm=image.spacing_mm,
        )

    def _stored(self, name: str, image: Volume, placement: Placement, scratch: Path | None) -> Prediction:
        """As ``__call__`` of what does not fit."""
        number, classes = len(self.signature.annotators), len(self.signature.classes)
        stored = StoredMaps((1 + number) * classes, placement.shape, scratch)
        joint_probs = self._fill(stored, image, placement)
        annotators = StoredAnnotators(
            stored=stored, placement=placement, shape=(number, classes, *image.array.shape[1:])
        )
        return Prediction(
            case=name,
            truth_probs=annotators.truth(),
            annotator_probs=annotators,
            joint_probs=joint_probs,
            affine=image.affine,
            spacing_mm=image.spacing_mm,
        )

    def _fill(self, stored: StoredMaps, image: Volume, placement: Placement) -> NDArray[np.float32]:
        """p[t] and every q^(a)[o] go to ``stored``; joint_probs (A,O,T).

        The network looks once, or several times where a window's planes of all these maps do not fit into memory.
        """
        number, classes = len(self.signature.annotators), len(self.signature.classes)
        on_grid = self.config.data.intensity.to_grid(image.array, placement)
        planes = 4 * classes * self.config.data.grid.size[0] * math.prod(placement.shape[1:])
        at_once, joints = max(1, self._room() // planes - 1), []
        for first in range(0, number, at_once):
            joints, here = [], slice(first, first + at_once)
            for slab in believed_slabs(self.model, on_grid, annotators=here, joints=joints, **self._windows(placement)):
                if first == 0:
                    stored.put(slab.maps[:classes], index=0, plane=slab.first)
                stored.put(slab.maps[classes:], index=(1 + first) * classes, plane=slab.first)
        return joint_of(joints)[0].numpy()

    def _windows(self, placement: Placement) -> dict[str, Any]:
        grid = self.config.data.grid
        return {"inside": placement.inside, "window": grid.size, "overlap": grid.overlap, "device": self.device}

    def at_once(self, image: Volume, maps: int) -> int:
        """Of so many annotators all ``maps`` fit into memory; 1 at least."""
        shape = image.array.shape[1:]
        on_grid = self.config.data.grid.place(shape, image.affine, image.spacing_mm).shape
        return max(1, self._room() // (4 * maps * max(math.prod(shape), math.prod(on_grid))))

    @staticmethod
    def _room() -> int:
        """Bytes: ``LEAST_BYTES``, or ``SHARE`` of free memory."""
        return max(LEAST_BYTES, int(psutil.virtual_memory().available * SHARE))


def _unlike(first: tuple[RunConfig, Signature], other: tuple[RunConfig, Signature], run: Path) -> list[str]:
    """What keeps a run from being averaged with the first."""
    names = ("annotators", "classes", "channels", "spatial_dims")
    pairs = {name: (getattr(first[1], name), getattr(other[1], name)) for name in names}
    pairs["what is said of people"] = first[1].described, other[1].described
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
        """Of one image."""
        ...

    def finish(self, out: Path) -> None:
        """After the last image."""
        ...
