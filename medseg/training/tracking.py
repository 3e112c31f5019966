"""What a run tells of itself: metrics.jsonl always, Weights & Biases where it is wanted.

Nothing that goes wrong with W&B ends a run or makes it wait: it is a warning.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import MaskPicture
from medseg.training.metrics import Value, append_row, rewind_rows
from medseg.training.pictures import draw_matrix, drawable_mask, window_to_uint8
from medseg.training.processes import is_first_process
from medseg.training.settings import TrackingConfig
from medseg.training.wandb_run import STEP, open_run

if TYPE_CHECKING:
    from wandb import Artifact, Run as WandbRun


class Tracker:
    """Metrics, pictures, tables and files of one run; silent in all processes but the first.

    One run folder is one W&B run, in the group of the experiment: all stages of its training, and every evaluation,
    which joins it (``wandb_run``).

    tracking: ``auto`` and ``online`` go online where there is a key and W&B answers in time, else offline with one
    warning that says how to send it later; ``off`` writes metrics.jsonl only.
    config: of the whole run, as W&B shows it. group: W&B's name for the experiment.
    """

    def __init__(self, run_folder: Path, tracking: TrackingConfig, *, config: Mapping[str, Any], group: str) -> None:
        self.run_folder, self.tracking, self.config, self.group = run_folder, tracking, dict(config), group
        self.on = tracking.wandb != "off"
        self._run: WandbRun | None = None

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.finish(exit_code=0 if kind is None else 1)

    # --------------------------------------------------------------------------------- what is told
    def rewind(self, step: int) -> None:
        """A resumed run goes on from this step: drop the rows of metrics.jsonl that are later."""
        if is_first_process():
            rewind_rows(self.run_folder / "metrics.jsonl", step)

    def metrics(self, values: Mapping[str, Value], step: int) -> None:
        """One row of numbers (and of words such as the stage)."""
        if is_first_process():
            append_row(self.run_folder / "metrics.jsonl", values, step)
        self._log(step, lambda: dict(values))

    def summary(self, values: Mapping[str, float]) -> None:
        """Numbers of the run as a whole, which runs are sorted and swept by."""

        def sum_up(run: WandbRun) -> None:
            run.log(dict(values))
            run.summary.update(dict(values))

        self._tell("summary", sum_up)

    def pictures(self, draw: Callable[[], Iterable[MaskPicture]], *, step: int | None = None) -> None:
        """Images under label maps, with class names; drawn where they are wanted alone."""

        def overlay(picture: MaskPicture) -> Any:
            from wandb import Image

            names = picture.class_names
            labels, shape = dict(enumerate([*names, "unlabelled"])), picture.image.shape[:2]
            arrays = {key: drawable_mask(mask, shape, len(names), key) for key, mask in picture.masks.items()}
            drawn = {key: {"mask_data": array, "class_labels": labels} for key, array in arrays.items()}
            return Image(window_to_uint8(picture.image), masks=drawn)

        self._log(step, lambda: {picture.name: overlay(picture) for picture in draw()})

    def heatmap(self, name: str, matrix: NDArray[np.floating], class_names: Sequence[str]) -> None:
        """A confusion matrix (O,T) as a picture: rows observed, columns true, numbers and class names."""

        def drawn() -> dict[str, Any]:
            from wandb import Image

            return {name: Image(draw_matrix(matrix, class_names))}

        self._log(None, drawn)

    def picture_file(self, name: str, path: Path) -> None:
        """A picture that lies on the disk."""

        def picture() -> dict[str, Any]:
            from wandb import Image

            return {name: Image(str(path))}

        self._log(None, picture)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table, such as the scores."""

        def table() -> dict[str, Any]:
            from wandb import Table

            return {name: Table(columns=list(columns), data=[list(row) for row in rows])}

        self._log(None, table)

    def makes(
        self,
        name: str,
        kind: str,
        files: Sequence[Path],
        *,
        aliases: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Files that the run has made, as a version of an artifact ``<run>-<name>``; kind: such as ``model``."""

        def keep(run: WandbRun) -> None:
            run.log_artifact(
                _artifact(f"{self.run_folder.name}-{name}", kind, files, metadata or {}), aliases=list(aliases)
            )

        self._tell(f"artifact {name}", keep)

    def uses(self, name: str, kind: str, files: Sequence[Path], metadata: Mapping[str, Any] | None = None) -> None:
        """Files that the run was made of, such as the manifest (kind ``dataset``): the same name in every run."""

        def use(run: WandbRun) -> None:
            # use_artifact would wait for the upload, and refuses to work offline; this is what it calls
            artifact = _artifact(name, kind, files, metadata or {})
            run._log_artifact(artifact, aliases=[], is_user_created=True, use_after_commit=True)

        self._tell(f"artifact {name}", use)

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
        if not (self.on and is_first_process()):
            return
        try:
            if self._run is None:
                self._run = open_run(self.run_folder, self.tracking, self.config, self.group)
            action(self._run)
        except Exception as error:  # whatever it is, a training must not end for it
            self.on = self._run is not None
            warnings.warn(f"W&B: {what} failed ({error}); the run goes on without it", stacklevel=3)


def _artifact(name: str, kind: str, files: Sequence[Path], metadata: Mapping[str, Any]) -> Artifact:
    from wandb import Artifact

    artifact = Artifact(re.sub(r"[^\w.-]", "-", name), type=kind, metadata=dict(metadata))
    for path in files:
        artifact.add_file(str(path))
    return artifact
