"""`medseg train`: a config -> a run folder with weights."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from medseg.annotators.stages import stages
from medseg.config import RunConfig, TrainingConfig, dump_config
from medseg.contracts import Cohort, Refused, complaint
from medseg.data.check import check_cohort
from medseg.data.cohort import fingerprint, load_cohort
from medseg.data.splits import apply, read_splits, split_cases, write_splits
from medseg.experiment.assembly import (
    Signature,
    budget,
    build_model,
    build_source,
    chosen_annotators,
    find_cohort,
    loop_settings,
    read_run,
)
from medseg.training.loop import fit
from medseg.training.processes import is_first_process
from medseg.training.settings import HOW_NOT_WHAT
from medseg.training.tracking import Tracker


def default_run_folder(config: RunConfig) -> Path:
    """runs/<experiment>/<recipe>-seed<k>[-fold<f>]."""
    fold = f"-fold{config.data.split.fold}" if config.data.split.folds else ""
    return Path("runs") / config.experiment / f"{config.recipe}-seed{config.seed}{fold}"


def train(config: RunConfig, run: Path, resume: bool = False, progress: bool = True) -> None:
    """Validate the cohort, write the split down, run the stages.

    Raises Refused for a bad cohort, for a run folder that is already taken (without ``resume``), and for a
    ``resume`` under another config.
    """
    if is_first_process():
        _refuse_taken(config, run, resume)
    cohort = load_cohort(find_cohort(config.data.cohort))
    _refuse_other_dimensions(config, cohort)
    findings = check_cohort(cohort)
    if findings.errors:
        raise Refused(findings.errors)
    annotators = chosen_annotators(config, cohort)
    data_fingerprint = fingerprint(cohort)
    cohort = _split(config, cohort, run)
    source = build_source(config, cohort, annotators)
    signature = Signature(annotators, cohort.classes, len(cohort.channels), cohort.spatial_dims)
    if is_first_process():
        signature.write(run / "model.json")
        (run / "config.yaml").write_text(dump_config(config))
        write_environment(run)
    tracking, values = config.tracking, config.model_dump(mode="json")
    with Tracker(run, values, tracking.wandb, tracking.project, config.experiment, "train") as tracker:
        fit(
            build_model(config, signature),
            stages(config.recipe, budget(config)),
            source,
            run,
            loop_settings(config, progress),
            tracker,
            data_fingerprint,
            resume,
            [case.name for case in cohort.cases],
        )


def _refuse_taken(config: RunConfig, run: Path, resume: bool) -> None:
    """A run folder takes one run: a second is refused, and so is going on under another config."""
    if not (run / "config.yaml").exists():
        return
    if not resume:
        raise Refused([complaint("run folder", "a new folder (or --resume)", "one that holds a run", str(run))])
    how = {"tracking": True, "training": set(HOW_NOT_WHAT) & set(TrainingConfig.model_fields)}
    old, new = (section.model_dump(exclude=how) for section in (read_run(run), config))
    differing = [key for key in new if old[key] != new[key]]
    if differing:
        raise Refused(
            complaint(f"config {key}", f"{old[key]} as in the run folder", new[key], str(run)) for key in differing
        )


def _refuse_other_dimensions(config: RunConfig, cohort: Cohort) -> None:
    """A 2-D grid for volumes, or the other way round."""
    size = config.data.grid.size
    if len(size) != cohort.spatial_dims:
        raise Refused([complaint("data.grid.size", f"{cohort.spatial_dims} numbers", list(size), cohort.name)])


def _split(config: RunConfig, cohort: Cohort, run: Path) -> Cohort:
    """The cohort with every case in its split; the split is written into the run folder before training."""
    path, split = run / "splits.json", config.data.split
    if path.exists():
        return apply(cohort, read_splits(path))
    assignment = split_cases(
        cohort.cases,
        {"val": split.val, "test": split.test},
        split.seed,
        by=split.by,
        folds=split.folds,
        fold=split.fold,
        limit={str(name): most for name, most in split.limit.items()},
    )
    if is_first_process():
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
