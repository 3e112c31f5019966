"""The nouns of method two: an object, a batch of objects in their frames, what is said of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class AmodalObject:
    """One object of a label map, on a crop of its native grid.

    name: ``<case>/<class name>-<number>``, of one hidden synthetically with ``~<occluder>`` behind it.
    class_index: among the foreground classes, 0..K-1.
    visible: (S...) bool. occluder: (S...) bool, what may hide it, None: unknown (anything not visible may).
    The two never overlap voxel by voxel, except where ``amodal`` is known: there the occluder is the whole other
    object, the shared region included. whole: (S...) bool where it is known. complete: nothing hides it.
    corner: index of the crop's first voxel in a map of shape ``map_shape``. affine, spacing_mm: of the whole map.
    """

    name: str
    case: str
    label: str
    class_index: int
    visible: NDArray[np.bool_]
    occluder: NDArray[np.bool_] | None
    amodal: NDArray[np.bool_] | None
    unoccluded: bool
    corner: tuple[int, ...]
    map_shape: tuple[int, ...]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, ...] | None


@dataclass
class MaskBatch:
    """What a step of training sees of objects, each in its frame; masks are soft at their borders (resampled).

    visible, occluder, whole: (B,1,S...) float in [0,1]; in the view of really hidden objects nobody knows the whole,
    and ``amodal`` repeats ``visible``. class_index: (B,). case_index: (B,) the position of each object in the source.
    """

    visible: Tensor
    occluder: Tensor
    amodal: Tensor
    class_index: Tensor
    case_index: Tensor


@dataclass(frozen=True)
class Completion:
    """What a completer says of one object, on the crop of its AmodalObject; the visible part is always kept.

    whole: (S...) bool, the one answer. probs: (S...) p(voxel belongs to the object).
    samples: (N,S...) bool, N draws of the whole (N = 0 for a rival that cannot draw).
    novelty: how unlike the training objects it looks, in units where the limit of abstaining is 1 (nan: unknown).
    """

    name: str
    amodal: NDArray[np.bool_]
    probs: NDArray[np.float32]
    samples: NDArray[np.bool_]
    novelty: float
