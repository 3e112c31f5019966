"""How far the truth that is learned agrees with the labels, as one number to watch."""

from __future__ import annotations

import torch
from torch import Tensor

OVERLAP = "dice"
"""Its name among the metrics of validation."""


def vote_dice(log_probs: Tensor, labels: Tensor) -> Tensor:
    """Dice of the most probable class t and the vote v: log_probs (B,T,S...), labels (B,A,S...) -> ().

    Mean over samples of 2 |t = v > 0| / (|t > 0| + |v > 0|), 1 where both are empty; a voxel without a label counts in
    neither. Of labels that tie, v is the first class. A single row of labels, such as the known truth, is its own vote.

    >>> log_probs = torch.tensor([[0.1, 0.9, 0.9, 0.1], [0.9, 0.1, 0.1, 0.9]]).log()[None]
    >>> vote_dice(log_probs, torch.tensor([[[1, 1, 0, -1], [1, 1, 0, -1]]])).item()
    0.6666666865348816
    """
    votes = torch.stack([(labels == label).sum(dim=1) for label in range(log_probs.shape[1])], dim=1)
    labelled = votes.sum(dim=1) > 0
    vote, best = votes.argmax(dim=1) * labelled, log_probs.argmax(dim=1) * labelled
    both = ((vote == best) & (vote > 0)).flatten(1).sum(dim=1)
    sizes = (vote > 0).flatten(1).sum(dim=1) + (best > 0).flatten(1).sum(dim=1)
    return torch.where(sizes > 0, 2 * both / sizes.clamp(min=1), 1.0).mean()
