"""metrics.jsonl: one row per epoch, written whether or not anybody tracks the run elsewhere."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

Value = float | int | str
"""A value of a row; a number that is not finite is written as null."""


def append_row(path: Path, metrics: Mapping[str, Value], step: int) -> None:
    """Add one row, with its step first."""
    row = {"step": step} | {name: _finite(value) for name, value in metrics.items()}
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def rewind_rows(path: Path, step: int) -> None:
    """Keep the rows up to this step: what a resumed run will write again must not stand there twice.

    A last line that a kill has cut off is dropped as well.
    """
    if not path.exists():
        return
    kept = [line for line in path.read_text().splitlines() if _step(line) <= step]
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text("".join(line + "\n" for line in kept))
    os.replace(temporary, path)


def _step(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except json.JSONDecodeError:
        return math.inf


def _finite(value: Value) -> Value | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
