"""Arrays that are made of a case's files once, and kept: in memory, or in a folder that runs and processes share.

In a folder each array is a file of its own (Blosc2: chunks, compressed by LZ4), named by a key: the digest of all that
it was made of. What has changed since is made anew under another name, so nothing is ever out of date; the folder
may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from medseg.contracts import Refused, complaint

CHUNK, BLOCK = {2: 256, 3: 64}, {2: 64, 3: 32}
"""Edges of what is read at once, and of what is unpacked at once, by the number of axes of space."""

LOCK = ".lock"
"""In a case's folder, held while its arrays are made."""


class StoredArray:
    """An array in a file, of which only the chunks that are asked for are read; no file stays open."""

    def __init__(self, path: Path) -> None:
        opened = _opened(path)
        self.path, self.shape, self.dtype = path, tuple(opened.shape), opened.dtype

    def __getitem__(self, window: Any) -> NDArray[Any]:
        """A copy of a part, or with ``[...]`` of all."""
        return _opened(self.path)[window]

    def __len__(self) -> int:
        """That of the first axis."""
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """A copy of all of it."""
        return np.asarray(self[...], dtype)


Array: TypeAlias = NDArray[Any] | StoredArray
Arrays: TypeAlias = Mapping[str, Array]


class Store(Protocol):
    """Where arrays are kept."""

    def keep(self, folder: str, keys: Mapping[str, str], make: Callable[[], Mapping[str, NDArray[Any]]]) -> Arrays:
        """The arrays that ``keys`` names (name -> key); what is not there yet is taken from what ``make`` returns.

        folder: a case, or what else the arrays belong to.
        """
        ...


class InMemory:
    """In this process, as long as it lives."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], NDArray[Any]] = {}

    def keep(self, folder: str, keys: Mapping[str, str], make: Callable[[], Mapping[str, NDArray[Any]]]) -> Arrays:
        """See ``Store``."""
        places = {name: (folder, name, key) for name, key in keys.items()}
        if not all(place in self._kept for place in places.values()):
            made = make()
            for name, place in places.items():
                self._kept.setdefault(place, made[name])
        return {name: self._kept[place] for name, place in places.items()}


class OnDisk:
    """In a folder. Several processes may keep the same arrays at once: one makes them, the others wait for it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def keep(self, folder: str, keys: Mapping[str, str], make: Callable[[], Mapping[str, NDArray[Any]]]) -> Arrays:
        """See ``Store``; a file that cannot be read is made anew. Raises Refused where none can be written."""
        paths = {name: self.root / folder / f"{name}-{key}.b2nd" for name, key in keys.items()}
        if len(found := _found(paths)) == len(paths):
            return found
        with refusing_to_keep(self.root):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / folder / LOCK):
                if len(found := _found(paths)) == len(paths):
                    return found
                made = make()
                for name in paths.keys() - found.keys():
                    _write(paths[name], made[name])
        return {name: StoredArray(path) for name, path in paths.items()}


@contextmanager
def refusing_to_keep(root: Path) -> Iterator[None]:
    """What the system refuses to keep in the cache is refused in one sentence."""
    try:
        yield
    except OSError as error:
        expected = "a folder with room that may be written to"
        raise Refused([complaint("data.cache", expected, error.strerror or error, str(root))]) from error


def key_of(*made_of: Any) -> str:
    """The key of an array made of all this: names, numbers, paths, lists and mappings of them."""
    text = json.dumps(made_of, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _found(paths: Mapping[str, Path]) -> dict[str, Array]:
    """Those that are there and can be read."""
    found: dict[str, Array] = {}
    for name, path in paths.items():
        with suppress(OSError, RuntimeError):
            found[name] = StoredArray(path)
    return found


def _opened(path: Path) -> Any:
    import blosc2

    return blosc2.open(str(path), mode="r", dparams={"nthreads": 1})  # a pool of threads does not survive a fork


def _write(path: Path, array: NDArray[Any]) -> None:
    """As a whole or not at all."""
    import blosc2

    edges = array.ndim - 1
    shapes: dict[str, Any] = {}
    if edges in CHUNK and array.size:
        shapes = {
            name: (1, *(min(edge[edges], length) for length in array.shape[1:]))
            for name, edge in (("chunks", CHUNK), ("blocks", BLOCK))
        }
    packing: dict[str, Any] = {"codec": blosc2.Codec.LZ4, "clevel": 5, "nthreads": 1}
    packed: Any = blosc2.asarray(cast("Any", np.ascontiguousarray(array)), cparams=packing, **shapes)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(packed.to_cframe())
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
