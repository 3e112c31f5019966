"""What is said of people as columns of numbers: m (A,M), by which one who was never seen is like others.

A number (``experience``: 12) is one column, (x - mean) / deviation over the annotators of whom it is said. A word
(``tool``: amira) is a column per category that any of them has: 1 less the share of those who have it, or 0 less it.
Where nothing is said, or a word that none of them has, the columns are 0: so the mean of every column over those of
whom it is said is 0 too, and nothing said means the mean of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import Said

FARTHEST = 10.0
"""Deviations from the mean; who lies beyond is taken to lie there."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Of a number, over the annotators of whom it is said."""

    mean: float
    """In the number's own unit."""
    deviation: float
    """The standard deviation, n in its denominator; 1 where all have the same number."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """What is said of a run's annotators, and how that becomes columns: first the numbers, then the words."""

    people: Mapping[str, Said]
    """Annotator -> what is said; who is absent, of him nothing is."""
    numbers: Mapping[str, Scale]
    """Key -> its scale."""
    words: Mapping[str, Mapping[str, float]]
    """Key -> category -> share of the annotators of whom the key is said."""

    @staticmethod
    def of(people: Mapping[str, Said], annotators: Sequence[str]) -> Described | None:
        """Of these annotators; None where nothing is said of any.

        people: in each key numbers alone, or words alone (``cohorts.people`` sees to it).

        >>> described = Described.of({"ann": {"years": 2, "tool": "pen"}, "bob": {"years": 6}}, ["ann", "bob", "eve"])
        >>> described.numbers, described.words
        ({'years': Scale(mean=4.0, deviation=2.0)}, {'tool': {'pen': 1.0}})
        >>> described.rows([{"years": 6}, {}]).tolist()
        [[1.0, 0.0], [0.0, 0.0]]
        """
        own = {name: dict(people[name]) for name in annotators if people.get(name)}
        if not own:
            return None
        keys = dict.fromkeys(key for said in own.values() for key in said)
        columns = {key: [said[key] for said in own.values() if key in said] for key in keys}
        words = {key: _shares(values) for key, values in columns.items() if isinstance(values[0], str)}
        numbers = {key: _scale(list(map(float, values))) for key, values in columns.items() if key not in words}
        return Described(people=own, numbers=numbers, words=words)

    @property
    def keys(self) -> tuple[str, ...]:
        """All that is said of anybody."""
        return (*self.numbers, *self.words)

    def rows(self, people: Iterable[Said]) -> NDArray[np.float32]:
        """m (P,M) of what is said of each; keys that are not among ``keys`` are passed over."""
        return np.array([self._row(said) for said in people], np.float32)

    def rows_of(self, annotators: Sequence[str]) -> NDArray[np.float32]:
        """m (A,M) of the run's own."""
        return self.rows([self.people.get(name, {}) for name in annotators])

    def _row(self, said: Said) -> list[float]:
        row = []
        for key, scale in self.numbers.items():
            apart = (float(said[key]) - scale.mean) / scale.deviation if key in said else 0.0
            row.append(min(max(apart, -FARTHEST), FARTHEST))
        for key, shares in self.words.items():
            known = said.get(key) in shares
            row += [(word == said[key]) - share if known else 0.0 for word, share in shares.items()]
        return row

    def content(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @staticmethod
    def read(content: Mapping[str, Any] | None) -> Described | None:
        """What ``content`` gave; None of none. Raises KeyError, TypeError, ValueError or AttributeError for others."""
        if content is None:
            return None
        return Described(
            people={name: dict(said) for name, said in content["people"].items()},
            numbers={
                key: Scale(mean=float(each["mean"]), deviation=float(each["deviation"]))
                for key, each in content["numbers"].items()
            },
            words={
                key: {word: float(share) for word, share in shares.items()} for key, shares in content["words"].items()
            },
        )

    def __str__(self) -> str:
        numbers = [f"{key} {scale.mean:g} +- {scale.deviation:g}" for key, scale in self.numbers.items()]
        words = [f"{key} {', '.join(shares)}" for key, shares in self.words.items()]
        return f"{'; '.join([*numbers, *words])} of {', '.join(self.people)}"


def _scale(values: Sequence[float]) -> Scale:
    deviation = float(np.std(values))
    return Scale(mean=float(np.mean(values)), deviation=deviation if deviation > 0 else 1.0)


def _shares(values: Sequence[object]) -> dict[str, float]:
    return {str(word): values.count(word) / len(values) for word in dict.fromkeys(values)}
