"""Numbers and tables as text, for the terminal, a README and the page."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table as TextTable
from rich.text import Text

Rows = Sequence[Mapping[str, str]]
"""A table of text: column -> cell, every row with the same columns in the same order."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of text on a page, whose columns may bear any names, two of them the same one."""

    heading: str = ""
    """What stands above it."""
    columns: tuple[str, ...]
    """Their names."""
    rows: list[tuple[str, ...]]
    """A cell per column."""

    @staticmethod
    def of(rows: Rows, heading: str = "") -> Table:
        """Rows, at least one, as a table."""
        return Table(heading=heading, columns=tuple(rows[0]), rows=[tuple(row.values()) for row in rows])


def value_text(mean: float, undefined: int, total: int) -> str:
    """A mean, and how many values it leaves out because masks are empty: ``0.91 (3 of 12 empty)``."""
    return f"{number_text(mean)} ({undefined} of {total} empty)" if undefined else number_text(mean)


def number_text(value: float, sign: bool = False) -> str:
    """Four significant digits of a number from 1 up, four decimals below; "n/a" for nan."""
    if np.isnan(value):
        return "n/a"
    decimals = 4 if abs(value) < 1 else max(0, 3 - int(np.log10(abs(value))))
    return f"{value:{'+' if sign else ''}.{decimals}f}"


def interval_text(low: float, high: float, sign: bool = False) -> str:
    """``[low, high]``; "" where there is no interval."""
    return "" if np.isnan(low) else f"[{number_text(low, sign)}, {number_text(high, sign)}]"


def markdown(rows: Rows) -> str:
    """The rows as a Markdown table whose columns are aligned in plain text too."""
    return _laid_out(rows, TextTable(box=box.MARKDOWN))


def plain(rows: Rows) -> str:
    """The rows as columns without lines, two spaces between them."""
    return _laid_out(rows, TextTable(box=None, padding=(0, 2, 0, 0)))


def _laid_out(rows: Rows, table: TextTable) -> str:
    """As wide as the cells ask for, whatever the terminal: a table in a file must not be cut."""
    for name in rows[0]:
        table.add_column(Text(name), no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row.values()))
    console = Console(file=io.StringIO(), color_system=None, width=10_000)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()).strip("\n")
