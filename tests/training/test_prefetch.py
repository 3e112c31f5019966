from __future__ import annotations

import threading
import time

import pytest
import torch

from medseg.contracts import Batch
from medseg.training.prefetch import batches


def numbered(step: int) -> Batch:
    return Batch(torch.empty(0), torch.empty(0), torch.tensor([step]))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_come_in_order_whichever_is_ready_first(workers: int) -> None:
    def make(step: int) -> Batch:
        time.sleep(0.02 * (step % 3 == 0))
        return numbered(step)

    assert [int(batch.case_index) for batch in batches(make, 2, 9, workers)] == list(range(2, 9))


def test_threads_run_at_most_two_batches_each_ahead() -> None:
    made: list[int] = []
    lock = threading.Lock()

    def make(step: int) -> Batch:
        with lock:
            made.append(step)
        return numbered(step)

    stream = batches(make, 0, 100, 2)
    next(stream)
    time.sleep(0.05)
    assert max(made) == 4
    stream.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("workers", [0, 2])
def test_what_goes_wrong_is_raised_at_its_turn_and_names_the_step(workers: int) -> None:
    def make(step: int) -> Batch:
        if step == 3:
            raise OSError("c07: truncated")
        return numbered(step)

    seen: list[int] = []
    with pytest.raises(OSError, match="c07: truncated") as raised:
        for batch in batches(make, 0, 9, workers):
            seen.append(int(batch.case_index))
    assert seen == [0, 1, 2]
    assert raised.value.__notes__ == ["while making the batch of step 3"]
