"""Arrays on disk are those in memory, made once, and made anew where a file was damaged."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from medseg.cohorts import InMemory, OnDisk, Store, key_of
from medseg.cohorts.stores import StoredArray
from medseg.contracts import Refused

KEYS = {"image": key_of("a", 1), "labels": key_of("b", 1)}


def made() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"image": rng.normal(size=(2, 70, 80, 90)).astype(np.float32), "labels": np.arange(12, dtype=np.int16)}


def never() -> dict[str, np.ndarray]:
    raise AssertionError("made again")


def test_a_key_is_of_all_that_an_array_is_made_of() -> None:
    assert key_of("a", [1, 2], Path("x")) == key_of("a", (1, 2), Path("x"))
    assert len({key_of("a", 1), key_of("a", 2), key_of("a", [1]), key_of({"a": 1}), key_of({"a": None})}) == 5


@pytest.mark.parametrize("on_disk", [False, True])
def test_arrays_are_made_once_and_come_back_as_they_were(tmp_path: Path, on_disk: bool) -> None:
    store: Store = OnDisk(tmp_path) if on_disk else InMemory()
    for make in (made, never):
        kept = store.keep("cases/c0", KEYS, make)
        for name, array in made().items():
            assert kept[name].shape == array.shape and kept[name].dtype == array.dtype
            np.testing.assert_array_equal(np.asarray(kept[name]), array)
    np.testing.assert_array_equal(kept["image"][1:, 3:40, 60:75, :90], made()["image"][1:, 3:40, 60:75, :90])
    changed = {"image": 1 / made()["image"], "labels": np.ones(3)}
    other = store.keep("cases/c0", KEYS | {"labels": key_of("b", 2)}, lambda: changed)
    np.testing.assert_array_equal(np.asarray(other["labels"]), np.ones(3))
    np.testing.assert_array_equal(np.asarray(other["image"]), made()["image"])  # known already, by its key


def test_empty_tables_can_be_kept(tmp_path: Path) -> None:
    kept = OnDisk(tmp_path).keep("c", {"t": "k"}, lambda: {"t": np.zeros((0, 4), np.int32)})
    assert np.asarray(kept["t"]).shape == (0, 4)


def test_a_part_is_unpacked_from_its_chunks_alone(tmp_path: Path) -> None:
    """A file of which a chunk far away is overwritten still gives the others."""
    noise = np.random.default_rng(0).normal(size=(1, 64, 64, 640)).astype(np.float32)
    OnDisk(tmp_path).keep("c", {"t": "k"}, lambda: {"t": noise})
    path = tmp_path / "c" / "t-k.b2nd"
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 64] = b"\xff" * 64
    path.write_bytes(content)
    stored = StoredArray(path)
    np.testing.assert_array_equal(stored[:, :, :, :64], noise[:, :, :, :64])


def test_a_file_that_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    store = OnDisk(tmp_path)
    store.keep("c", KEYS, made)
    path = tmp_path / "c" / f"image-{KEYS['image']}.b2nd"
    path.write_bytes(path.read_bytes()[:-100])
    np.testing.assert_array_equal(np.asarray(store.keep("c", KEYS, made)["image"]), made()["image"])
    assert not list(tmp_path.glob("c/.image*"))  # no draft is left


def test_a_folder_that_cannot_be_written_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"^data\.cache: expected a folder with room that may be written to, got "):
        OnDisk(tmp_path / "file").keep("c", KEYS, made)


def _keep(folder: Path, log: Path) -> None:
    def noted() -> dict[str, np.ndarray]:
        with log.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return made()

    for number in range(5):
        OnDisk(folder).keep(f"c{number}", KEYS, noted)


def test_of_several_processes_one_makes_an_array(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_keep, args=(tmp_path / "kept", tmp_path / "log")) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len((tmp_path / "log").read_text().splitlines()) == 5
