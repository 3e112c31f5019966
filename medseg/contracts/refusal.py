"""How bad input is answered: one sentence per mistake, all of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def complaint(what: str, expected: object, got: object, where: str) -> str:
    """One line for one bad input.

    >>> complaint("mask shape", "32x32x16", "32x32x15", "c07/bob")
    'mask shape: expected 32x32x16, got 32x32x15 (c07/bob)'
    """
    return f"{what}: expected {expected}, got {got} ({where})"


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
