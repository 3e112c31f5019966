"""How bad input is answered: one sentence per mistake, all of them at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any


def complaint(what: str, expected: object, got: object, where: str) -> str:
    """One line for one bad input.

    >>> complaint("mask shape", "32x32x16", "32x32x15", "c07/bob")
    'mask shape: expected 32x32x16, got 32x32x15 (c07/bob)'
    """
    return f"{what}: expected {expected}, got {got} ({where})"


SHOWN, SEVERAL = 3, 10
"""Of more than ``SEVERAL`` mistakes of one kind, the first few cases."""
_PARTS = re.compile(r"(?P<what>.*?): expected (?P<expected>.*), got (?P<got>.*) \((?P<where>[^()]*)\)", re.DOTALL)


def gathered(complaints: Sequence[str]) -> list[str]:
    """The lines to print: more than ``SEVERAL`` that differ in what they got, and where, are one with their number.

    >>> gathered([complaint("mask values", "integers", "0.5", f"c{n}") for n in range(1000)])
    ['mask values: expected integers, got 0.5 (c0, c1, c2 and 997 more: 1000 in all)']
    """
    kinds: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    order: list[tuple[str, ...]] = []
    for line in complaints:
        parts = _PARTS.fullmatch(line)
        order.append((parts["what"], parts["expected"]) if parts else (line,))
        kinds.setdefault(order[-1], []).append((parts["got"], parts["where"]) if parts else (line, ""))
    lines: dict[str, None] = {}
    for line, kind in zip(complaints, order, strict=True):
        many = len(kinds[kind]) > SEVERAL and len(kind) > 1
        lines[_together(kind, kinds[kind]) if many else line] = None
    return list(lines)


def _together(kind: tuple[str, ...], found: Sequence[tuple[str, str]]) -> str:
    """One line for many mistakes (got, where) of one kind (what, expected)."""
    gots, places = (list(dict.fromkeys(some)) for some in zip(*found, strict=True))
    got = gots[0] if len(gots) == 1 else f"{gots[0]} and {len(gots) - 1} others"
    where = ", ".join(places[:SHOWN]) + (f" and {len(places) - SHOWN} more" if len(places) > SHOWN else "")
    return complaint(kind[0], kind[1], got, f"{where}: {len(found)} in all")


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
