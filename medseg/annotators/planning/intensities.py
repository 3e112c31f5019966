"""Whether images are CT, told by their channels' names and their values, and by which numbers a network sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.loading.records import read_record
from medseg.cohorts import read_all
from medseg.contracts import Case, Cohort, PlannedKey
from medseg.images import read_channels

LOOKED_AT = 5
"""Images, spread evenly over the cohort, of which it is told whether they are CT."""
AIR = -500
"""Hounsfield units: an image has some of at most so many if it shows air (-1000), and hardly one that is not CT has."""
MOST_CASES = 40
"""Of CT, spread evenly over those of training, give the numbers."""
VOXELS = 10_000
"""Are drawn of each of them, so that large objects count no more than small ones."""
LOW, HIGH = 0.5, 99.5
"""Percentiles of the foreground (nnU-Net's)."""

Item = TypeVar("Item")


def planned_intensity(cohort: Cohort, train: Sequence[Case]) -> list[PlannedKey]:
    """``data.intensity`` of CT; nothing of other images, which have the default.

    A window is that of nnU-Net's CTNormalization (Isensee et al., Nature Methods 2021): values are clipped to
    percentiles .5 and 99.5 of the foreground of the training cases, less its mean, over its deviation. Foreground is
    what any annotator drew. Raises Refused where an image or a mask cannot be read.
    """
    looked = np.stack(read_all(_spread(cohort.cases, LOOKED_AT), _told))  # (N,C,2)
    air = (looked <= (AIR, 0)).all(axis=2).sum(axis=0)
    negative = (looked[..., 0] < 0).sum(axis=0)
    named = np.array([name.strip().casefold() == "ct" for name in cohort.channels])
    most = len(looked) / 2
    ct = np.flatnonzero((air > most) | (named & (negative > most))).tolist()
    if not ct and named.any():
        reason = (
            f"called CT, but {len(looked) - negative.max()} of {len(looked)} images looked at have no value below 0:"
        )
        return [_zscore(f"{reason} no Hounsfield units any more, so that each image has mean 0 and deviation 1")]
    if not ct:
        return []
    by_values = f"whole numbers down to {AIR} or less (air) in {air[ct].min()} of {len(looked)} images looked at"
    by_name = f"its name in cohort.yaml, and values below 0 in {negative[ct].min()} of {len(looked)} images looked at"
    return [_window(cohort, train, ct, by_values if (air[ct] > most).all() else by_name)]


def _told(case: Case) -> NDArray[np.float64]:
    """(C,2) of each channel its least value, and the largest distance from a whole number (of some values)."""
    image = read_channels(case.images).array
    flat = image.reshape(len(image), -1)
    some = flat[:, :: max(flat.shape[1] // VOXELS, 1)].astype(np.float64)
    return np.stack([flat.min(axis=1), np.abs(some - np.rint(some)).max(axis=1)], axis=1)


def _window(cohort: Cohort, train: Sequence[Case], channels: list[int], told: str) -> PlannedKey:
    """The window of channels that are CT, with its reason."""
    chosen = _spread(train, MOST_CASES)
    values = np.concatenate(read_all(chosen, lambda case: _foreground(case, cohort, channels)))
    if not len(values) or values.std() == 0:
        return _zscore(f"CT, but what anybody drew in {len(chosen)} cases tells no window: each image by itself")
    low, high = np.percentile(values, (LOW, HIGH))
    numbers = {"mean": _short(values.mean()), "deviation": _short(values.std())}
    value = {"normalisation": "window", "window": [_short(low), _short(high)], **numbers}
    if len(channels) < len(cohort.channels):
        value["channels"] = channels
    reason = (
        f"CT, by {told}: clipped to the percentiles {LOW} and {HIGH} of what anybody drew in {len(chosen)} training "
        "cases, less its mean, over its deviation, as nnU-Net does: Hounsfield units mean the same in every image"
    )
    return PlannedKey(key="data.intensity", value=value, reason=reason)


def _foreground(case: Case, cohort: Cohort, channels: list[int]) -> NDArray[np.float32]:
    """Values of voxels of some class in somebody's mask, drawn with replacement; none where nobody drew any."""
    record = read_record(case, cohort, cohort.annotators or cohort.crowd)
    found = record.image[channels][:, (record.labels > 0).any(axis=0)].ravel()
    rng = np.random.default_rng(0)
    return rng.choice(found, VOXELS) if len(found) else found


def _zscore(reason: str) -> PlannedKey:
    return PlannedKey(key="data.intensity", value={"normalisation": "zscore"}, reason=reason)


def _spread(items: Sequence[Item], most: int) -> list[Item]:
    """So many of them at most, evenly."""
    return [items[i] for i in np.linspace(0, len(items) - 1, min(len(items), most)).round().astype(int)]


def _short(number: float) -> float:
    """Four digits are enough."""
    return float(f"{number:.4g}")
