"""A config and a cohort -> the cases of a run as the loop wants them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medseg.annotators.config import RunConfig
from medseg.annotators.loading.memory import refuse_too_large
from medseg.annotators.loading.partly_labelled import PartlyLabelledSource
from medseg.annotators.loading.source import CohortSource
from medseg.annotators.loading.withholding import with_labelled_share
from medseg.annotators.mathematics.stages import RECIPES
from medseg.cohorts import InMemory, OnDisk
from medseg.contracts import Cohort
from medseg.training import copies_of_source


def build_source(config: RunConfig, cohort: Cohort, annotators: Sequence[str]) -> CohortSource:
    """The cases as the loop wants them; nothing is read yet but the headers of the images."""
    cache, unlabelled = config.data.cache, config.unlabelled
    if config.data.labelled_share < 1:
        cohort = with_labelled_share(cohort, annotators, config.data.labelled_share, config.seed)
    shown: dict[str, Any] = {
        "grid": config.data.grid,
        "augmentation": config.data.augment,
        "seed": config.seed,
        "batch_size": config.training.batch_size,
        "steps_per_epoch": config.training.steps_per_epoch,
        "labels_per_image": config.data.labels_per_image,
        "voters": config.data.truth,
        "intensity": config.data.intensity,
        "store": InMemory() if cache is None else OnDisk(Path(cache)),
    }
    if unlabelled.use == "none":
        source = CohortSource(cohort, annotators, **shown)
    else:
        source = PartlyLabelledSource(
            cohort,
            annotators,
            per_labelled=unlabelled.per_labelled,
            student_augmentation=config.data.student_augment,
            held_out=unlabelled.held_out if unlabelled.use == "weighted" else 0.0,
            **shown,
        )
    if cache is not None:
        return source
    separate = RECIPES[config.recipe].target in ("annotated", "fused", "random_annotator")
    refuse_too_large(
        source.kept,
        config.data.grid,
        masks=lambda case: len(source.samples.present(case)) if separate else 1,
        copies=copies_of_source(config.training),
        where=cohort.name,
    )
    return source
