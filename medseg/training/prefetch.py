"""The next batches, made while the present one is trained on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from medseg.amodal.nouns import MaskBatch
from medseg.contracts import Batch


def batches(
    make: Callable[[int], Batch | MaskBatch], first: int, last: int, workers: int
) -> Iterator[Batch | MaskBatch]:
    """``make(step)`` for first <= step < last, in order; ``workers`` threads run up to 2 * workers ahead.

    Because a batch is a function of its step, threads change nothing but the time. What goes wrong in one is
    raised when its turn comes, with the step in a note.
    """
    if workers == 0:
        yield from (_noted(make, step) for step in range(first, last))
        return
    waiting: deque[Future[Batch | MaskBatch]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    try:
        for step in range(first, last):
            waiting.append(pool.submit(_noted, make, step))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _noted(make: Callable[[int], Batch | MaskBatch], step: int) -> Batch | MaskBatch:
    try:
        return make(step)
    except Exception as error:
        error.add_note(f"while making the batch of step {step}")
        raise
