"""`medseg train`: a config -> a run folder with weights."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medseg.cohorts import (
    Assignment,
    Snapshot,
    apply,
    find_cohort,
    load_cohort,
    remember,
    remembered,
    snapshot,
    split_cases,
)
from medseg.contracts import Cohort, Refused, progress_shown
from medseg.experiment.environment import stamp_weights
from medseg.experiment.methods import method_of
from medseg.experiment.run_folder import RunFolder
from medseg.training import (
    ProcessDied,
    Tracker,
    deaths_told,
    fit,
    launch,
    log_training,
    newest_position,
    on_every_process,
    on_first_process,
)

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def default_run_folder(config: Any) -> Path:
    """runs/<experiment>/<recipe>-seed<k>[-fold<f>]."""
    fold = f"-fold{config.data.split.fold}" if config.data.split.folds else ""
    return Path("runs") / config.experiment / f"{config.recipe}-seed{config.seed}{fold}"


def train(config: Any, run: Path, resume: bool = False, progress: bool = True) -> None:
    """Validate the cohort, write the split down, run the stages, and what the method does after them.

    Nothing is written before all is read and checked, and a training that fails before its first step leaves nothing.
    Of several processes the first alone reads the cohort to check it, and tells the others what it found.
    Raises Refused for a bad cohort, for a run folder that is already taken (without ``resume``) or in which another
    training runs, and for a ``resume`` under another config or split: in the first process, while the others end with
    status 1. Told to stop, it ends with 143 or 130, and where a process dies with 1, and says how to go on.
    """
    fabric = launch(config.training)
    with progress_shown(progress and fabric.is_global_zero):
        _train(config, RunFolder(path=run, resume=resume), fabric, progress)


def _train(config: Any, folder: RunFolder, fabric: Fabric, progress: bool) -> None:
    method, run, resume = method_of(config), folder.path, folder.resume
    cohort, assignment, data = on_first_process(fabric, lambda: _validated(config, folder))
    parts = on_every_process(fabric, lambda: method.assemble(config, cohort))
    names = [stage.name for stage in parts.stages]
    values, manifest = config.model_dump(mode="json"), find_cohort(config.data.cohort) / "manifest.csv"

    def begin() -> None:
        data.refuse_changed(cohort)
        folder.begin(config, assignment, signature=parts.signature, data=data.fingerprint)

    with (
        folder.kept(lambda: _trained(run, names)),
        _saying_how_to_go_on(run, names, fabric.is_global_zero),
        deaths_told(fabric),
    ):
        with Tracker(run, config.tracking, config=values, group=config.experiment) as tracker:
            fit(
                parts.model,
                parts.stages,
                parts.source,
                run,
                config=config.training,
                seed=config.seed,
                tracker=tracker,
                fingerprint=data.fingerprint,
                resume=resume,
                case_names=parts.case_names,
                progress=progress,
                fabric=fabric,
                begin=begin,
                draw=parts.draw,
            )
            log_training(tracker, run, names, manifest=manifest, metadata=_about(config, data.fingerprint))
        if fabric.is_global_zero:
            stamp_weights(run)
            method.finish(run, cohort, parts)


def _about(config: Any, data: str) -> dict[str, Any]:
    """What is told of the weights beside them."""
    return {"experiment": config.experiment, "recipe": config.recipe, "seed": config.seed, "data": data}


def doubts(config: Any, run: Path) -> Sequence[str]:
    """What a trained run leaves in doubt of itself, a sentence each."""
    return method_of(config).doubts(run)


def _validated(config: Any, folder: RunFolder) -> tuple[Cohort, Assignment, Snapshot]:
    """The cohort, every file of it read and every case in its split, that split, and what its files hold.

    What was read once is not read again where the config has a cache and no file has changed since.
    """
    method = method_of(config)
    folder.check(config)
    cohort = load_cohort(find_cohort(config.data.cohort))
    cache = method.cache(config)
    known = None if cache is None else remembered(cache, cohort)
    if complaints := method.unfit(config, cohort) or (() if known else method.check(cohort).errors):
        raise Refused(complaints)
    assignment = split_cases(cohort.cases, config.data.split)
    folder.check(config, assignment)
    found = known or snapshot(cohort)
    if cache is not None and known is None:
        remember(cache, cohort, found)
    return apply(cohort, assignment), assignment, found


def _trained(run: Path, stages: list[str]) -> bool:
    """Whether a run folder holds the state after some step."""
    at = newest_position(run, stages)
    return at is not None and at.global_step > 0


@contextmanager
def _saying_how_to_go_on(run: Path, stages: list[str], first: bool) -> Iterator[None]:
    """A training that is told to stop, or of which a process dies, says what is saved and how to go on, in one line."""
    try:
        yield
    except (SystemExit, KeyboardInterrupt) as stopped:
        status = stopped.code if isinstance(stopped, SystemExit) else 128 + signal.SIGINT
        if first and status in (128 + signal.SIGTERM, 128 + signal.SIGINT):
            _say_how_to_go_on(run, stages)
        raise SystemExit(status) from None
    except ProcessDied as died:
        if died.told_here:
            _say_how_to_go_on(run, stages, f"{died}; ")
        raise SystemExit(1) from None


def _say_how_to_go_on(run: Path, stages: list[str], why: str = "") -> None:
    at = newest_position(run, stages)
    saved = "nothing is saved yet"
    if at is not None:
        saved = f"saved in {stages[at.stage_index]}, epoch {at.epoch + 1}, after step {at.step}"
    command = f"medseg train {shlex.quote(f'{run}/config.yaml')} --out {shlex.quote(str(run))} --resume"
    print(f"stopped: {why}{saved}; go on with: {command}", file=sys.stderr, flush=True)
