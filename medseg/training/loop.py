"""The loop: every stage of every method, on one device or many, from the start or from a checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from medseg.contracts import Batch, Draw, Refused, Stage, Target, complaint
from medseg.training import checkpoint
from medseg.training.averaging import update_average
from medseg.training.batches import Source, StageBatches, Waited
from medseg.training.finite import breaks_weights, not_finite
from medseg.training.means import Means
from medseg.training.optimisation import follow, schedule_factor, set_learning_rates, set_modes, take_over
from medseg.training.processes import (
    StopSignal,
    any_process,
    launch,
    on_every_process,
    on_first_process,
    parted,
    said_once,
)
from medseg.training.progress import ProgressLine
from medseg.training.randomness import seed_step, seed_validation
from medseg.training.renewal import renew_statistics
from medseg.training.resumption import mention_processes, newest_checkpoint, resumed_position
from medseg.training.run import Run
from medseg.training.settings import LoopConfig, provenance
from medseg.training.state import Position, StageState
from medseg.training.tracking import Tracker


def fit(
    model: nn.Module,
    stages: Sequence[Stage],
    source: Source,
    run_folder: Path,
    *,
    config: LoopConfig,
    seed: int,
    tracker: Tracker,
    fingerprint: str,
    resume: bool = False,
    case_names: Sequence[str] = (),
    progress: bool = True,
    fabric: Fabric | None = None,
    begin: Callable[[], None] = lambda: None,
    draw: Draw | None = None,
) -> None:
    """Run the stages in order, each from the best weights of the one before; leave the last in weights.pt.

    Every stage writes ``<stage>/last.ckpt``, ``previous.ckpt`` and ``best.ckpt`` (least criterion in validation)
    into the run folder, which all processes must see; every epoch is a row of metrics.jsonl. With ``resume`` a run
    goes on from its newest readable checkpoint as if it had never stopped, in the middle of an epoch too.

    fingerprint: of the data, so that a run is not resumed on other data. case_names: by ``Batch.case_index``.
    progress: show a line of it. fabric: of ``launch``, where somebody needed the processes before.
    begin: called in the first process when all is read and checked, and before anything is written.
    draw: what is shown of validation while it is trained.

    Raises Refused for a folder that holds a run already (without ``resume``), for a checkpoint of another run, for a
    full disk, and for a loss that is not finite, with the names of the cases: in the first process, while the others
    end with status 1.
    Raises SystemExit(143) after a SIGTERM and SystemExit(130) after a SIGINT, when the checkpoint is written.
    """
    fabric = fabric or launch(config)
    made_with = provenance(config, seed, stages, fingerprint)
    saved = on_every_process(fabric, lambda: newest_checkpoint(run_folder, stages, made_with, resume))
    fabric.to_device(model)
    position = resumed_position(saved, model, run_folder) if saved else Position()
    fabric.barrier()  # nobody writes before everybody has read
    targets: list[Target] = [stage.target for stage in stages[position.stage_index :]]
    on_every_process(fabric, lambda: source.load(dict.fromkeys(targets)))
    on_first_process(fabric, begin)
    tracker.rewind(position.global_step - position.step)
    with parted(), StopSignal() as stop, ProgressLine(progress and fabric.is_global_zero) as line:
        run = Run(
            fabric=fabric,
            source=source,
            folder=run_folder,
            config=config,
            seed=seed,
            tracker=tracker,
            line=line,
            stop=stop,
            made_with=made_with,
            case_names=case_names,
            draw=draw,
        )
        for stage in stages[position.stage_index :]:
            state = _begin_stage(run, model, stage, position=position, saved=saved)
            rest = stages[state.position.stage_index + 1 :]
            _train_stage(run, state, sum(round(each.epochs * source.steps_per_epoch()) for each in rest))
            position, saved = state.position.next_stage(), None
        on_first_process(fabric, lambda: checkpoint.save_weights(run_folder / "weights.pt", model))


def _begin_stage(
    run: Run, model: nn.Module, stage: Stage, *, position: Position, saved: dict[str, Any] | None
) -> StageState:
    """The stage at its first step, or as the checkpoint left it."""
    if saved is None:
        take_over(model, stage)
    state = StageState.begin(run.fabric, model, stage, position=position, config=run.config)
    if saved is None:
        if stage.must_improve:
            position.best = (1 - stage.least_gain) * _validate(run, state, [stage.criterion])[stage.criterion]
            run.save_best(state)
        run.save_last(state)
    else:
        state.restore(saved, run.fabric)
        if run.fabric.is_global_zero:
            mention_processes(saved["processes"], run.fabric.world_size)
    return state


def _train_stage(run: Run, state: StageState, later: int) -> None:
    """From the position to the end of the stage, so many steps before that of the last; the model then has the best
    weights."""
    fabric, stage, position, steps = run.fabric, state.stage, state.position, run.source.steps_per_epoch()
    share = {"rank": fabric.global_rank, "world": fabric.world_size, "parts": run.config.accumulate}
    batches = StageBatches(source=run.source, target=stage.target, steps=steps, **share)
    done, last = position.epoch * steps + position.step, round(stage.epochs * steps)
    run.line.stage(stage.name, done, last, later)
    with closing(batches.between(done, last, run.config.workers)) as stream:
        while position.epoch < stage.epochs and position.stale_epochs < (run.config.patience or math.inf):
            began, waited = time.perf_counter(), Waited(stream)
            for first in islice(waited, steps - position.step):  # in the last epoch there may be fewer
                _train_step(run, state, [first, *islice(waited, run.config.accumulate - 1)], steps)
            _close_epoch(run, state, began, waited.seconds)
            if any_process(fabric, run.stop.requested)[0]:
                raise SystemExit(run.stop.status)
    run.take_best(state)


def _train_step(run: Run, state: StageState, parts: Sequence[Batch], steps: int) -> None:
    """One step of a batch, of so many in an epoch; a checkpoint where one is due. Raises as `fit` does."""
    fabric, config, stage, position = run.fabric, run.config, state.stage, state.position
    seed_step(run.seed, position.global_step, fabric.global_rank)
    done = position.epoch * steps + position.step
    set_learning_rates(state.optimizer.optimizer, schedule_factor(config.schedule, done, round(stage.epochs * steps)))

    losses = state.backward(fabric, parts, position.epoch + position.step / steps)
    total = torch.stack([each.total for each in losses]).mean()
    limit = config.clip_norm or math.inf
    norm = fabric.clip_gradients(state.task, state.optimizer, max_norm=limit, error_if_nonfinite=False)
    broken = breaks_weights(total, norm, config.precision)
    stop, broken = any_process(fabric, run.stop.requested, broken)
    if broken:
        run.save_last(state)  # the weights from before the step
        case_index = fabric.all_gather(fabric.to_device(torch.cat([part.case_index for part in parts])))
        assert isinstance(case_index, Tensor)
        place = f"{stage.name}, epoch {position.epoch + 1}, step {position.step + 1}"
        raise said_once(not_finite(total, case_index, run.case_names, place))
    state.optimizer.step()
    state.optimizer.zero_grad()
    follow(state.model, stage)
    if state.average is not None:
        update_average(state.average, state.model, config, position.epoch * steps + position.step + 1)

    for each, part in zip(losses, parts, strict=True):
        state.means.add({"loss": each.total, **each.metrics}, len(part.case_index))
    position.next_step()
    run.line.step()
    if stop or (position.global_step % config.checkpoint_every == 0 and position.step < steps):
        run.save_last(state)
    if stop:
        raise SystemExit(run.stop.status)


def _close_epoch(run: Run, state: StageState, began: float, waited: float) -> None:
    """Validate, write the metrics down, save; waited: seconds of those since ``began``."""
    names, position, stage = sorted(state.means.sums), state.position, state.stage
    criterion = stage.criterion
    if criterion not in names:
        raise Refused([complaint("criterion", f"one of {', '.join(names)}", repr(criterion), stage.name)])
    train = state.means.compute(run.fabric, names)
    renew_statistics(run, state)
    val = _validate(run, state, [*names, stage.overlap] if stage.overlap else names)
    state.means = Means()
    better = position.next_epoch(val[criterion])
    metrics = {f"train/{name}": value for name, value in train.items()}
    metrics |= {f"val/{name}": value for name, value in val.items()}
    metrics |= {f"best/{criterion}": position.best, "seconds": time.perf_counter() - began, "waited": waited}
    run.tracker.metrics({"stage": stage.name, "epoch": position.epoch, **metrics}, position.global_step)
    run.line.epoch(stage, position.epoch, metrics)
    if better:
        run.save_best(state)
    run.save_last(state)


@torch.no_grad()
def _validate(run: Run, state: StageState, names: Sequence[str]) -> dict[str, float]:
    """The mean metrics over the validation cases, with the averaged weights where there are any."""
    fabric, means, model = run.fabric, Means(), state.shown
    model.eval()
    held_out = run.source.validation(state.stage.target, fabric.global_rank, fabric.world_size)
    for number, batch in enumerate(map(fabric.to_device, held_out)):
        seed_validation(run.seed, number, fabric.global_rank)
        with fabric.autocast():
            losses = state.stage.objective(model, batch, epoch=math.inf)
            if number == 0:
                run.show(state, batch)
        means.add({"loss": losses.total, **losses.metrics}, len(batch.case_index))
    set_modes(state.model, state.stage)
    return means.compute(fabric, names)
