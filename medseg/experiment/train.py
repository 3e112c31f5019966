"""`medseg train`: a config -> a run folder with weights."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from medseg.cohorts import apply, find_cohort, fingerprint, load_cohort, read_splits, split_cases, write_splits
from medseg.config import dump_config, read_run_config
from medseg.contracts import Cohort, Refused, complaint
from medseg.experiment.methods import configs, method_of
from medseg.training import HOW_NOT_WHAT, Tracker, fit, launch, on_every_process, on_first_process


def default_run_folder(config: Any) -> Path:
    """runs/<experiment>/<recipe>-seed<k>[-fold<f>]."""
    fold = f"-fold{config.data.split.fold}" if config.data.split.folds else ""
    return Path("runs") / config.experiment / f"{config.recipe}-seed{config.seed}{fold}"


def train(config: Any, run: Path, resume: bool = False, progress: bool = True) -> None:
    """Validate the cohort, write the split down, run the stages, and what the method does after them.

    Of several processes the first alone reads the cohort to check it, and tells the others what it found.
    Raises Refused for a bad cohort, for a run folder that is already taken (without ``resume``), and for a
    ``resume`` under another config: in the first process, while the others end with status 1.
    """
    method = method_of(config)
    fabric = launch(config.training)
    cohort, data_fingerprint = on_first_process(fabric, lambda: _validated(config, run, resume))
    parts = on_every_process(fabric, lambda: method.assemble(config, cohort))
    if fabric.is_global_zero:
        parts.signature.write(run / "model.json")
        (run / "config.yaml").write_text(dump_config(config))
        write_environment(run)
    values = config.model_dump(mode="json")
    with Tracker(run, config.tracking, config=values, group=config.experiment, job_type="train") as tracker:
        fit(
            parts.model,
            parts.stages,
            parts.source,
            run,
            config=config.training,
            seed=config.seed,
            tracker=tracker,
            fingerprint=data_fingerprint,
            resume=resume,
            case_names=parts.case_names,
            progress=progress,
            fabric=fabric,
        )
    if fabric.is_global_zero:
        method.finish(run, cohort)


def _validated(config: Any, run: Path, resume: bool) -> tuple[Cohort, str]:
    """The cohort, every file of it read and every case in its split, and the fingerprint of its content."""
    method = method_of(config)
    _refuse_taken(config, run, resume)
    cohort = load_cohort(find_cohort(config.data.cohort))
    if complaints := method.unfit(config, cohort) or method.check(cohort).errors:
        raise Refused(complaints)
    return _split(config, cohort, run), fingerprint(cohort)


def _refuse_taken(config: Any, run: Path, resume: bool) -> None:
    """A run folder takes one run: a second is refused, and so is going on under another config."""
    if not (run / "config.yaml").exists():
        return
    if not resume:
        raise Refused([complaint("run folder", "a new folder (or --resume)", "one that holds a run", str(run))])
    how = {"tracking": True, "training": set(HOW_NOT_WHAT)}
    old, new = (section.model_dump(exclude=how) for section in (read_run_config(run, configs()), config))
    differing = [key for key in new if old.get(key) != new[key]]
    if differing:
        raise Refused(
            complaint(f"config {key}", f"{old.get(key)} as in the run folder", new[key], str(run)) for key in differing
        )


def _split(config: Any, cohort: Cohort, run: Path) -> Cohort:
    """The cohort with every case in its split; the split is written into the run folder before training."""
    path = run / "splits.json"
    if path.exists():
        return apply(cohort, read_splits(path))
    assignment = split_cases(cohort.cases, config.data.split)
    write_splits(path, assignment)
    return apply(cohort, assignment)


def write_environment(run: Path) -> None:
    """environment.json: what ran this."""
    packages = ("medseg", "torch", "monai", "lightning-fabric", "numpy", "SimpleITK", "nibabel")
    found = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "command": " ".join(sys.argv),
    }
    (run / "environment.json").write_text(json.dumps(found | {name: version(name) for name in packages}, indent=1))
