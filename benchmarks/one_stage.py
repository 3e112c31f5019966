"""One stage of method two trained by itself, on the weights of a finished run, into a run folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from medseg.amodal.assembly import assemble_amodal
from medseg.amodal.config import AmodalConfig
from medseg.cohorts import apply, find_cohort, fingerprint, load_objects, read_splits
from medseg.config import dump_config
from medseg.contracts import ObjectCohort
from medseg.experiment.methods import load_config
from medseg.training import load_weights
from medseg.training.loop import fit
from medseg.training.settings import TrackingConfig
from medseg.training.tracking import Tracker


def train_stage(
    run: Path, out: Path, stage: str, *, weights: Path, overrides: Sequence[str], new_parts: bool = False
) -> tuple[AmodalConfig, ObjectCohort]:
    """Train the stage of that name of ``run``'s config with overrides; the config, and the cohort in its split.

    weights: with which it begins. new_parts: the model may have some that ``weights`` does not hold. Raises
    FileExistsError for an ``out`` that is there.
    """
    out.mkdir(parents=True)
    for name in ("model.json", "splits.json"):
        shutil.copy(run / name, out)
    config = load_config(run / "config.yaml", overrides)
    assert isinstance(config, AmodalConfig)
    (out / "config.yaml").write_text(dump_config(config))
    cohort = load_objects(find_cohort(config.data.cohort))
    data, cohort = fingerprint(cohort), apply(cohort, read_splits(out / "splits.json"))
    parts = assemble_amodal(config, cohort)
    parts.model.load_state_dict(load_weights(weights), strict=not new_parts)
    with Tracker(out, TrackingConfig(wandb="off"), config={}, group=config.experiment) as tracker:
        fit(
            parts.model,
            [each for each in parts.stages if each.name == stage],
            parts.source,
            out,
            config=config.training,
            seed=config.seed,
            tracker=tracker,
            fingerprint=data,
            progress=False,
        )
    return config, cohort
