"""Randomness is derived, never saved: what a step draws is a function of (seed, step, rank) alone."""

from __future__ import annotations

import numpy as np
import torch

TRAINING, VALIDATION = 0, 1


def seed_step(seed: int, global_step: int, rank: int) -> None:
    """Seed torch, on every device, for the noise of one training step (dropout, latent samples)."""
    _seed(seed, TRAINING, global_step, rank)


def seed_validation(seed: int, number: int, rank: int) -> None:
    """Seed torch for validation batch ``number`` of this rank: the same noise in every epoch."""
    _seed(seed, VALIDATION, number, rank)


def _seed(*key: int) -> None:
    torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0]))
