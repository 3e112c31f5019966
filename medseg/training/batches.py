"""The batches of a stage, in order; with workers, made ahead of their step in processes of their own."""

from __future__ import annotations

import errno
import multiprocessing
import pickle
import signal
import time
import traceback
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, is_dataclass
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from medseg.contracts import Batch, Refused, Target, complaint
from medseg.training.settings import LoopConfig


class Source(Protocol):
    """What the loop needs of the data. A batch is a function of its arguments, so there is nothing to resume.

    ``batch`` is the share of process ``rank`` of ``world``: together they are one global batch, the same for
    every ``world``, in equal shares. With workers each has a copy of the source, as it was when the stage began: what
    was loaded by then the forked ones share with their parent.
    """

    def load(self, targets: Iterable[Target]) -> None: ...  # noqa: D102

    def steps_per_epoch(self) -> int: ...  # noqa: D102

    def batch(self, target: Target, epoch: int, step: int, rank: int, world: int) -> Batch: ...  # noqa: D102

    def validation(self, target: Target, rank: int, world: int) -> Iterator[Batch]: ...  # noqa: D102


def copies_of_source(config: LoopConfig) -> int:
    """How many processes of one machine hold a source of their own: one per device, and each of its workers too.

    Workers that are forked, as on Linux, share what their parent has loaded.
    """
    start_method = multiprocessing.get_start_method(allow_none=True) or multiprocessing.get_all_start_methods()[0]
    return config.devices * (1 if start_method == "fork" else 1 + config.workers)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A batch that could not be made."""

    error: Exception
    """Why, with the epoch and the step in a note."""
    trace: str
    """Where; a traceback itself does not travel from process to process."""


@dataclass(frozen=True, kw_only=True)
class StageBatches(Dataset[Batch | Failure]):
    """The batches of one stage by the number of their step, counted over the whole stage."""

    source: Source
    """Where they come from."""
    target: Target
    """That of the stage."""
    steps: int
    """Of an epoch."""
    rank: int
    """This process."""
    world: int
    """Of so many."""
    parts: int = 1
    """In which this process computes its share of a batch: shares of ``parts`` times as many processes."""

    def __getitem__(self, number: int) -> Batch | Failure:
        """This part of all, or why there is none."""
        number, part = divmod(number, self.parts)
        epoch, step = divmod(number, self.steps)
        rank, world = self.rank + self.world * part, self.world * self.parts
        try:
            batch = self.source.batch(self.target, epoch, step, rank=rank, world=world)
            return batch if get_worker_info() is None else _shared(batch)
        except Exception as error:
            trace = traceback.format_exc()
            portable = error if get_worker_info() is None else _portable(error)
            portable.add_note(f"while making the batch of epoch {epoch + 1}, step {step + 1}")
            return Failure(error=portable, trace=trace)

    def between(self, first: int, last: int, workers: int) -> Generator[Batch]:
        """Those of first <= step < last, the parts of one after the other; each worker is up to two parts ahead.

        Because a batch is a function of its step, workers change nothing but the time. What goes wrong in one is
        raised when its turn comes. Closing the generator ends them. Raises Refused where the memory that processes
        share is too small.
        """
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=range(first * self.parts, last * self.parts),
            num_workers=workers,
            collate_fn=_as_it_is,
            worker_init_fn=_leave_stopping_to_the_parent,
            generator=torch.Generator(),  # its own, so that nothing is drawn from that of the training
        )
        stream = _begun(loader)
        try:
            for made in stream:
                if isinstance(made, Failure):
                    if made.error.__traceback__ is None:  # it comes from another process
                        made.error.__cause__ = RuntimeError(made.trace)
                    raise made.error
                yield made
        finally:
            _ended(stream)


class Waited(Iterator[Any]):
    """A stream, and how long was waited for what came of it."""

    def __init__(self, stream: Iterator[Any]) -> None:
        self._stream, self.seconds = stream, 0.0

    def __next__(self) -> Any:
        """The next of the stream."""
        began = time.perf_counter()
        try:
            return next(self._stream)
        finally:
            self.seconds += time.perf_counter() - began


def _begun(loader: DataLoader[Any]) -> Iterator[Any]:
    try:
        return iter(loader)
    except OSError as error:  # a semaphore lies in shared memory too
        if error.errno != errno.ENOSPC:
            raise
        raise _no_room() from error


def _ended(stream: Iterator[Any]) -> None:
    """End the workers now, not when the last reference to them goes: an error may hold one until the program ends,
    which then waits for them in vain."""
    end = getattr(stream, "_shutdown_workers", None)
    if end is not None:
        end()


def _shared(batch: Batch) -> Batch:
    """The batch in shared memory, where the parent finds it; later, torch would fail in a thread of its own, and the
    parent would wait for ever. Raises Refused where there is no room."""
    try:
        for tensor in _tensors(batch):
            tensor.share_memory_()
    except RuntimeError as error:
        raise _no_room() from error
    return batch


def _tensors(batch: Any) -> Iterator[torch.Tensor]:
    """Those of a batch and of the batches in it."""
    for value in vars(batch).values():
        if isinstance(value, torch.Tensor):
            yield value
        elif is_dataclass(value):
            yield from _tensors(value)


def _no_room() -> Refused:
    expected = "room in /dev/shm for the batches that are made ahead (or training.workers=0, which needs none)"
    return Refused([complaint("shared memory", expected, "No space left on device", "training.workers")])


def _portable(error: Exception) -> Exception:
    """The error, or one that says the same where it cannot be sent to another process."""
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")


def _as_it_is(made: Any) -> Any:
    return made


def _leave_stopping_to_the_parent(worker: int) -> None:
    """A SIGTERM or SIGINT to all processes at once is the parent's matter, which saves and then ends its workers.

    The handler that a worker has inherited would only set a flag that nobody reads; without any, its death would be
    an error of the parent. A second SIGTERM, as of a parent that has waited too long, ends it.
    """

    def first(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, first)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
