"""What the process of a run does: train or go on, then evaluate, under a lock; what is done is left alone.

It learns from a pipe that whoever started it is gone, however that ended: a training then saves and ends.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from medseg.contracts import Refused, complaint
from medseg.experiment.sweeping.jobs import Job

CPU_SECONDS = "cpu_seconds.txt"
"""In a run folder: a line for each time that the training began or went on."""

PATIENCE_SECONDS = 60
"""So long a run waits for another process at it to end: one that has just been told to stop saves first."""


def cpu_seconds(run: Path) -> float:
    """Seconds of CPU of a run's training, as far as it was not killed; nan where nobody measured."""
    path = run / CPU_SECONDS
    return sum(map(float, path.read_text().split())) if path.is_file() else float("nan")


@contextmanager
def alone(job: Job, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the lock of a run, which the system lets go when this process ends, however it ends.

    Raises Refused where another process still holds it after ``patience`` seconds.
    """
    job.lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(job.lock).acquire(timeout=patience):
            job.lock.write_text(f"process {os.getpid()} on {socket.gethostname()}")
            yield
    except Timeout:
        who = job.lock.read_text() or "another process"
        raise Refused([complaint("run", "nobody at work on it", who, str(job.run))]) from None


def train_and_evaluate(job: Job, evaluates: bool = True) -> None:
    """One run in this process; what is already done is left alone, what was interrupted goes on.

    evaluates: False for the further processes of a training that has several.
    """
    from medseg.experiment.evaluate import evaluate_run
    from medseg.experiment.methods import load_config
    from medseg.experiment.train import train

    if not (job.run / "weights.pt").exists():
        resolved, began = load_config(job.config, job.overrides), time.process_time()
        try:
            train(resolved, job.run, resume=job.run.exists(), progress=False)
        finally:
            if job.run.is_dir() and evaluates:
                with (job.run / CPU_SECONDS).open("a") as file:
                    file.write(f"{time.process_time() - began:.2f}\n")
    if evaluates:
        evaluate_run(job.run, draw=False)


def _end_with_parent() -> None:
    """Wait until nobody holds the other end of the pipe; then this process is told to stop, and saves."""
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """What the engine starts: ``python -m medseg.experiment.sweeping.one_run CONFIG RUN [KEY=VALUE]...``."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    config, run, *overrides = sys.argv[1:]
    job = Job(config=Path(config), run=Path(run), overrides=tuple(overrides))
    try:
        if int(os.environ.get("SLURM_PROCID", "0")):
            return train_and_evaluate(job, evaluates=False)
        with alone(job):
            if not job.done:
                train_and_evaluate(job)
    except Refused as refused:
        sys.exit("\n".join(f"error: {line}" for line in refused.complaints))


if __name__ == "__main__":
    main()
