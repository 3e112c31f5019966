"""How well somebody who saw k examples of a group tells its members from others, and how well a line of words does.

Laina et al., NeurIPS 2020 ("Quantifying learnability and describability of visual concepts emerging in representation
learning"): a group that can be learned from a few examples, or told in words, is a concept; another is an accident of
the clustering. They asked people, with a forced choice of two; here a simple classifier is asked first, and ``sheet``
asks people the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medseg.annotators.diagnosis.probes import area_under_curve

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]

EXAMPLES = (1, 2, 4, 8)
"""k."""
DRAWS = 200
"""Of examples, and of the patients whose masks are asked about."""


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Of a forced choice between a member and another: 0.5 is chance."""

    value: float
    """Over all pairs; nan where there is no pair, or too few examples."""
    low: float
    """Of its 95 % interval, lower end."""
    high: float
    """Upper end."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of words: a threshold on one descriptor."""

    descriptor: str
    """Which."""
    above: bool
    """Whether members lie above the threshold."""
    threshold: float
    """Between two values that there are."""

    def __str__(self) -> str:
        return f"{self.descriptor} {'above' if self.above else 'below'} {self.threshold:.3g}"

    def holds(self, descriptors: pd.DataFrame) -> Mask:
        """(N,) of which rows it is true."""
        values = descriptors[self.descriptor].to_numpy()
        return values > self.threshold if self.above else values <= self.threshold


NOTHING = Line(descriptor="relative_area", above=True, threshold=float("inf"))
"""What is said where no descriptor differs."""


def learnability(features: Floats, member: Mask, shown: Mask, *, patients: Sequence[str], examples: int) -> Accuracy:
    """A choice by the distance to the mean of so many examples.

    features (N,K), member and shown (N,), patients (N,): examples are members that may be shown; asked about are all
    that may not. value: mean over DRAWS of examples; the interval draws patients anew with each.
    """
    rng = np.random.default_rng((0, examples))
    known = np.flatnonzero(member & shown)
    asked, inside = features[~shown], member[~shown]
    if len(known) < examples or not inside.any() or inside.all():
        return Accuracy(value=float("nan"), low=float("nan"), high=float("nan"))
    weights = _drawn_anew([name for name, hidden in zip(patients, ~shown, strict=True) if hidden], rng)
    found = []
    for drawn in weights:
        mean = features[rng.choice(known, examples, replace=False)].mean(axis=0)
        nearness = -((asked - mean) ** 2).sum(axis=1)
        found.append(area_under_curve(nearness, inside, np.stack([np.ones(len(inside)), drawn])))
    values, again = np.array(found).T
    low, high = np.nanpercentile(again, [2.5, 97.5])
    return Accuracy(value=float(values.mean()), low=float(low), high=float(high))


def best_line(descriptors: pd.DataFrame, member: Mask) -> Line:
    """The threshold that tells most pairs of these rows: of a member and another the one of which the line is true."""
    found: list[tuple[float, Line]] = []
    for name in descriptors:
        values = descriptors[name].to_numpy()
        levels, index = np.unique(values, return_inverse=True)
        inside, outside = (
            np.bincount(index, mask, len(levels)).cumsum() / max(mask.sum(), 1) for mask in (member, ~member)
        )
        if len(levels) > 1:
            gap = (outside - inside)[:-1]
            at = int(np.abs(gap).argmax())
            line = Line(descriptor=str(name), above=bool(gap[at] > 0), threshold=float(levels[at : at + 2].mean()))
            found.append((float(abs(gap[at])), line))
    return max(found, key=lambda each: each[0])[1] if found else NOTHING


def describability(line: Line, descriptors: pd.DataFrame, member: Mask, patients: Sequence[str]) -> Accuracy:
    """A choice by a line of words on rows that it was not made of: who knows nothing guesses."""
    weights = _drawn_anew(patients, np.random.default_rng(0))
    weights = np.concatenate([np.ones((1, len(member))), weights])
    values = area_under_curve(line.holds(descriptors).astype(float), member, weights)
    low, high = np.full(2, np.nan) if np.isnan(values[0]) else np.nanpercentile(values[1:], [2.5, 97.5])
    return Accuracy(value=float(values[0]), low=float(low), high=float(high))


def judged(
    groups: NDArray[np.int64],
    names: Sequence[str],
    *,
    features: Floats,
    descriptors: pd.DataFrame,
    shown: Mask,
    patients: Sequence[str],
) -> Iterator[dict[str, object]]:
    """A row per group (N,) and number of examples, and one for the best line of words. names: by the group's index."""
    hidden = [name for name, seen in zip(patients, shown, strict=True) if not seen]
    for group, name in enumerate(names):
        member = groups == group
        about = {"group": name, "members": int(member.sum())}
        for examples in EXAMPLES:
            found = learnability(features, member, shown, patients=patients, examples=examples)
            yield about | {"told_by": f"{examples} shown", "line": "", **_cells(found)}
        line = best_line(descriptors[shown], member[shown])
        found = describability(line, descriptors[~shown], member[~shown], hidden)
        yield about | {"told_by": "a line", "line": str(line), **_cells(found)}


def _cells(found: Accuracy) -> dict[str, float]:
    return {"accuracy": found.value, "accuracy_low": found.low, "accuracy_high": found.high}


def _drawn_anew(patients: Sequence[str], rng: np.random.Generator) -> Floats:
    """(DRAWS,N) how often each row counts, where patients are drawn anew with all their rows."""
    codes, known = pd.factorize(np.asarray(patients, dtype=object))
    return rng.multinomial(len(known), [1 / len(known)] * len(known), size=DRAWS)[:, codes].astype(float)
