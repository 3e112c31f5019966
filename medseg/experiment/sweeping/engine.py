"""submitit: a job here or on a SLURM cluster, which starts it again where it takes its place away.

A job is a process of submitit that starts the run as its child and watches it: a run that dies, of whatever, takes
nothing with it. Where the cluster calls a job off (``signal_delay_s`` before), the run saves, and the job waits in the
queue to go on. Jobs here end when the sweep that started them does, however that ended; those of SLURM stay.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from medseg.contracts import Refused, complaint
from medseg.experiment.sweeping.jobs import Job

LOOK_SECONDS = 0.2
"""So often a job looks after its run, and after the sweep."""

YEAR_MINUTES = 525_600
"""Nobody calls off a job here."""

REQUEUED = 1000
"""So often a job of SLURM may reach its time limit and go on."""


@dataclass(frozen=True, kw_only=True)
class Sweeper:
    """The process that a sweep is run by, and that its jobs here end with."""

    process: int
    """Its id."""
    began: float
    """When, for ids are given again."""
    token: Path
    """A file that is there as long as its jobs are to go on."""

    @staticmethod
    def this(token: Path) -> Sweeper:
        """The process that asks."""
        return Sweeper(process=os.getpid(), began=psutil.Process().create_time(), token=token)

    def wants(self) -> bool:
        """Whether its jobs are to go on."""
        try:
            process = psutil.Process(self.process)
            lives = process.create_time() == self.began and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        return lives and self.token.exists()


@dataclass(kw_only=True)
class WatchedRun:
    """What submitit calls: the run of a job as a child of the job's process; the exit status of the child."""

    job: Job
    """Which."""
    sweeper: Sweeper | None
    """With whom it ends; None: with nobody."""
    environment: dict[str, str]
    """Of the child, over that of the job."""
    child: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    """While it runs."""

    def __call__(self) -> int:
        """Start it and wait; where the sweep is gone the run is told to stop, and saves."""
        self.job.log.parent.mkdir(parents=True, exist_ok=True)
        module = "medseg.experiment.sweeping.one_run"
        words = [sys.executable, "-m", module, str(self.job.config), str(self.job.run), *self.job.overrides]
        with self.job.log.open("ab") as log:
            environment = os.environ | self.environment
            self.child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment)
        told = False
        while (status := self.child.poll()) is None:
            if not told and self.sweeper is not None and not self.sweeper.wants():
                self.child.terminate()
                told = True
            time.sleep(LOOK_SECONDS)
        return status

    def checkpoint(self) -> Any:
        """The cluster calls the job off: the run saves; what to put back into the queue."""
        from submitit.helpers import DelayedSubmission

        if self.child is not None:
            self.child.terminate()
            os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOWAIT)  # whom this interrupts may be in poll()
        again = WatchedRun(job=self.job, sweeper=self.sweeper, environment=self.environment)
        return DelayedSubmission(again)


def executor_of(folder: Path, slurm: Mapping[str, Any] | None) -> Any:
    """submitit's executor: of SLURM with these parameters of sbatch, or, None, of this machine.

    Raises Refused where this is no machine of a cluster, and for parameters that there are not.
    """
    import submitit

    if slurm is None:
        local = submitit.LocalExecutor(folder)
        local.update_parameters(timeout_min=YEAR_MINUTES)
        return local
    try:
        cluster = submitit.SlurmExecutor(folder, max_num_timeout=REQUEUED)
        cluster.update_parameters(**({"job_name": "medseg"} | dict(slurm)))
    except RuntimeError:
        raise Refused([complaint("--slurm", "a machine where srun and sbatch are", "none", "sweep")]) from None
    except (ValueError, TypeError) as error:
        lines = str(error).splitlines()
        raise Refused([complaint("--slurm", "parameters of sbatch", lines[0], "sweep")]) from None
    return cluster


def environment_of(slurm: Mapping[str, Any] | None) -> dict[str, str]:
    """Of a run: one thread unless OMP_NUM_THREADS says another number; here the GPUs of the sweep, all of them."""
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    if slurm is not None:
        return threads
    from torch.cuda import device_count

    every = ",".join(map(str, range(device_count())))  # submitit hides them from jobs that ask for none
    return threads | {"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", every)}


@contextmanager
def interrupts_for_this_process_alone() -> Iterator[None]:
    """Processes that are started in here do not hear the terminal's interrupt."""
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
