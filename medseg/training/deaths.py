"""A process that dies: told from the errors of those that it leaves behind, and said in one sentence by one of them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from lightning_fabric import Fabric
from lightning_fabric.strategies.launchers.subprocess_script import _ChildProcessObserver

LOADER = "DataLoader worker"
"""What torch says of one that has died, wherever its parent is at that moment."""

GROUP = ("gloo", "nccl", "Connection closed by peer", "Connection reset by peer")
"""What is in the error of a process whose partner in a collective has died."""


class ProcessDied(Exception):
    """A process without which the run cannot go on has died; the message says which."""

    def __init__(self, reason: str, *, told_here: bool = True) -> None:
        super().__init__(reason)
        self.told_here = told_here
        """Whether this process is the one of the survivors that says so."""


PATIENCE_SECONDS = 30
"""So long a process has to notice, by the error of its next collective, that another one is dead."""


def give_time_to_notice() -> None:
    """Lightning looks every 5 seconds for children that have died, and then kills all without a word: not at once."""
    for thread in threading.enumerate():
        if isinstance(thread, _ChildProcessObserver):
            thread._run = partial(_looking_patiently, thread, thread._run)  # type: ignore[method-assign]


def _looking_patiently(observer: _ChildProcessObserver, look: Callable[[], bool]) -> bool:
    if any(process.poll() for process in observer._child_processes):
        time.sleep(PATIENCE_SECONDS)
    return look()


@contextmanager
def deaths_told(fabric: Fabric) -> Iterator[None]:
    """The death of a loader process, or of another process of the run, is raised as ProcessDied.

    The first process says so; where it is the dead one, the first that it has started.
    """
    parent = os.getppid()
    try:
        yield
    except RuntimeError as error:
        words = str(error)
        if LOADER in words:
            raise ProcessDied("a process that makes batches has died") from error
        if fabric.world_size == 1 or not any(mark in words for mark in GROUP):
            raise
        orphan = fabric.global_rank == 1 and os.getppid() != parent
        raise ProcessDied("another process of the run has died", told_here=fabric.is_global_zero or orphan) from error
