"""From a config to the parts of a run of method one: the model, the stages, the data as the loop wants them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from medseg.annotators.config import RunConfig
from medseg.annotators.described import Described
from medseg.annotators.loading.memory import refuse_large_batch
from medseg.annotators.mathematics.confusion import GlobalConfusion, PixelConfusion
from medseg.annotators.mathematics.energy import ReplayBuffer
from medseg.annotators.mathematics.heads import Confusion
from medseg.annotators.mathematics.model import (
    AnnotatorModel,
    SeparateNetworks,
    TrueLabelNetwork,
    classifier_complaints,
)
from medseg.annotators.mathematics.networks import network_complaints
from medseg.annotators.mathematics.stages import RECIPES, stages
from medseg.annotators.mathematics.students import with_student
from medseg.annotators.mathematics.styles import StyleConfusion
from medseg.annotators.mathematics.test_time import Selector
from medseg.annotators.mathematics.trunks import ConvolutionTrunk, PointwiseTrunk, Trunk
from medseg.annotators.mathematics.uncertainty import dropouts
from medseg.annotators.sources import build_source
from medseg.annotators.validation_pictures import validation_pictures
from medseg.config import read_run_config, read_signature, written_by_training
from medseg.contracts import ClassLabel, Cohort, Parts, Refused, Stage, complaint


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a network was built for; written beside its weights, and all that prediction needs of the cohort."""

    annotators: tuple[str, ...]
    """In the order of axis A."""
    classes: tuple[ClassLabel, ...]
    """In the order of axes O and T, the background first."""
    channels: int
    """C of an image."""
    spatial_dims: int
    """2 or 3."""
    described: Described | None = None
    """What is said of the annotators, of a run whose matrices are made from it; None: nothing is."""

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
                    **({"described": self.described.content()} if self.described else {}),
                },
                indent=1,
            )
        )

    @staticmethod
    def read(run: Path) -> Signature:
        """That of a run folder. Raises Refused where it has none."""
        values = read_signature(run)
        with written_by_training(run / "model.json"):
            return Signature(
                annotators=tuple(map(str, values["annotators"])),
                classes=tuple(ClassLabel(name=name, value=int(value)) for name, value in values["classes"].items()),
                channels=int(values["channels"]),
                spatial_dims=int(values["spatial_dims"]),
                described=Described.read(values.get("described")),
            )


def assemble_annotators(config: RunConfig, cohort: Cohort) -> Parts:
    """A run of method one. Raises Refused where its cases would not fit into memory."""
    annotators = chosen_annotators(config, cohort)
    refuse_large_batch(
        config.data.grid,
        config.training.batch_size * (1 + (config.unlabelled.per_labelled if config.unlabelled.use != "none" else 0)),
        values=len(cohort.channels) + (config.network.channels[0] if config.training.accelerator == "cpu" else 0),
        parts=config.training.accumulate
        * config.training.num_nodes
        * (1 if config.training.accelerator == "cpu" else config.training.devices),
        where=cohort.name,
    )
    found = network_complaints(config.network, len(cohort.channels), config.data.grid.size)
    if found := [*found, *classifier_complaints(config.network, len(cohort.classes))]:
        raise Refused(found)
    signature = Signature(
        annotators=annotators,
        classes=cohort.classes,
        channels=len(cohort.channels),
        spatial_dims=cohort.spatial_dims,
        described=Described.of(cohort.people, annotators) if RECIPES[config.recipe].confusion == "style" else None,
    )
    names = [case.name for case in cohort.cases]
    return Parts(
        signature=signature,
        model=build_annotator_model(config, signature),
        stages=build_stages(config, len(names)),
        source=build_source(config, cohort, annotators),
        case_names=names,
        draw=partial(validation_pictures, annotators=annotators, classes=signature.class_names, cases=names),
    )


def chosen_annotators(config: RunConfig, cohort: Cohort) -> tuple[str, ...]:
    """The annotators that the config names, or all persistent ones of the cohort but those who vote for the truth."""
    voters = config.data.truth
    chosen = config.data.annotators or tuple(name for name in cohort.annotators if name not in voters)
    known = (*cohort.annotators, *cohort.crowd)
    named = {"data.annotators": config.data.annotators or (), "data.truth": voters}
    found = [
        complaint(key, f"one of {', '.join(known)}", name, cohort.name)
        for key, names in named.items()
        for name in names
        if name not in known
    ]
    if not chosen:
        expected = "somebody beside data.truth (data.annotators may name slots of a crowd)"
        found.append(complaint("data.annotators", expected, "nobody", cohort.name))
    if found:
        raise Refused(found)
    most = config.data.labels_per_image
    if most is not None and most > len(chosen):
        raise Refused([complaint("data.labels_per_image", f"at most {len(chosen)} annotators", most, cohort.name)])
    return tuple(chosen)


def build_stages(config: RunConfig, cases: int = 0) -> tuple[Stage, ...]:
    """The rows of the config's recipe, and that of a student; cases: of the cohort, which a student alone asks for."""
    training = config.training
    rows = stages(
        config.recipe,
        steps=training.steps,
        steps_per_epoch=training.steps_per_epoch,
        confusion=config.confusion,
        learning_rate=training.learning_rate,
        dice_weight=training.dice_weight,
        energy=training.energy,
        selector_steps=training.selector_steps,
    )
    steps = {"steps_per_epoch": training.steps_per_epoch, "cases": cases}
    return with_student(config.recipe, rows, config.unlabelled, **steps)


def build_annotator_model(config: RunConfig, signature: Signature) -> nn.Module:
    """The model of a recipe, its weights a function of the seed alone; with a teacher where there is a student.

    Raises Refused where the teacher is to be looked through with dropout, and has none.
    """
    torch.manual_seed(config.seed)
    model, use = _without_teacher(config, signature), config.unlabelled.use
    if use == "uncertain" and not dropouts(model):
        expected = "one with dropout, which unlabelled.use=uncertain looks through"
        raise Refused([complaint("network", expected, "none", config.network.name)])
    return model if use == "none" or not isinstance(model, AnnotatorModel) else model.with_teacher()


def _without_teacher(config: RunConfig, signature: Signature) -> nn.Module:
    recipe, annotators, classes = RECIPES[config.recipe], len(signature.annotators), len(signature.classes)

    def network() -> TrueLabelNetwork:
        return TrueLabelNetwork(config.network, signature.channels, classes, size=config.data.grid.size)

    if recipe.confusion == "separate":
        return SeparateNetworks([network() for _ in range(annotators)])
    truth = network()  # before what stands on it: recipes of one seed begin with the same truth

    def annotated(confusion: Confusion | None = None, trunk: Trunk | None = None) -> AnnotatorModel:
        model = AnnotatorModel(truth, annotators, confusion, trunk)
        model.replay, model.selector = _replay(config, signature), _selector(config, signature)
        return model

    if recipe.confusion == "none":
        return annotated()
    if recipe.confusion == "global":
        return annotated(GlobalConfusion(annotators, classes))
    width, seen = config.confusion.trunk, (signature.channels, config.network.features, classes)
    if recipe.confusion == "style":
        trunk = PointwiseTrunk(*seen, width)
        told, depth = signature.described, config.confusion.embedding
        said = torch.from_numpy(told.rows_of(signature.annotators)) if told else None
        confusion = StyleConfusion(annotators, classes, width, depth, said=said)
    else:
        trunk = ConvolutionTrunk(signature.spatial_dims, *seen, width)
        confusion = PixelConfusion(annotators, classes, width)
    return annotated(confusion, trunk)


def _replay(config: RunConfig, signature: Signature) -> ReplayBuffer | None:
    """Made-up images, of a run with an energy term."""
    energy = config.training.energy
    return ReplayBuffer(energy.buffer, signature.channels, config.data.grid.size) if energy.weight else None


def _selector(config: RunConfig, signature: Signature) -> Selector | None:
    """Of changes at test time, of a run that trains one."""
    return Selector(signature.spatial_dims, signature.channels) if config.training.selector_steps else None


def read_annotator_run(run: Path) -> RunConfig:
    """The resolved config of a run folder of method one. Raises Refused for one of method two."""
    return read_run_config(run, (RunConfig,), "a run with annotators")
