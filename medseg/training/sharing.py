"""Cases shared among the processes that torchrun or srun has started: each takes its part, the first one speaks."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TypeVar, cast

import torch

from medseg.contracts import Refused
from medseg.training.processes import part

Item = TypeVar("Item")
Result = TypeVar("Result")

LONGEST_WAIT = timedelta(days=7)
"""So long a process waits for one with larger cases."""


@dataclass(frozen=True, kw_only=True)
class Crew:
    """The processes that share the cases of one command."""

    rank: int = 0
    """Of this one."""
    size: int = 1
    """How many there are."""

    @property
    def first(self) -> bool:
        """Whether this is the one that says what is said and finishes tables."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> list[Item]:
        """Those of this process: every ``size``-th, from the ``rank``-th on."""
        return list(items[self.rank :: self.size])

    def together(self, action: Callable[[], Result]) -> list[Result]:
        """What the action gives in each process, in their order; nobody goes on before it is done in all.

        Where it fails in any, the first process raises the first error, of refusals every complaint once; the others
        end with status 0, for a launcher ends all of them as soon as one has another, and the first is to tidy up.
        """
        if self.size == 1:
            return [action()]
        try:
            mine: Result | Exception = action()
        except Exception as error:
            mine = error
        everyones: list[Result | Exception] = [cast("Result", None)] * self.size
        torch.distributed.all_gather_object(everyones, mine)
        errors = [each for each in everyones if isinstance(each, Exception)]
        if errors and not self.first:
            raise SystemExit(0)
        if errors:
            complaints = [line for error in errors if isinstance(error, Refused) for line in error.complaints]
            raise (
                Refused(dict.fromkeys(complaints)) if len(complaints) and isinstance(errors[0], Refused) else errors[0]
            )
        return cast("list[Result]", everyones)


def in_turn(shares: Sequence[Sequence[Item]]) -> list[Item]:
    """The inverse of ``Crew.share``: one list of those of all processes."""
    size = len(shares)
    return [shares[number % size][number // size] for number in range(sum(map(len, shares)))]


@cache
def crew() -> Crew:
    """The processes of torchrun, or of a step of srun, which meet here; else this process alone.

    With GPUs each takes the one of its rank on its machine. They speak over gloo, whatever computes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1
    per_node = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if size == 1 and (size := int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))) > 1:
        per_node = size // int(os.environ.get("SLURM_STEP_NUM_NODES", "1"))
    if size == 1:
        return Crew()
    from lightning_fabric import Fabric
    from lightning_fabric.strategies import DDPStrategy

    strategy = DDPStrategy(process_group_backend="gloo", timeout=LONGEST_WAIT)
    fabric = Fabric(accelerator="cpu", devices=per_node, num_nodes=size // per_node, strategy=strategy)
    fabric.launch()
    atexit.register(part)
    if torch.cuda.is_available():
        torch.cuda.set_device(fabric.local_rank % torch.cuda.device_count())
    return Crew(rank=fabric.global_rank, size=fabric.world_size)
