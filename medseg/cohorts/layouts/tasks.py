"""Folders that hold several label maps per annotator: which one is the target."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from medseg.cohorts.layouts.files import natural
from medseg.contracts import Refused, complaint


def chosen_task(found: Collection[str], task: str | None, root: Path) -> str:
    """The task asked for, or the only one.

    Raises Refused, listing the tasks, where there are several and none was chosen, and for an unknown one.
    """
    known = sorted(found, key=natural)
    if task is None and len(known) == 1:
        return known[0]
    if task in known:
        return task
    got = f"{task or 'none'}; choose with --task"
    raise Refused([complaint("task", f"one of {', '.join(known) or 'none found'}", got, str(root))])
