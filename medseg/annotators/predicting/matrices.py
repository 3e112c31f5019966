"""The learned matrices voxel by voxel, on an image's own grid: C^(a)[o,t](x), and the reliability that they mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.loading.placement import probs_to_native
from medseg.annotators.mathematics.averages import has_matrices
from medseg.annotators.nouns import Prediction
from medseg.annotators.predicting.prediction import matrices_everywhere
from medseg.annotators.predicting.predictor import Predictor
from medseg.contracts import Volume, complaint
from medseg.evaluation import write_table
from medseg.images import write_map, write_maps

MATRICES, RELIABILITY = "confusion", "reliability"
"""The folders that ``write_matrices`` fills."""
CHANNELS = "channels.csv"
"""Which channel of a file in ``MATRICES`` is which entry."""


def matrix_complaints(predictor: Predictor, what: str, run: Path) -> list[str]:
    """A run without confusion matrices; what: the option that asks for them."""
    if has_matrices(predictor.model):
        return []
    expected = "a run with confusion matrices (recipe=fused)"
    return [complaint(what, expected, f"recipe {predictor.config.recipe}", str(run))]


def native_matrices(predictor: Predictor, image: Volume) -> Iterator[NDArray[np.float32]]:
    """image (C,S...) -> C (O,T,S...) of one annotator after another, on the image's grid; columns sum to 1.

    predictor: of runs with matrices. Of a large image the network looks several times.
    """
    grid, shape = predictor.config.data.grid, image.array.shape[1:]
    placement = grid.place(shape, image.affine, image.spacing_mm)
    on_grid = predictor.config.data.intensity.to_grid(image.array, placement)
    number = len(predictor.signature.annotators)
    at_once = predictor.at_once(image, len(predictor.signature.classes) ** 2)
    for first in range(0, number, at_once):
        every = matrices_everywhere(
            predictor.model,
            on_grid,
            window=grid.size,
            overlap=grid.overlap,
            device=predictor.device,
            annotators=slice(first, first + at_once),
        )
        for matrices in every:
            native = probs_to_native(matrices.flatten(0, 1).numpy(), placement).reshape(*matrices.shape[:2], *shape)
            yield native / native.sum(axis=0)


def reliability(matrices: NDArray[np.floating], truth_probs: NDArray[np.floating]) -> NDArray[np.float32]:
    """(S...) the probability that an annotator writes the truth: r = sum_t C[t,t] p[t], of C (O,T,S...), p (T,S...).

    >>> one_voxel = np.array([[0.9, 0.4], [0.1, 0.6]])[..., None]
    >>> float(reliability(one_voxel, np.array([[0.5], [0.5]]))[0])
    0.75
    """
    return np.einsum("tt...,t...->...", matrices, truth_probs).astype(np.float32)


def reliabilities(predictor: Predictor, image: Volume, prediction: Prediction) -> NDArray[np.float32] | None:
    """(A,S...) of all annotators on the image's grid; None of a run without matrices."""
    if matrix_complaints(predictor, "", Path()):
        return None
    every = native_matrices(predictor, image)
    return np.stack([reliability(matrices, prediction.truth_probs) for matrices in every])


def write_matrices(predictor: Predictor, image: Volume, prediction: Prediction, *, out: Path, suffix: str) -> None:
    """confusion/<annotator>/<case>, a channel per entry of C as channels.csv lists them, and
    reliability/<annotator>/<case>: float maps on the image's grid (pictures: TIFF, a page per channel).

    One annotator after the other.
    """
    names, name = predictor.signature.class_names, prediction.case + suffix
    for annotator, matrices in zip(predictor.signature.annotators, native_matrices(predictor, image), strict=True):
        entries = matrices.reshape(-1, *matrices.shape[2:])
        geometry = {"affine": prediction.affine, "spacing_mm": prediction.spacing_mm}
        write_maps(out / MATRICES / annotator / name, Volume(array=entries, **geometry))
        reliable = reliability(matrices, prediction.truth_probs)
        write_map(out / RELIABILITY / annotator / name, Volume(array=reliable, **geometry))
    rows = [(o * len(names) + t, names[o], names[t]) for o in range(len(names)) for t in range(len(names))]
    write_table(out / MATRICES / CHANNELS, ("channel", "observed", "true"), rows)
