"""Taking up a run: which checkpoint, whether it belongs to this run, what cannot be the same."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from medseg.contracts import RUN_VERSION, Refused, Stage, complaint
from medseg.training.checkpoint import load_latest, restore_weights
from medseg.training.settings import YOUNGER
from medseg.training.state import Position


def newest_checkpoint(
    run_folder: Path, stages: Sequence[Stage], made_with: Mapping[str, str], resume: bool
) -> dict[str, Any] | None:
    """The checkpoint to go on from, None where there is none yet.

    Raises Refused for one that was made with something else, with a line per difference, and for any without
    ``resume``.
    """
    saved = load_latest([run_folder / stage.name for stage in stages])
    if saved is None:
        return None
    if not resume:
        raise Refused([complaint("run folder", "no checkpoints, or resume", "checkpoints", str(run_folder))])
    if (version := saved.get("version", RUN_VERSION)) > RUN_VERSION:
        raise Refused([complaint("version of the checkpoint", f"at most {RUN_VERSION}", version, str(run_folder))])
    if missing := [key for key in ("made_with", "model", "optimizer", "position") if key not in saved]:
        expected = "a state that training has saved"
        raise Refused([complaint("checkpoint", expected, f"one without {', '.join(missing)}", str(run_folder))])
    before: Mapping[str, str] = YOUNGER | saved["made_with"]
    differences = [
        complaint(key, before.get(key, "none"), made_with.get(key, "none"), f"checkpoint in {run_folder}")
        for key in sorted({*before, *made_with})
        if before.get(key) != made_with.get(key)
    ]
    if differences:
        raise Refused(differences)
    return saved


def resumed_position(content: Mapping[str, Any], model: nn.Module, run_folder: Path) -> Position:
    """Give the model the weights of a checkpoint and say how far the run had come.

    Raises Refused for the weights of another model, with a line per difference.
    """
    restore_weights(model, content["model"], f"checkpoint in {run_folder}")
    return Position(**content["position"])


def newest_position(run_folder: Path, stages: Sequence[str]) -> Position | None:
    """How far the newest readable checkpoint of a run is, whose stages have these names; None where there is none."""
    try:
        saved = load_latest([run_folder / stage for stage in stages])
        return None if saved is None else Position(**saved["position"])
    except (Refused, KeyError, TypeError):
        return None


def mention_processes(before: int, now: int) -> None:
    """Warn where a resumed run can differ from an uninterrupted one."""
    if before != now:
        warnings.warn(
            f"resumed with {now} processes, begun with {before}: the global batches are the same, "
            "but dropout and rounding differ",
            stacklevel=2,
        )
