"""The W&B run of a run folder: one, which training opens and evaluation joins, online where W&B answers in time."""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from medseg.training.reach import has_key, silence
from medseg.training.settings import TrackingConfig

if TYPE_CHECKING:  # wandb takes more than a second to import, and most runs do without it
    from wandb import Run as WandbRun

ANSWER_SECONDS, INIT_SECONDS, FINISH_SECONDS = 3, 9, 60
"""Of waiting for any answer of the server, for a run that it lets begin, for the upload at the end: without an answer
a training begins offline within 15 seconds."""
STEP = "trainer/step"
ID = "wandb/id"
"""In the run folder: the id of its W&B run."""
PACKAGE = Path(__file__).parents[1]


def open_run(run_folder: Path, tracking: TrackingConfig, config: Mapping[str, Any], group: str) -> WandbRun:
    """Begin the W&B run of a folder, or go on with it; says in one warning where it is offline against the wish.

    Its id is that of an earlier opening, else WANDB_RUN_ID (as an agent of a sweep sets it), else derived from the
    folder's place. config: of the whole run, to which environment.json is added. group: W&B's name for the experiment.
    """
    known = _known_id(run_folder)
    begin = _Begin(run_folder, tracking, config, group)
    if tracking.wandb == "offline":
        return begin("offline", known)
    reason, tried = "there is no key (wandb login)", ""
    if has_key() and not (reason := silence(_server(), ANSWER_SECONDS)):
        try:
            return begin("online", known)
        except Exception as error:
            reason, tried = str(error), str(time.time_ns())
    run = begin("offline", _digest(known + tried) if tried else known)
    remedy = f"wandb sync {Path(run.dir).parent}"
    warnings.warn(f"W&B is offline: {reason}; send the run later with: {remedy}", stacklevel=6)
    return run


class _Begin:
    """``wandb.init`` with all that stays the same from try to try."""

    def __init__(self, run_folder: Path, tracking: TrackingConfig, config: Mapping[str, Any], group: str) -> None:
        self.run_folder, self.tracking, self.group = run_folder, tracking, group
        self.environment = _environment(run_folder)
        self.config = {**config, "environment": self.environment}

    def __call__(self, mode: Literal["online", "offline"], name: str) -> WandbRun:
        """name: the id. W&B holds that of a run which could not go online to be in use."""
        import wandb

        first = not (self.run_folder / ID).is_file()
        run = wandb.init(
            mode=mode,
            project=self.tracking.project,
            entity=self.tracking.entity,
            group=self.group,
            job_type="train",
            name=self.run_folder.name,
            tags=list(self.tracking.tags) or None,
            notes=self.tracking.notes or None,
            id=name,
            resume="allow" if mode == "online" else None,
            config=self.config,
            allow_val_change=True,
            dir=self.run_folder,
            reinit="finish_previous",
            settings=wandb.Settings(
                init_timeout=INIT_SECONDS,
                finish_timeout=FINISH_SECONDS,
                finish_timeout_raises=False,
                silent=True,
                console="off",
                git_root=str(PACKAGE.parent) if (PACKAGE.parent / ".git").exists() else None,
                git_commit=(self.environment.get("code") or {}).get("commit"),
                save_code=True,
            ),
        )
        run.define_metric(STEP)
        run.define_metric("*", step_metric=STEP)
        (self.run_folder / ID).parent.mkdir(exist_ok=True)
        (self.run_folder / ID).write_text(name)
        if first:
            run.log_code(str(PACKAGE), name="source-medseg")
        return run


def _known_id(run_folder: Path) -> str:
    path = run_folder / ID
    noted = path.read_text().strip() if path.is_file() else ""
    return noted or os.environ.get("WANDB_RUN_ID") or _digest(str(run_folder.resolve()))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _environment(run_folder: Path) -> dict[str, Any]:
    """environment.json: the commit and whether anything differed from it, the data's fingerprint, versions."""
    path = run_folder / "environment.json"
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def _server() -> str:
    """Where W&B would send the run, by its environment and settings files."""
    import wandb

    return str(wandb.setup().settings.base_url)
