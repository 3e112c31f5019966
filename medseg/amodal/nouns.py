"""The nouns of method two: an object, a batch of objects in their frames, what is said of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # extraction and pictures need no torch
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Hider:
    """An object that may lie in front of another."""

    name: str
    """Like that of an AmodalObject."""
    mask: NDArray[np.bool_]
    """(S...) on the crop of the other: what is known of it, a region that both share included."""


@dataclass(frozen=True, kw_only=True)
class AmodalObject:
    """One object of a label map, on a crop of its native grid.

    ``visible`` and ``occluder`` never overlap voxel by voxel, except where ``amodal`` is known: there the occluder is
    all of the other object, the shared region included.
    """

    name: str
    """``<case>/<class name>-<number>``, of one occluded synthetically with ``~<kind of occluder>`` behind it."""
    case: str
    """Whose label map it is of."""
    label: str
    """Name of its class."""
    class_index: int
    """Of its class among those of the foreground, 0..K-1."""
    visible: NDArray[np.bool_]
    """(S...) what is seen of it."""
    occluder: NDArray[np.bool_] | None
    """(S...) what may hide it; None: unknown, anything that is not visible may."""
    hiders: tuple[Hider, ...] = ()
    """The objects that may lie in front of it; together with unknown regions they are ``occluder``."""
    amodal: NDArray[np.bool_] | None
    """(S...) all of it, the occluded part included; None: not known."""
    unoccluded: bool
    """Nothing hides it."""
    corner: tuple[int, ...]
    """(S,) index of the crop's first voxel in its map."""
    map_shape: tuple[int, ...]
    """(S,) of its map."""
    affine: NDArray[np.float64]
    """(4,4) of its map: voxel index -> mm, RAS+."""
    spacing_mm: tuple[float, ...] | None
    """(S,) length of a voxel; None for a picture without a scale."""
    simulated: bool = False
    """Its occluder was drawn, over an object that nothing really hides."""


@dataclass(kw_only=True)
class MaskBatch:
    """What a step of training sees of objects, each in its frame; masks are soft at their borders (resampled)."""

    visible: Tensor
    """(B,1,S...) float in [0,1], what is seen of each object."""
    occluder: Tensor
    """(B,1,S...) float in [0,1], what may hide it."""
    amodal: Tensor
    """(B,1,S...) float in [0,1], all of it; in the target of really occluded objects, where nobody knows that, it
    repeats ``visible``."""
    class_index: Tensor
    """(B,) as in AmodalObject."""
    case_index: Tensor
    """(B,) the position of each object in ``Parts.case_names``."""


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What a completer says of one object, on the crop of its AmodalObject; the visible part is always kept."""

    name: str
    """Of the object."""
    amodal: NDArray[np.bool_]
    """(S...) the one answer."""
    probs: NDArray[np.float32]
    """(S...) p(voxel belongs to the object)."""
    samples: NDArray[np.bool_]
    """(N,S...) draws of the amodal mask; N = 0 for a rival that cannot draw."""
    novelty: float
    """How unlike the training objects it looks, in units where the limit of abstaining is 1 (nan: unknown)."""
    intervals: tuple[tuple[float, float], ...] = ()
    """Low and high ends, in voxels, of the 50, 80 and 90 % interval of its volume; none without samples."""
    group: str = ""
    """The kind of object, by what can be seen, on which these were calibrated; none without samples."""
