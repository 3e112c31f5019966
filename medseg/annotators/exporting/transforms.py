"""The way of an image through an exported bundle, as `medseg predict` goes it: a copy lies in the bundle's scripts/."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data.meta_tensor import MetaTensor
from monai.inferers.inferer import SlidingWindowInferer
from numpy.typing import NDArray

from medseg.annotators.loading.placement import Placement, Window, image_to_grid, place, probs_to_native


def find_cases(folder: str) -> list[dict[str, list[str]]]:
    """The files of a folder by case; those named ``<case>_0000``, ``_0001``, ... are the channels of one."""
    cases: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(Path(folder).iterdir()):
        cases[re.sub(r"_\d{4}(?=\.)", "", path.name)].append(str(path))
    return [{"image": files} for files in cases.values()]


class Way:
    """Between an image's own grid and the network's.

    size: (S,) of the network's grid. whole: an image is fitted into it; else it is resampled to the spacing ``to_mm``
    or ``to_pixels``.
    """

    def __init__(
        self, size: Sequence[int], whole: bool, to_mm: Sequence[float] | None, to_pixels: Sequence[float] | None
    ) -> None:
        self.size, self.whole, self.spacing = size, whole, {"to_mm": to_mm, "to_pixels": to_pixels}

    def place(self, shape: Sequence[int], affine: NDArray[np.float64]) -> Placement:
        """Where an image of this shape (S,) lies on the network's grid."""
        steps = np.linalg.norm(affine[:3, : len(shape)], axis=0).tolist()
        return place(shape, affine, steps, size=self.size, whole=self.whole, **self.spacing)


class ToGrid(Way):
    """``image`` (C,S...) as it was read -> on the network's grid, its intensities as ``image_to_grid`` makes them."""

    def __init__(self, window: Mapping[str, Any] | None, nonzero: bool, **grid: Any) -> None:
        super().__init__(**grid)
        self.window, self.nonzero = window and Window(**window), nonzero

    def __call__(self, case: Mapping[str, Any]) -> dict[str, Any]:
        """The image's own shape and affine stay in its ``meta``."""
        image = case["image"]
        shape, affine = tuple(image.shape[1:]), np.asarray(image.affine, np.float64)
        seen = {"window": self.window, "nonzero": self.nonzero}
        on_grid = image_to_grid(image.numpy(), self.place(shape, affine), **seen)
        meta = {"own_shape": np.array(shape), "own_affine": affine, "filename_or_obj": image.meta["filename_or_obj"]}
        return {**case, "image": MetaTensor(on_grid, meta=meta)}


class ToImage(Way):
    """``pred`` (T,S...) on the network's grid -> probabilities on the image's own; ``truth`` (1,S...), their labels.

    values: (T,) what the classes are called in files.
    """

    def __init__(self, values: Sequence[int], **grid: Any) -> None:
        super().__init__(**grid)
        self.values = np.array(values)

    def __call__(self, case: Mapping[str, Any]) -> dict[str, Any]:
        """Both with the image's affine."""
        own = case["image"].meta
        affine, shape = np.asarray(own["own_affine"]), np.asarray(own["own_shape"])
        native = probs_to_native(np.asarray(case["pred"]), self.place(shape.tolist(), affine))
        native = native / native.sum(0, keepdims=True)
        meta = {"filename_or_obj": own["filename_or_obj"], "spatial_shape": shape}
        meta |= {"affine": affine, "original_affine": affine}
        truth = self.values[native.argmax(0)][None]
        return {**case, "pred": MetaTensor(native, meta=meta), "truth": MetaTensor(truth, meta=meta)}


class MirroredInferer(SlidingWindowInferer):
    """Every window by the mean of what is said of it and of its mirror images.

    mirror_axes: along these axes of space, 0 the first, and along all of their combinations.
    """

    def __init__(self, mirror_axes: Sequence[int], **windows: Any) -> None:
        super().__init__(**windows)
        self.mirrors = [
            [axis + 2 for axis in axes] for n in range(len(mirror_axes) + 1) for axes in combinations(mirror_axes, n)
        ]

    def __call__(
        self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor | tuple[torch.Tensor, ...] | dict[Any, torch.Tensor]:
        """inputs (B,C,S...) -> probs (B,T,S...)."""

        def mean(windows: torch.Tensor, *more: Any, **named: Any) -> torch.Tensor:
            said = [network(windows.flip(axes), *more, **named).flip(axes) for axes in self.mirrors]
            return torch.stack(said).mean(dim=0)

        return super().__call__(inputs, mean, *args, **kwargs)
