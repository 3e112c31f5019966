"""All jobs of a folder, so many at a time: one sweep per folder; a job that fails is said, and stops nobody."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from medseg.contracts import Refused, complaint
from medseg.experiment.sweeping.engine import (
    LOOK_SECONDS,
    Sweeper,
    WatchedRun,
    environment_of,
    executor_of,
    interrupts_for_this_process_alone,
)
from medseg.experiment.sweeping.jobs import Job

LOCK, HOLDER = ".sweep.lock", ".sweep.by"
"""Held by the sweep that runs; and who that is."""

QUEUED = {"PENDING", "RUNNING", "REQUEUED", "REQUEUE_HOLD", "RESIZING", "SUSPENDED", "COMPLETING", "CONFIGURING"}
"""States of a job that SLURM still has before it."""


def run_jobs(jobs: Sequence[Job], folder: Path, *, processes: int, slurm: Mapping[str, Any] | None = None) -> list[Job]:
    """Run those that are not done and say how it goes on standard error; returns those that failed.

    folder: of the sweep. processes: so many at a time here. slurm: parameters of sbatch, with which SLURM is given all
    of them at once (``array_parallelism``: so many at a time); what an earlier sweep has left in the queue is waited
    for. Raises Refused where another sweep runs in the folder.
    """
    waiting = [job for job in jobs if not job.done]
    if not waiting:
        return []
    with _only_sweep(folder) as sweeper:
        executor, environment = executor_of(folder / "logs" / "submitit", slurm), environment_of(slurm)
        ends_with = None if slurm is not None else sweeper
        watched = {job: WatchedRun(job=job, sweeper=ends_with, environment=environment) for job in waiting}
        if slurm is None:
            return _run_here(watched, sweeper, executor, processes)
        running = _queued(watched, executor)
        try:
            return _ended(running, [], executor, 0)
        except KeyboardInterrupt:
            print(f"{len(running)} jobs stay with SLURM; the same command waits for them", file=sys.stderr)
            raise


def _run_here(watched: Mapping[Job, WatchedRun], sweeper: Sweeper, executor: Any, processes: int) -> list[Job]:
    """So many at a time; where this is interrupted they are told to stop, and are waited for."""
    running: dict[Job, Any] = {}
    try:
        return _ended(running, list(watched.values()), executor, processes)
    finally:
        sweeper.token.unlink(missing_ok=True)
        while any(not submitted.done() for submitted in running.values()):
            time.sleep(LOOK_SECONDS)


def _ended(running: dict[Job, Any], waiting: list[WatchedRun], executor: Any, processes: int) -> list[Job]:
    """Start what waits as others end, and wait for all of them, which are taken off ``running``; the failed ones."""
    failed, ended, total = [], 0, len(running) + len(waiting)
    while waiting or running:
        while waiting and len(running) < processes:
            with interrupts_for_this_process_alone():
                running[waiting[0].job] = executor.submit(waiting[0])
            del waiting[0]
        time.sleep(LOOK_SECONDS)
        for job in [job for job, submitted in running.items() if submitted.done()]:
            reason, ended = _reason(job, running.pop(job)), ended + 1
            failed += [job] if reason else []
            print(f"[{ended}/{total}] {job.run}{reason}", file=sys.stderr, flush=True)
    return failed


def _queued(watched: Mapping[Job, WatchedRun], executor: Any) -> dict[Job, Any]:
    """All jobs in SLURM's queue: those that an earlier sweep has put there, and the others as one array."""
    running = {job: before for job in watched if (before := _left_in_queue(job, executor)) is not None}
    new = [job for job in watched if job not in running]
    if new:
        running |= dict(zip(new, executor.submit_array([watched[job] for job in new]), strict=True))
    for job, submitted in running.items():
        job.log.parent.mkdir(parents=True, exist_ok=True)
        job.log.with_suffix(".slurm").write_text(submitted.job_id)
    return running


def _left_in_queue(job: Job, executor: Any) -> Any:
    """The job of an earlier sweep, where SLURM has not ended it yet."""
    note = job.log.with_suffix(".slurm")
    if not note.is_file():
        return None
    before = executor.job_class(executor.folder, note.read_text())
    state = before.watcher.get_state(before.job_id, mode="force").split(" ")[0]
    return before if state in QUEUED else None


def _reason(job: Job, submitted: Any) -> str:
    """Why a job that has ended is not done; nothing where it is."""
    if job.done:
        return ""
    try:
        status = submitted.result()
    except Exception:  # whatever submitit makes of a process that left no result
        return f": failed; its process was killed, as it happens where memory is short ({submitted.paths.stderr})"
    if status < 0:
        return f": failed; killed by {signal.Signals(-status).name}, as it happens where memory is short ({job.log})"
    lines = [line for line in job.log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return f": failed; {lines[-1] if lines else 'no word why'} ({job.log})"


@contextmanager
def _only_sweep(folder: Path) -> Iterator[Sweeper]:
    """Hold the folder; at the end the jobs here are told to stop, which save. Raises Refused where another holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock, token = FileLock(folder / LOCK), folder / HOLDER
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = token.read_text() if token.is_file() else "another process"
        raise Refused([complaint("sweep folder", "no sweep in it", f"one by {who}", str(folder))]) from None
    try:
        token.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield Sweeper.this(token)
    finally:
        token.unlink(missing_ok=True)
        lock.release()
