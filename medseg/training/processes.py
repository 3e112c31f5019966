"""The processes of a run: starting them, telling them apart, agreeing, and stopping them in good order."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.rank_zero import rank_zero_only
from torch import Tensor

from medseg.contracts import Refused, complaint
from medseg.training.deaths import give_time_to_notice
from medseg.training.device import device_of, refuse_absent
from medseg.training.settings import LoopConfig

Result = TypeVar("Result")

TERMINATED = 143
"""Exit status of a run that was told to stop: 128 + SIGTERM; after a SIGINT it is 128 + SIGINT."""


def is_first_process() -> bool:
    """True in the one process that writes files; right already before the loop starts the others."""
    return getattr(rank_zero_only, "rank", 0) == 0


PARTING_SECONDS = 0.25
"""So long the threads of the other processes have for their last collective."""


class StopSignal:
    """Notes a SIGTERM or SIGINT instead of dying of it; the loop saves and leaves at the next step.

    The handler does nothing but set a flag: a collective inside it would hang. A second SIGINT ends the run at once.
    Where the run is not in the main thread, which alone hears signals, nothing is noted.
    """

    def __init__(self) -> None:
        self.requested = False
        self.status = TERMINATED
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested, self.status = True, 128 + number


def launch(config: LoopConfig) -> Fabric:
    """Start the processes that the config asks for, or join those that torchrun or SLURM has started.

    Raises Refused where this machine has no such device, where it has no such precision, and where the global batch
    cannot be divided evenly among them and their parts.
    """
    refuse_absent(config.accelerator)
    computes = device_of(config.accelerator)
    if config.precision == "16-mixed" and computes == "cpu":
        expected = "32-true or bf16-mixed on a CPU"
        raise Refused([complaint("precision", expected, config.precision, "training.precision")])
    if computes == "cuda" and config.devices > torch.cuda.device_count():
        expected = f"at most {torch.cuda.device_count()}, as many as this machine has"
        raise Refused([complaint("devices", expected, config.devices, "training.devices")])
    fabric = Fabric(
        accelerator=config.accelerator,
        devices=config.devices,
        num_nodes=config.num_nodes,
        strategy=config.strategy,
        precision=config.precision,
    )
    fabric.launch()
    give_time_to_notice()
    shares = fabric.world_size * config.accumulate
    if config.batch_size % shares:
        processes = "one process" if fabric.world_size == 1 else f"{fabric.world_size} processes"
        parts = f"{shares}, for {processes} times training.accumulate={config.accumulate}"
        expected = f"a multiple of {parts if config.accumulate > 1 else f'the {processes}'}"
        raise said_once(Refused([complaint("batch size", expected, config.batch_size, "training.batch_size")]))
    return fabric


def any_process(fabric: Fabric, *flags: bool | Tensor) -> list[bool]:
    """For each flag, whether it is set in any process; every process must ask."""
    numbers = torch.stack([torch.as_tensor(flag, device=fabric.device).float() for flag in flags])
    total = fabric.all_reduce(numbers, reduce_op="sum")
    assert isinstance(total, Tensor)
    return (total > 0).tolist()


def on_first_process(fabric: Fabric, action: Callable[[], Result]) -> Result:
    """What the action gives in the first process, in every process; the others wait for it.

    A refusal ends them all: see ``said_once``.
    """
    outcome = _outcome(action) if fabric.is_global_zero else None
    return _result(cast("Result | Refused", fabric.broadcast(outcome)))


def on_every_process(fabric: Fabric, action: Callable[[], Result]) -> Result:
    """What the action gives in this process; nobody goes on before it is done in all of them.

    What it is refused for in any of them ends them all, every complaint said once: see ``said_once``.
    """
    outcome = _outcome(action)
    mine = outcome.complaints if isinstance(outcome, Refused) else ()
    everyones = [fabric.broadcast(mine, src=process) for process in range(fabric.world_size)]
    complaints = dict.fromkeys(line for lines in everyones for line in lines)
    return _result(Refused(complaints) if complaints else outcome)


def said_once(refused: Refused) -> Refused | SystemExit:
    """What to raise of a refusal that every process has: the first one says it, the others end with status 1.

    They part before that.
    """
    first = is_first_process()
    part()
    return refused if first else SystemExit(1)


def part() -> None:
    """Leave the other processes for good: threads of gloo that outlive their process's last line abort it.

    They may still hold tensors of the last collective, and need the interpreter to let go of them: it waits for them
    here, since once the group is torn down it would wait for ever.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        time.sleep(PARTING_SECONDS)
        torch.distributed.destroy_process_group()


@contextmanager
def parted() -> Iterator[None]:
    """The processes part when this ends, however it ends."""
    try:
        yield
    finally:
        part()


def _outcome(action: Callable[[], Result]) -> Result | Refused:
    try:
        return action()
    except Refused as refused:
        return refused


def _result(outcome: Result | Refused) -> Result:
    if isinstance(outcome, Refused):
        raise said_once(outcome)
    return outcome
