"""The loop: every stage of every method, on one device or many, from the start or from a checkpoint."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from medseg.contracts import Batch, MaskBatch, Refused, Stage, View, complaint
from medseg.training import checkpoint
from medseg.training.means import Means
from medseg.training.optimisation import schedule_factor, set_learning_rates, set_modes, take_over
from medseg.training.prefetch import batches
from medseg.training.processes import TERMINATED, StopSignal, any_process, launch, on_first_process
from medseg.training.progress import ProgressLine
from medseg.training.randomness import seed_step, seed_validation
from medseg.training.resumption import mention_processes, newest_checkpoint, resumed_position
from medseg.training.settings import LoopConfig, provenance
from medseg.training.state import Position, StageState
from medseg.training.tracking import Tracker


class Source(Protocol):
    """What the loop needs of the data. A batch is a function of its arguments, so there is nothing to resume.

    ``batch`` is the share of process ``rank`` of ``world``: together they are one global batch, the same for
    every ``world``, in equal shares.
    """

    def steps_per_epoch(self) -> int: ...  # noqa: D102

    def batch(self, view: View, epoch: int, step: int, rank: int, world: int) -> Batch | MaskBatch: ...  # noqa: D102

    def validation(self, view: View, rank: int, world: int) -> Iterator[Batch] | Iterator[MaskBatch]: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class Run:
    """What stays the same over the stages of one run."""

    fabric: Fabric
    """The processes and their devices."""
    source: Source
    """The batches."""
    folder: Path
    """Of the run, which all processes must see."""
    config: LoopConfig
    """The numbers of the loop."""
    seed: int
    """Of all that is drawn in a step."""
    tracker: Tracker
    """Where the metrics go."""
    line: ProgressLine
    """What is shown of them."""
    stop: StopSignal
    """Whether the run was told to stop."""
    made_with: dict[str, str]
    """What a checkpoint must have been made with to be resumed."""
    case_names: Sequence[str]
    """By ``Batch.case_index``; may be empty."""


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
) -> None:
    """Run the stages in order, each from the best weights of the one before; leave the last in weights.pt.

    Every stage writes ``<stage>/last.ckpt``, ``previous.ckpt`` and ``best.ckpt`` (least criterion in validation)
    into the run folder, which all processes must see; every epoch is a row of metrics.jsonl. With ``resume`` a run
    goes on from its newest readable checkpoint as if it had never stopped, in the middle of an epoch too.

    fingerprint: of the data, so that a run is not resumed on other data. case_names: by ``Batch.case_index``.

    Raises Refused for a folder that holds a run already (without ``resume``), for a checkpoint of another
    run, for a full disk, and for a loss that is not finite, with the names of the cases.
    Raises SystemExit(143) after a SIGTERM, when the checkpoint is written.
    """
    fabric = launch(config)
    made_with = provenance(config, seed, stages, fingerprint)
    saved = newest_checkpoint(run_folder, stages, made_with, resume)
    fabric.to_device(model)
    position = resumed_position(saved, model, run_folder) if saved else Position()
    fabric.barrier()  # nobody writes before everybody has read
    tracker.rewind(position.global_step - position.step)
    with StopSignal() as stop, ProgressLine(progress and fabric.is_global_zero) as line:
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
        )
        for stage in stages[position.stage_index :]:
            position = _train_stage(run, model, stage, position, saved)
            saved = None
    on_first_process(fabric, lambda: checkpoint.save_weights(run_folder / "weights.pt", model))


def _train_stage(
    run: Run, model: nn.Module, stage: Stage, position: Position, saved: dict[str, Any] | None
) -> Position:
    """From the position to the end of the stage; the model then has the best weights."""
    if saved is None:
        take_over(model, stage)
    state = StageState.begin(run.fabric, model, stage, position=position, config=run.config)
    if saved is None:
        _save_last(run, state)
    else:
        state.restore(saved, run.fabric)
        if run.fabric.is_global_zero:
            mention_processes(saved["processes"], run.fabric.world_size)
    run.tracker.stage(stage.name)
    steps, patience = run.source.steps_per_epoch(), run.config.patience or math.inf
    run.line.stage(stage.name, position.epoch * steps + position.step, stage.epochs * steps)
    while position.epoch < stage.epochs and position.stale_epochs < patience:
        began = time.perf_counter()
        _train_epoch(run, state)
        _close_epoch(run, state, began)
        if any_process(run.fabric, run.stop.requested)[0]:
            raise SystemExit(TERMINATED)
    _take_best(run, state)
    return position.next_stage()


def _train_epoch(run: Run, state: StageState) -> None:
    """The inner loop: the batches of this epoch that are not done yet."""
    fabric, config, stage, position = run.fabric, run.config, state.stage, state.position
    epoch, steps, limit = position.epoch, run.source.steps_per_epoch(), config.clip_norm or math.inf

    def make(step: int) -> Batch | MaskBatch:
        return run.source.batch(stage.view, epoch, step, fabric.global_rank, fabric.world_size)

    for batch in map(fabric.to_device, batches(make, position.step, steps, config.workers)):
        seed_step(run.seed, position.global_step, fabric.global_rank)
        done = epoch * steps + position.step
        set_learning_rates(state.optimizer.optimizer, schedule_factor(config.schedule, done, stage.epochs * steps))

        losses = state.task(batch, epoch + position.step / steps)
        fabric.backward(losses.total)
        norm = fabric.clip_gradients(state.task, state.optimizer, max_norm=limit, error_if_nonfinite=False)
        stop, broken = any_process(fabric, run.stop.requested, _not_finite(losses.total, norm, config))
        if broken:
            _refuse(run, state, losses.total, batch)
        state.optimizer.step()
        state.optimizer.zero_grad()
        if state.average is not None:
            state.average.update_parameters(state.model)

        state.means.add({"loss": losses.total, **losses.metrics}, len(batch.case_index))
        position.next_step()
        run.line.step()
        if stop or (position.global_step % config.checkpoint_every == 0 and position.step < steps):
            _save_last(run, state)
        if stop:
            raise SystemExit(TERMINATED)


def _close_epoch(run: Run, state: StageState, began: float) -> None:
    """Validate, write the metrics down, save."""
    names, position, stage = sorted(state.means.sums), state.position, state.stage
    train = state.means.compute(run.fabric, names)
    val = _validate(run, state, names)
    state.means = Means()
    criterion = _criterion(stage, names)
    better = position.next_epoch(val[criterion])
    metrics = {f"train/{name}": value for name, value in train.items()}
    metrics |= {f"val/{name}": value for name, value in val.items()}
    metrics |= {f"best/{criterion}": position.best, "seconds": time.perf_counter() - began}
    run.tracker.metrics({"stage": stage.name, "epoch": position.epoch, **metrics}, position.global_step)
    run.line.epoch(stage, position.epoch, train=train[criterion], val=val[criterion], best=position.best)
    if better:
        best = run.folder / stage.name / checkpoint.BEST
        on_first_process(run.fabric, lambda: checkpoint.save_weights(best, state.shown))
    _save_last(run, state)


@torch.no_grad()
def _validate(run: Run, state: StageState, names: Sequence[str]) -> dict[str, float]:
    """The mean metrics over the validation cases, with the averaged weights where there are any."""
    fabric, means, model = run.fabric, Means(), state.shown
    model.eval()
    held_out = run.source.validation(state.stage.view, fabric.global_rank, fabric.world_size)
    for number, batch in enumerate(map(fabric.to_device, held_out)):
        seed_validation(run.seed, number, fabric.global_rank)
        with fabric.autocast():
            losses = state.stage.objective(model, batch, epoch=math.inf)
        means.add({"loss": losses.total, **losses.metrics}, len(batch.case_index))
    set_modes(state.model, state.stage)
    return means.compute(fabric, names)


def _take_best(run: Run, state: StageState) -> None:
    """Give the model the best weights of the stage, which are those of the average where there is one."""
    best = run.folder / state.stage.name / checkpoint.BEST
    if state.position.best == math.inf:
        raise Refused(
            [complaint(f"val/{state.stage.criterion}", "a finite number in some epoch", "none", state.stage.name)]
        )
    try:
        weights = checkpoint.load(best)
    except checkpoint.BrokenFileError as broken:
        warnings.warn(f"broken checkpoint ({broken}): going on with the last weights of the stage", stacklevel=2)
        weights = state.shown.state_dict()
    state.model.load_state_dict(weights)


def _criterion(stage: Stage, names: Sequence[str]) -> str:
    """The stage's criterion. Raises Refused where the objective has no such metric."""
    if stage.criterion not in names:
        raise Refused([complaint("criterion", f"one of {', '.join(names)}", repr(stage.criterion), stage.name)])
    return stage.criterion


def _save_last(run: Run, state: StageState) -> None:
    content = state.content(run.fabric, run.made_with)
    on_first_process(run.fabric, lambda: checkpoint.save_last(run.folder / state.stage.name, content))


def _not_finite(loss: Tensor, norm: Tensor | None, config: LoopConfig) -> Tensor:
    """Whether the step would break the weights; the scaler of 16-mixed deals with infinite gradients."""
    if norm is None or config.precision == "16-mixed":
        return ~torch.isfinite(loss)
    return ~(torch.isfinite(loss) & torch.isfinite(norm))


def _refuse(run: Run, state: StageState, loss: Tensor, batch: Batch | MaskBatch) -> NoReturn:
    """Save the weights from before the step, and name the cases of the global batch."""
    _save_last(run, state)
    indices = run.fabric.all_gather(batch.case_index)
    assert isinstance(indices, Tensor)
    numbers: list[int] = indices.flatten().tolist()
    cases = [run.case_names[i] if run.case_names else f"case {i}" for i in numbers]
    position = state.position
    place = f"{state.stage.name}, epoch {position.epoch + 1}, step {position.step + 1}"
    number = loss.item()
    got = f"{number:g}" if not math.isfinite(number) else f"{number:g} with gradients that are not"
    raise Refused([complaint("loss", "a finite number", got, f"{place}; cases {', '.join(cases)}")])
