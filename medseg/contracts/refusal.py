"""How bad input is answered: one sentence per mistake, all of them at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def complaint(what: str, expected: object, got: object, where: str) -> str:
    """One line for one bad input.

    >>> complaint("mask shape", "32x32x16", "32x32x15", "c07/bob")
    'mask shape: expected 32x32x16, got 32x32x15 (c07/bob)'
    """
    return f"{what}: expected {expected}, got {got} ({where})"


SHOWN, SEVERAL = 3, 10
"""So many places are named where more say the same; so many lines that differ in what they got stand by themselves."""
_PARTS = re.compile(r"(?P<kind>.*?: expected .*), got (?P<got>.*)", re.DOTALL)


def gathered(lines: Sequence[str]) -> list[str]:
    """The lines to print of what was found: one for all that say the same of more than ``SHOWN`` places.

    The place is what stands in the last brackets. More than ``SEVERAL`` complaints that differ in what they got too
    are one as well.

    >>> gathered([complaint("mask values", "integers", "0.5", f"c{n}") for n in range(1000)])
    ['mask values: expected integers, got 0.5 (c0; c1; c2 and 997 more: 1000 in all)']
    """
    told: dict[str, list[str]] = {}
    for line in dict.fromkeys(lines):
        what, place = _what_and_place(line)
        told.setdefault(what, []).append(place)
    kinds: dict[str, list[str]] = {}
    for what in told:
        parts = _PARTS.fullmatch(what)
        kinds.setdefault(parts["kind"] if parts else what, []).append(what)
    return [line for kind, whats in kinds.items() for line in _of_one_kind(kind, whats, told)]


def _what_and_place(line: str) -> tuple[str, str]:
    what, opened, place = line.rpartition(" (")
    return (what, place[:-1]) if opened and place.endswith(")") else (line, "")


def _of_one_kind(kind: str, whats: Sequence[str], told: Mapping[str, Sequence[str]]) -> list[str]:
    """The lines about one kind of mistake: of each ``what`` the places."""
    if len(whats) > SEVERAL:
        places = list(dict.fromkeys(place for what in whats for place in told[what]))
        got = whats[0].removeprefix(f"{kind}, got ")
        return [_at(f"{kind}, got {got} and {len(whats) - 1} others", places, sum(len(told[what]) for what in whats))]
    return [line for what in whats for line in _at_each(what, told[what])]


def _at_each(what: str, places: Sequence[str]) -> list[str]:
    if len(places) > SHOWN:
        return [_at(what, places, len(places))]
    return [f"{what} ({place})" if place else what for place in places]


def _at(what: str, places: Sequence[str], count: int) -> str:
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return f"{what} ({'; '.join(places[:SHOWN])}{more}: {count} in all)"


class Refused(Exception):
    """Bad input, with every complaint at once; the command line prints them and exits with 1.

    >>> Refused(["batch_size: expected a number, got true (x.yaml:7)"]).complaints
    ('batch_size: expected a number, got true (x.yaml:7)',)
    """

    def __init__(self, complaints: Iterable[str]) -> None:
        self.complaints: tuple[str, ...] = tuple(complaints)
        super().__init__("\n".join(self.complaints))

    def __reduce__(self) -> tuple[Any, ...]:
        """From process to process with its complaints, not with the letters of their text."""
        return type(self), (self.complaints,), self.__dict__
