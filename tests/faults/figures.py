"""figures.json: what the long commands of this folder have counted, for docs/robustness.md."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from medseg.experiment.environment import code_version

FILE = Path(__file__).with_name("figures.json")


def figures() -> dict[str, Any]:
    """Name -> what was counted, by which command, at which commit."""
    return json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}


def note(name: str, counted: dict[str, Any]) -> None:
    """Write down, and print, what this process has counted."""
    code = code_version(Path(__file__).parents[2]) or {}
    program = f"python -m tests.faults.{Path(sys.argv[0]).stem}"
    row = {"command": shlex.join([*program.split(), *sys.argv[1:]]), "commit": code.get("commit", "")[:8]} | counted
    FILE.write_text(json.dumps(figures() | {name: row}, indent=1, sort_keys=True) + "\n", "utf-8")
    print(json.dumps(row, indent=1))
