"""From a config to the parts of a run of method one: the model, the stages, the data as the loop wants them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from medseg.annotators.config import RunConfig
from medseg.annotators.confusion import GlobalConfusion, PixelConfusion
from medseg.annotators.loading.source import CohortSource, Grid
from medseg.annotators.loading.transforms import Augmentation
from medseg.annotators.model import AnnotatorModel, SeparateNetworks, TrueLabelNetwork, confusion_trunk
from medseg.annotators.stages import RECIPES, Budget, stages
from medseg.config import read_run_config, read_signature
from medseg.contracts import ClassLabel, Cohort, Parts, Refused, complaint


@dataclass(frozen=True)
class Signature:
    """What a network was built for; written beside its weights, and all that prediction needs of the cohort."""

    annotators: tuple[str, ...]
    classes: tuple[ClassLabel, ...]
    channels: int
    spatial_dims: int

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of axes O and T."""
        return tuple(label.name for label in self.classes)

    def write(self, path: Path) -> None:
        """As JSON."""
        classes = {label.name: label.value for label in self.classes}
        path.write_text(
            json.dumps(
                {
                    "annotators": self.annotators,
                    "classes": classes,
                    "channels": self.channels,
                    "spatial_dims": self.spatial_dims,
                },
                indent=1,
            )
        )

    @staticmethod
    def read(run: Path) -> Signature:
        """That of a run folder. Raises Refused where it has none."""
        values = read_signature(run)
        classes = tuple(ClassLabel(name=name, value=value) for name, value in values["classes"].items())
        return Signature(tuple(values["annotators"]), classes, values["channels"], values["spatial_dims"])


def assemble_annotators(config: RunConfig, cohort: Cohort) -> Parts:
    """A run of method one."""
    annotators = chosen_annotators(config, cohort)
    signature = Signature(annotators, cohort.classes, len(cohort.channels), cohort.spatial_dims)
    return Parts(
        signature=signature,
        model=build_annotator_model(config, signature),
        stages=stages(config.recipe, budget(config)),
        source=build_source(config, cohort, annotators),
        case_names=[case.name for case in cohort.cases],
    )


def chosen_annotators(config: RunConfig, cohort: Cohort) -> tuple[str, ...]:
    """The annotators that the config names, or all persistent ones of the cohort."""
    chosen = config.data.annotators or cohort.annotators
    known = (*cohort.annotators, *cohort.crowd)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise Refused(complaint("data.annotators", f"one of {', '.join(known)}", name, cohort.name) for name in unknown)
    return tuple(chosen)


def network_grid(config: RunConfig) -> Grid:
    """The grid section of the config."""
    grid = config.data.grid
    return Grid(grid.mode, grid.size, grid.spacing_mm, grid.foreground_fraction)


def build_source(config: RunConfig, cohort: Cohort, annotators: Sequence[str]) -> CohortSource:
    """The cases as the loop wants them."""
    return CohortSource(
        cohort,
        annotators,
        network_grid(config),
        Augmentation(**config.data.augment.model_dump()),
        config.seed,
        config.training.batch_size,
        config.data.labels_per_image,
    )


def build_annotator_model(config: RunConfig, signature: Signature) -> nn.Module:
    """The model of a recipe, its weights a function of the seed alone."""
    torch.manual_seed(config.seed)
    recipe, annotators, classes = RECIPES[config.recipe], len(signature.annotators), len(signature.classes)

    def network() -> TrueLabelNetwork:
        return TrueLabelNetwork(signature.spatial_dims, signature.channels, classes, **config.network.model_dump())

    if recipe.confusion == "separate":
        return SeparateNetworks([network() for _ in range(annotators)])
    if recipe.confusion == "none":
        return AnnotatorModel(network(), annotators)
    if recipe.confusion == "global":
        return AnnotatorModel(network(), annotators, GlobalConfusion(annotators, classes))
    width = config.confusion.trunk
    seen = signature.channels + config.network.features + classes
    head = PixelConfusion(annotators, classes, width)
    return AnnotatorModel(network(), annotators, head, confusion_trunk(signature.spatial_dims, seen, width))


def budget(config: RunConfig) -> Budget:
    """The training section's part that the stages need."""
    training, confusion = config.training, config.confusion
    return Budget(
        warmup=training.epochs.warmup,
        joint=training.epochs.joint,
        learning_rate=training.learning_rate,
        confusion_lr_factor=confusion.lr_factor,
        trace_weight=confusion.trace_weight,
        hard_assignment=confusion.assignment == "hard",
    )


def read_annotator_run(run: Path) -> RunConfig:
    """The resolved config of a run folder of method one. Raises Refused for one of method two."""
    return read_run_config(run, (RunConfig,), "a run with annotators")
