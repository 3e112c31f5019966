"""Many label maps on several cores: what a task makes of each, in their order."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar, cast

import torch

from medseg.contracts import Refused, complaint

Found = TypeVar("Found")
_TASKS: list[Callable[[Path], object]] = []
"""The one of a worker."""


def in_order(task: Callable[[Path], Found], paths: Sequence[Path], workers: int, device: str) -> Generator[Found]:
    """What the task makes of each path; with several workers each does one after another in a process of its own.

    Because a task knows its path alone, workers change nothing but the time. What it raises is raised in its turn;
    closing the generator ends the workers. device: where the task computes; one with a GPU is not forked.
    Raises Refused where the system has killed a worker.
    """
    if min(workers, len(paths)) < 2:
        yield from map(task, paths)
        return
    context = multiprocessing.get_context(None if device == "cpu" else "spawn")
    pool = ProcessPoolExecutor(min(workers, len(paths)), context, initializer=_begin, initargs=(task,))
    try:
        yield from pool.map(cast("Callable[[Path], Found]", _one), paths)
    except BrokenProcessPool as error:
        got = "one that was killed, as it happens where memory is short"
        raise Refused([complaint("worker", "one that ends its label maps", got, "--workers")]) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(task: Callable[[Path], object]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's matter
    torch.set_num_threads(1)
    _TASKS[:] = [task]


def _one(path: Path) -> object:
    return _TASKS[0](path)
