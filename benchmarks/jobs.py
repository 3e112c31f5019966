"""Many runs, each trained and evaluated in a process of its own; what has scores already is left alone.

A run that was interrupted goes on from its checkpoint. A process learns from a pipe that whoever started it is gone,
however that ended, saves and ends too. What it says goes to logs/ beside the run folders.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CPU_SECONDS = "cpu_seconds.txt"
"""In a run folder: a line for each time that the training began or went on."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run."""

    config: Path
    """Of what."""
    run: Path
    """Into which folder."""
    overrides: tuple[str, ...]
    """``dotted.key=value``."""

    @property
    def done(self) -> bool:
        """Whether it is evaluated."""
        return (self.run / "scores.csv").is_file()

    @property
    def log(self) -> Path:
        """What its process says."""
        return self.run.parent / "logs" / f"{self.run.name}.log"


def plan(
    config: Path,
    out: Path,
    *,
    recipes: Sequence[str],
    seeds: int,
    folds: Sequence[int] = (),
    of_folds: int | None = None,
    split_seeds: bool = False,
    overrides: Sequence[str] = (),
) -> list[Job]:
    """A job for every seed, fold and recipe, in this order: whoever looks early sees all recipes.

    folds: which of ``of_folds`` (none: the config's own split). split_seeds: every seed draws its own split.
    """
    jobs = []
    for seed, fold, recipe in itertools.product(range(seeds), folds or (0,), recipes):
        own = [f"recipe={recipe}", f"seed={seed}"]
        own += [f"data.split.seed={seed}"] if split_seeds else []
        own += [f"data.split.folds={of_folds}", f"data.split.fold={fold}"] if folds else []
        run = out / f"{recipe}-seed{seed}-fold{fold}"
        jobs.append(Job(config=config, run=run, overrides=(*overrides, *own)))
    return jobs


def run_all(jobs: Sequence[Job], processes: int) -> list[Job]:
    """Run those that are not done, so many at a time, and say how it goes; returns those that failed."""
    waiting, failed = [job for job in jobs if not job.done], []
    running: dict[Job, subprocess.Popen[bytes]] = {}
    ended, total = 0, len(waiting)
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                job = waiting.pop(0)
                running[job] = _started(job)
            time.sleep(0.1)
            for job in [job for job, process in running.items() if process.poll() is not None]:
                ended += 1
                bad = running.pop(job).returncode != 0 or not job.done
                failed += [job] if bad else []
                print(f"[{ended}/{total}] {job.run}{_reason(job) if bad else ''}", file=sys.stderr, flush=True)
    finally:
        for process in running.values():
            assert process.stdin is not None
            process.stdin.close()
        for process in running.values():
            process.wait()
    return failed


def cpu_seconds(run: Path) -> float:
    """Seconds of CPU of a run's training, as far as it was not killed; nan where nobody measured."""
    path = run / CPU_SECONDS
    return sum(map(float, path.read_text().split())) if path.is_file() else float("nan")


def _started(job: Job) -> subprocess.Popen[bytes]:
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, __file__, str(job.config), str(job.run), *job.overrides],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            process_group=0,  # an interrupt from the terminal goes to the parent alone, which lets go of the pipe
        )


def _reason(job: Job) -> str:
    lines = [line for line in job.log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return f": failed; {lines[-1] if lines else 'no word why'} ({job.log})"


# ------------------------------------------------------------------------------------ in the process
def train_and_evaluate(config: Path, run: Path, overrides: Sequence[str]) -> None:
    """One run in this process, on one thread; what is already done is left alone."""
    import torch

    from medseg.experiment.evaluate import evaluate_run
    from medseg.experiment.methods import load_config
    from medseg.experiment.train import train

    torch.set_num_threads(1)
    if not (run / "weights.pt").exists():
        resolved, began = load_config(config, overrides), time.process_time()
        try:
            train(resolved, run, resume=run.exists(), progress=False)
        finally:
            if run.is_dir():
                with (run / CPU_SECONDS).open("a") as file:
                    file.write(f"{time.process_time() - began:.2f}\n")
    evaluate_run(run, draw=False)


def _end_with_parent() -> None:
    """Wait until nobody holds the other end of the pipe; then this process is told to stop, and saves."""
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """What ``run_all`` starts."""
    from medseg.contracts import Refused

    threading.Thread(target=_end_with_parent, daemon=True).start()
    config, run, *overrides = sys.argv[1:]
    try:
        train_and_evaluate(Path(config), Path(run), overrides)
    except Refused as refused:
        sys.exit("\n".join(f"error: {line}" for line in refused.complaints))


if __name__ == "__main__":
    main()
