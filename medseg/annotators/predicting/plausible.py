"""Plausible segmentations of an image: what annotators drawn at random would most probably write.

Given the truth and the image the model takes every voxel of an annotator's labels to err by itself: it has no form for
errors that go together. A draw voxel by voxel would be speckled as no label is, so that within an annotator there is no
draw: his sample is his most probable label of each voxel, and a run has as many different samples as annotators.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.mathematics.stages import RECIPES
from medseg.annotators.predicting.predictor import Predictor
from medseg.contracts import complaint

SAMPLES, TABLE = "samples", "samples.csv"
"""The folder of the samples, and the table that says whose each is."""
MOST = 1000
"""So many may be asked for."""


def sample_complaints(predictor: Predictor, samples: int, run: Path) -> list[str]:
    """A number that is none, and a run that takes all annotators for one."""
    found, recipe = [], predictor.config.recipe
    if not 1 <= samples <= MOST:
        found.append(complaint("--samples", f"a number from 1 to {MOST}", samples, str(run)))
    if RECIPES[recipe].confusion == "none":
        expected = "a run that tells annotators apart (recipe=fused)"
        found.append(complaint("--samples", expected, f"recipe {recipe}", str(run)))
    return found


def drawn_annotators(case: str, samples: int, annotators: int) -> NDArray[np.int64]:
    """(N,) whose label each sample is: of equal weights, in rounds in which everybody comes once, in random order.

    Drawn from the case's name alone. In N samples each of A annotators occurs N // A times, or once more.

    >>> np.bincount(drawn_annotators("c1", 7, 3)).tolist() in ([3, 2, 2], [2, 3, 2], [2, 2, 3])
    True
    """
    rng = np.random.default_rng(zlib.crc32(case.encode()))
    rounds = [rng.permutation(annotators) for _ in range(-(-samples // annotators))]
    return np.concatenate([np.zeros(0, np.int64), *rounds])[:samples]
