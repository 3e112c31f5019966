"""What a run tells of itself: metrics.jsonl always, Weights & Biases where it is wanted.

The only file that knows wandb. Nothing that goes wrong there ends a run or makes it wait: it is a warning.
"""

from __future__ import annotations

import hashlib
import re
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from medseg.training.metrics import Value, append_row, rewind_rows
from medseg.training.pictures import draw_matrix, drawable_mask, window_to_uint8
from medseg.training.processes import is_first_process
from medseg.training.reach import has_key, silence
from medseg.training.settings import TrackingConfig

if TYPE_CHECKING:  # wandb takes more than a second to import, and most runs do without it
    from wandb import Run as WandbRun

ANSWER_SECONDS, INIT_SECONDS, FINISH_SECONDS = 3, 9, 60
"""Of waiting for any answer of the server, for a run that it lets begin, for the upload at the end: without an answer
a training begins offline within 15 seconds."""
STEP = "trainer/step"


class Tracker:
    """Metrics, pictures, tables and files of one run; silent in all processes but the first.

    Each stage is a W&B run of its own, in the group of the experiment, with an id derived from the run
    folder, so that a resumed run goes on where it was.

    tracking: ``auto`` and ``online`` go online where there is a key and W&B answers in time (ANSWER_SECONDS,
        INIT_SECONDS), else offline with one warning that says how to send it later; ``off`` writes metrics.jsonl only.
    config: of the whole run, as W&B shows it. group: W&B's name for the experiment.
    job_type: of what is logged before the first `stage`.
    """

    def __init__(
        self, run_folder: Path, tracking: TrackingConfig, *, config: Mapping[str, Any], group: str, job_type: str
    ) -> None:
        self.run_folder, self.config, self.mode = run_folder, dict(config), tracking.wandb
        self.project, self.group, self.job_type = tracking.project, group, job_type
        self._run: WandbRun | None = None
        self._on = tracking.wandb != "off"

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.finish(exit_code=0 if kind is None else 1)

    # --------------------------------------------------------------------------------- what is told
    def stage(self, name: str) -> None:
        """What follows belongs to this stage."""
        if name != self.job_type:
            self.finish()
            self.job_type = name

    def rewind(self, step: int) -> None:
        """A resumed run goes on from this step: drop the rows of metrics.jsonl that are later."""
        if is_first_process():
            rewind_rows(self.run_folder / "metrics.jsonl", step)

    def metrics(self, values: Mapping[str, Value], step: int) -> None:
        """One row of numbers (and of words such as the stage)."""
        if is_first_process():
            append_row(self.run_folder / "metrics.jsonl", values, step)
        self._log(step, lambda: dict(values))

    def pictures(
        self,
        name: str,
        image: NDArray[np.generic],
        masks: Mapping[str, NDArray[np.integer]],
        class_names: Sequence[str],
        *,
        step: int | None = None,
    ) -> None:
        """An image (H,W) or (H,W,3) under label maps (H,W), which may hold UNLABELLED, with class names."""

        def overlay() -> dict[str, Any]:
            from wandb import Image

            labels, shape = dict(enumerate([*class_names, "unlabelled"])), image.shape[:2]
            arrays = {key: drawable_mask(mask, shape, len(class_names), key) for key, mask in masks.items()}
            drawn = {key: {"mask_data": array, "class_labels": labels} for key, array in arrays.items()}
            return {name: Image(window_to_uint8(image), masks=drawn)}

        self._log(step, overlay)

    def heatmap(
        self, name: str, matrix: NDArray[np.floating], class_names: Sequence[str], *, step: int | None = None
    ) -> None:
        """A confusion matrix (O,T) as a picture: rows observed, columns true, numbers and class names."""

        def drawn() -> dict[str, Any]:
            from wandb import Image

            return {name: Image(draw_matrix(matrix, class_names))}

        self._log(step, drawn)

    def picture_file(self, name: str, path: Path, *, step: int | None = None) -> None:
        """A picture that lies on the disk."""

        def picture() -> dict[str, Any]:
            from wandb import Image

            return {name: Image(str(path))}

        self._log(step, picture)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table, such as the scores."""

        def table() -> dict[str, Any]:
            from wandb import Table

            return {name: Table(columns=list(columns), data=[list(row) for row in rows])}

        self._log(None, table)

    def artifact(self, path: Path, name: str, kind: str) -> None:
        """A file or a folder to keep, such as the weights (kind ``model``) or the manifest (``dataset``)."""

        def keep(run: WandbRun) -> None:
            from wandb import Artifact

            artifact = Artifact(re.sub(r"[^\w.-]", "-", f"{self.run_folder.name}-{name}"), type=kind)
            (artifact.add_dir if path.is_dir() else artifact.add_file)(str(path))
            run.log_artifact(artifact)

        self._tell(f"artifact {name}", keep)

    def finish(self, exit_code: int = 0) -> None:
        """Close the W&B run; wait for the upload no longer than FINISH_SECONDS."""
        if self._run is not None:
            self._tell("finish", lambda run: run.finish(exit_code=exit_code))
            self._run = None

    # -------------------------------------------------------------------------------------- to W&B
    def _log(self, step: int | None, values: Callable[[], dict[str, Any]]) -> None:
        self._tell("log", lambda run: run.log(values() | ({} if step is None else {STEP: step})))

    def _tell(self, what: str, action: Callable[[WandbRun], None]) -> None:
        """Do something with the W&B run, opened when the first thing is told; errors are warnings."""
        if not (self._on and is_first_process()):
            return
        try:
            if self._run is None:
                self._run = self._open()
            action(self._run)
        except Exception as error:  # whatever it is, a training must not end for it
            self._on = self._run is not None
            warnings.warn(f"W&B: {what} failed ({error}); the run goes on without it", stacklevel=3)

    def _open(self) -> WandbRun:
        if self.mode == "offline":
            return self._init("offline")
        reason, tried = "there is no key (wandb login)", ""
        if has_key() and not (reason := silence(_server(), ANSWER_SECONDS)):
            try:
                return self._init("online")
            except Exception as error:
                reason, tried = str(error), str(time.time_ns())
        self.mode = "offline"
        run = self._init("offline", tried)
        remedy = f"wandb sync {Path(run.dir).parent}"
        warnings.warn(f"W&B is offline: {reason}; send the run later with: {remedy}", stacklevel=5)
        return run

    def _init(self, mode: Literal["online", "offline"], tried: str = "") -> WandbRun:
        """tried: makes the id another one, for W&B holds that of a run which could not go online to be in use."""
        import wandb

        address = f"{self.run_folder.resolve()}:{self.job_type}{tried}"
        run = wandb.init(
            mode=mode,
            project=self.project,
            group=self.group,
            job_type=self.job_type,
            name=f"{self.run_folder.name}-{self.job_type}",
            id=hashlib.sha256(address.encode()).hexdigest()[:16],
            resume="allow" if mode == "online" else None,
            config=self.config,
            dir=self.run_folder,
            reinit="finish_previous",
            settings=wandb.Settings(
                init_timeout=INIT_SECONDS,
                finish_timeout=FINISH_SECONDS,
                finish_timeout_raises=False,
                silent=True,
                console="off",
            ),
        )
        run.define_metric(STEP)
        run.define_metric("*", step_metric=STEP)
        return run


def _server() -> str:
    """Where W&B would send the run, by its environment and settings files."""
    import wandb

    return str(wandb.setup().settings.base_url)
