from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterable, Iterator

import pytest
import torch

from medseg.annotators.nouns import ImageBatch
from medseg.contracts import Refused, Target
from medseg.training.batches import StageBatches, copies_of_source
from medseg.training.settings import LoopConfig

STEPS = 4
MAIN = os.getpid()


class Numbered:
    """Each batch says its epoch and step, and in which process it was made; the third of each epoch is slow."""

    def load(self, targets: Iterable[Target]) -> None: ...

    def steps_per_epoch(self) -> int:
        return STEPS

    def batch(self, target: Target, epoch: int, step: int, rank: int, world: int) -> ImageBatch:
        time.sleep(0.02 * (step == 2))
        return ImageBatch(
            image=torch.tensor(os.getpid()),
            labels=torch.tensor([rank, world]),
            case_index=torch.tensor([10 * epoch + step]),
        )

    def validation(self, target: Target, rank: int, world: int) -> Iterator[ImageBatch]:
        yield from ()


def batches(source: Numbered) -> StageBatches:
    return StageBatches(source=source, target="annotated", steps=STEPS, rank=1, world=3)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_come_in_order_over_the_epochs_whichever_is_ready_first(workers: int) -> None:
    made = list(batches(Numbered()).between(2, 9, workers))
    assert [int(batch.case_index) for batch in made] == [2, 3, 10, 11, 12, 13, 20]
    assert {tuple(batch.labels.tolist()) for batch in made} == {(1, 3)}
    makers = {int(batch.image) for batch in made}
    assert len(makers) == max(workers, 1) and (MAIN in makers) == (workers == 0)


def test_without_workers_a_batch_is_made_when_it_is_asked_for() -> None:
    asked: list[int] = []

    class Noting(Numbered):
        def batch(self, target: Target, epoch: int, step: int, rank: int, world: int) -> ImageBatch:
            asked.append(step)
            return super().batch(target, epoch, step, rank=rank, world=world)

    stream = batches(Noting()).between(0, 100, 0)
    next(stream)
    assert asked == [0]


def test_workers_are_at_most_two_batches_each_ahead(tmp_path) -> None:
    class Marking(Numbered):
        def batch(self, target: Target, epoch: int, step: int, rank: int, world: int) -> ImageBatch:
            (tmp_path / f"{STEPS * epoch + step}").touch()
            return super().batch(target, epoch, step, rank=rank, world=world)

    stream = batches(Marking()).between(0, 100, 2)
    next(stream)
    deadline = time.monotonic() + 10
    while len(list(tmp_path.iterdir())) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == [0, 1, 2, 3, 4]
    stream.close()


def test_nothing_is_drawn_from_the_generator_of_the_training() -> None:
    before = torch.get_rng_state()
    list(batches(Numbered()).between(0, 3, 1))
    assert torch.equal(torch.get_rng_state(), before)


class Unsendable(Exception):
    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}")


class Failing(Numbered):
    def __init__(self, error: Exception) -> None:
        self.error = error

    def batch(self, target: Target, epoch: int, step: int, rank: int, world: int) -> ImageBatch:
        if (epoch, step) == (1, 1):
            raise self.error from KeyError("c07")
        return super().batch(target, epoch, step, rank=rank, world=world)


@pytest.mark.parametrize("workers", [0, 2])
def test_what_goes_wrong_is_raised_at_its_turn_and_names_the_step(workers: int) -> None:
    seen: list[int] = []
    with pytest.raises(OSError, match="c07: truncated") as raised:
        for batch in batches(Failing(OSError("c07: truncated"))).between(2, 9, workers):
            seen.append(int(batch.case_index))
    assert seen == [2, 3, 10]
    assert raised.value.__notes__ == ["while making the batch of epoch 2, step 2"]
    if workers:  # the lines of the worker are told as the cause
        told = str(raised.value.__cause__)
        assert told.startswith("KeyError: 'c07'") and "in batch\n    raise self.error" in told
    else:
        assert isinstance(raised.value.__cause__, KeyError)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_refusal_arrives_with_its_sentences(workers: int) -> None:
    sentences = ("image: expected 2 channels, got 1 (c07)", "image: expected 2 channels, got 3 (c08)")
    with pytest.raises(Refused) as refused:
        list(batches(Failing(Refused(sentences))).between(0, 9, workers))
    assert refused.value.complaints == sentences
    assert refused.value.__notes__ == ["while making the batch of epoch 2, step 2"]


def test_an_error_that_cannot_be_sent_is_told_in_words() -> None:
    with pytest.raises(RuntimeError) as raised:
        list(batches(Failing(Unsendable("c07", "truncated"))).between(0, 9, 1))
    assert str(raised.value) == "Unsendable: c07: truncated"
    assert raised.value.__notes__ == ["while making the batch of epoch 2, step 2"]


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def test_closing_ends_the_workers_even_those_that_a_first_sigterm_has_not_ended() -> None:
    stream = batches(Numbered()).between(0, 100, 2)
    makers = {int(next(stream).image) for _ in range(4)}
    assert len(makers) == 2
    for maker in makers:
        os.kill(maker, signal.SIGTERM)
    assert [int(next(stream).case_index) for _ in range(4)] == [10, 11, 12, 13]
    stream.close()
    assert all(gone(maker) for maker in makers)


@pytest.mark.parametrize(("start", "copies"), [("fork", 3), ("spawn", 15)])
def test_forked_workers_share_the_source_and_spawned_ones_copy_it(
    start: str, copies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda allow_none: start)
    assert copies_of_source(LoopConfig(devices=3, workers=4)) == copies
