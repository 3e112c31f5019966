"""An image of any size, seen by windows that overlap: what a model says of them, blended, slab by slab."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from monai.data.utils import compute_importance_map, dense_patch_slices
from torch import Tensor

AT_ONCE = 2
"""So many windows are a batch."""

Place = tuple[slice, ...]
"""(S,) of a window in its image."""


@dataclass(frozen=True, kw_only=True)
class Slab:
    """Neighbouring planes along the first axis of space, which no further window touches."""

    first: int
    """Where the first of them lies."""
    maps: Tensor
    """(N,planes,S...), for as long as no other slab is asked for."""


@dataclass(frozen=True, kw_only=True)
class Windows:
    """How windows lie in an image, and with which weights they are blended.

    m(x) = sum_w g(x - x_w) m_w(x) / sum_w g(x - x_w), g a Gaussian: the numbers of
    monai.inferers.sliding_window_inference bit by bit, without a place for more than a window's planes of every map.
    """

    places: Sequence[Place]
    """Of every window, the first axis slowest."""
    importance: Tensor
    """(S...) of a window: g."""
    total: Tensor
    """(S...) of the image: the sum of g over the windows."""

    @staticmethod
    def over(shape: Sequence[int], window: Sequence[int], *, overlap: float, device: str) -> Windows:
        """shape (S,) of an image, none of its lengths below the window's (S,); overlap: of neighbours, as a part."""
        importance = compute_importance_map(tuple(window), mode="gaussian", device=device)
        steps = [
            length if length == full else max(int(length * (1 - overlap)), 1)
            for length, full in zip(window, shape, strict=True)
        ]  # as sliding_window_inference lays its windows
        places = dense_patch_slices(tuple(shape), tuple(window), steps)
        total = importance.new_zeros(tuple(shape))
        for place in places:
            total[place] += importance
        return Windows(places=places, importance=importance, total=total)

    def blended(self, image: Tensor, see: Callable[[Tensor, Sequence[Place]], Sequence[Tensor]]) -> Iterator[Slab]:
        """image (1,C,S...) -> slabs of the N maps that ``see`` says of windows, from the first plane to the last.

        see: windows (B,C,S...) and their places -> tensors (B,n,S...), whose maps follow one another in N.
        """
        length, first, band = len(self.importance), 0, None
        for start in range(0, len(self.places), AT_ONCE):
            group = self.places[start : start + AT_ONCE]
            said = see(torch.cat([image[(..., *place)] for place in group]), group)
            if band is None:
                number = sum(maps.shape[1] for maps in said)
                band = self.total.new_zeros((number, length, *self.total.shape[1:]))
            for row, place in enumerate(group):
                if place[0].start > first:
                    yield self._ready(band, first, place[0].start)
                    _move(band, place[0].start - first)
                    first = place[0].start
                parts = band.split([maps.shape[1] for maps in said])
                for part, maps in zip(parts, said, strict=True):
                    part[(..., *place[1:])] += maps[row] * self.importance
        assert band is not None
        yield self._ready(band, first, first + length)

    def _ready(self, band: Tensor, first: int, stop: int) -> Slab:
        """The planes of the band, which begins at ``first``, up to ``stop``."""
        return Slab(first=first, maps=band[:, : stop - first].div_(self.total[first:stop]))


def _move(band: Tensor, planes: int) -> None:
    """The band (N,planes,S...) so many planes further on."""
    kept = band.shape[1] - planes
    for plane in range(kept):
        band[:, plane] = band[:, plane + planes]
    band[:, kept:] = 0
