"""Numbers and tables as text, for the terminal, a README and the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


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


def markdown(rows: Sequence[dict[str, str]]) -> str:
    """Rows of equal keys as a Markdown table whose columns are aligned in plain text too."""
    header = list(rows[0])
    lines = [header, *([row[name] for name in header] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [[cell.strip().ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    padded.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(line) + " |" for line in padded)
