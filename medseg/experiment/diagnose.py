"""`medseg diagnose`: a trained run -> what it has learned, and what by heart; trains it again for the latter."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from medseg.annotators.diagnosis import MEMORISATION, Retraining, diagnose_run, place_of, refuse_parts, retrainings
from medseg.contracts import Refused, complaint
from medseg.experiment.evaluate import evaluate_run
from medseg.experiment.sweeping.jobs import Job
from medseg.experiment.sweeping.running import run_jobs


def diagnose(
    run: Path,
    what: Sequence[str],
    out: Path | None = None,
    *,
    whose: Sequence[str] = (),
    percents: Sequence[int] = (),
    steps: int | None = None,
    processes: int | None = None,
) -> str:
    """Make these parts of a diagnosis; returns what the user reads.

    what: memorisation, decodability, clusters, mapper. out: RUN/diagnosis by default. The other options are of
    memorisation: whose labels are swapped, in so many percent of the cases, in trainings of so many steps, so many at
    a time; what of it is trained is left alone, and what was interrupted goes on.
    Raises Refused for a run of method two, and before anything is trained for bad options.
    """
    refuse_parts(what, run)
    place = place_of(run, out)
    trained: list[Retraining] = []
    if MEMORISATION in what:
        trained = retrainings(run, place / MEMORISATION, whose=whose, percents=percents, steps=steps)
        _train(trained, run / "config.yaml", place / MEMORISATION, processes or os.cpu_count() or 1)
    return diagnose_run(run, place, what, trained)


def _train(trained: Sequence[Retraining], config: Path, folder: Path, processes: int) -> None:
    """Each in a process of its own, scored on test cases and on training cases. Raises Refused where one fails."""
    jobs = [Job(config=config, run=each.run, overrides=each.overrides) for each in trained]
    if failed := run_jobs(jobs, folder, processes=processes):
        got = f"{len(failed)} of {len(jobs)} failed; the same command tries again"
        raise Refused([complaint("trainings on swapped labels", "all of them", got, str(jobs[0].log.parent))])
    for each in trained:
        if not (each.run / "train" / "scores.csv").is_file():
            evaluate_run(each.run, split="train", draw=False)
