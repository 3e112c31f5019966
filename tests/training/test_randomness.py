from __future__ import annotations

import torch

from medseg.training.randomness import seed_step, seed_validation


def drawn() -> float:
    return float(torch.rand(()))


def test_the_same_step_draws_the_same_whatever_came_before() -> None:
    seed_step(1, 7, 0)
    first = drawn()
    torch.rand(100)
    seed_step(1, 7, 0)
    assert drawn() == first


def test_every_seed_step_and_rank_draws_something_else() -> None:
    numbers = set()
    keys = [(seed, step, rank) for seed in range(3) for step in range(3) for rank in range(3)]
    for key in keys:
        seed_step(*key)
        numbers.add(drawn())
        seed_validation(*key)
        numbers.add(drawn())
    assert len(numbers) == 2 * len(keys)
