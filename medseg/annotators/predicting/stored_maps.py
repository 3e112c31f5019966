"""Maps of an image that are too many for memory: in a file, from which one annotator's are read after the other's."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from medseg.annotators.loading.placement import Placement, probs_to_native
from medseg.contracts import Refused, complaint


class StoredMaps:
    """(N,S...) float32 in a file that has no name and goes with this object.

    folder: where the file is; None: where the system keeps such files. Raises Refused where that takes no more.
    """

    def __init__(self, number: int, space: Sequence[int], folder: Path | None) -> None:
        self.space, self._folder = tuple(space), folder or Path(tempfile.gettempdir())
        self._plane_bytes = 4 * math.prod(self.space[1:])
        with self._refused():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            self._file.truncate(number * self.space[0] * self._plane_bytes)

    def put(self, maps: Tensor, *, index: int, plane: int) -> None:
        """Planes (n,planes,S...) of the maps from ``index`` on, from ``plane`` on."""
        with self._refused():
            for number, planes in enumerate(maps.cpu().numpy(), start=index):
                self._file.seek((number * self.space[0] + plane) * self._plane_bytes)
                self._file.write(np.ascontiguousarray(planes).data)

    def read(self, index: int) -> NDArray[np.float32]:
        """(S...) one of the maps."""
        found = np.empty(self.space, np.float32)
        self._file.seek(index * found.nbytes)
        self._file.readinto(found.data.cast("B"))
        return found

    @contextmanager
    def _refused(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what, expected = "file for maps that do not fit into memory", "room and leave for it"
            raise Refused([complaint(what, expected, error.strerror, str(self._folder))]) from error


@dataclass(frozen=True, kw_only=True)
class StoredAnnotators:
    """The maps of all annotators, each turned to the image's own grid when he is asked for; see ``AnnotatorMaps``."""

    stored: StoredMaps
    """p[t], and after them q^(a)[o], on the network's grid."""
    placement: Placement
    """The way back from it."""
    shape: tuple[int, ...]
    """(A,O,S...)."""

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, annotator: int) -> NDArray[np.float32]:
        """q^(a)[o] (O,S...)."""
        return self._turned(annotator + 1)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return map(self.__getitem__, range(len(self)))

    def truth(self) -> NDArray[np.float32]:
        """p[t] (T,S...)."""
        return self._turned(0)

    def _turned(self, number: int) -> NDArray[np.float32]:
        _, classes, *space = self.shape
        maps = map(self.stored.read, range(number * classes, (number + 1) * classes))
        return native_probs(maps, self.placement, (classes, *space))


def native_probs(
    maps: Iterable[NDArray[np.float32]], placement: Placement, shape: Sequence[int]
) -> NDArray[np.float32]:
    """Probabilities of T classes on the network's grid, one after another -> (T,S...) on the file's, with sum 1."""
    native = np.empty(tuple(shape), np.float32)
    for label, of_class in enumerate(maps):
        native[label] = probs_to_native(of_class[None], placement)[0]
    native /= native.sum(axis=0)
    return native
