"""Many files at once: on as many threads as there are cores, in order, with every complaint."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

import medseg
from medseg.cohorts import reading
from medseg.cohorts.checking import images
from medseg.cohorts.checking.images import check_images
from medseg.cohorts.cohort import load_cohort
from medseg.cohorts.reading import read_all
from medseg.contracts import Refused

PACKAGE = Path(medseg.__file__).parent


def test_every_core_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    together = Barrier(5, timeout=10)  # breaks unless five wait for one another

    def read(item: int) -> int:
        together.wait()
        return 10 * item

    assert read_all(range(5), read) == [0, 10, 20, 30, 40]


@pytest.mark.parametrize(("cores", "items", "threads"), [(1, 6, 1), (64, 3, 3), (64, 40, 8), (None, 2, 1)])
def test_no_more_threads_than_cores_or_items_or_eight(
    cores: int | None, items: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, most: int) -> None:
            asked.append(most)
            super().__init__(most)

    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(reading, "ThreadPoolExecutor", Pool)
    assert read_all(range(items), str) == [str(item) for item in range(items)]
    assert asked == [threads]


def test_nothing_is_read_of_nothing() -> None:
    assert read_all([], str) == []


def test_all_complaints_come_at_once() -> None:
    def read(item: int) -> int:
        if item % 2:
            raise Refused([f"{item} is odd", f"{item} is not even"])
        return item

    with pytest.raises(Refused) as caught:
        read_all(range(4), read)
    assert caught.value.complaints == ("1 is odd", "1 is not even", "3 is odd", "3 is not even")


def test_check_reads_on_every_core(tmp_path: Path, pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3, 6):
        pictures.add(f"c{number:02d}")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    together = Barrier(5, timeout=10)

    def inspect(case, cohort):
        together.wait()
        return real(case, cohort)

    real = images.inspect
    monkeypatch.setattr(images, "inspect", inspect)
    assert check_images(load_cohort(pictures.tables())).errors == ()


def test_the_number_of_threads_is_written_down_once() -> None:
    users = [path for path in PACKAGE.rglob("*.py") if "ThreadPoolExecutor" in path.read_text()]
    assert [path.relative_to(PACKAGE).as_posix() for path in users] == ["cohorts/reading.py"]
