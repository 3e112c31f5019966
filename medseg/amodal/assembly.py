"""From a config to the parts of a run of method two; the objects that its completions are judged on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from medseg.amodal.config import AmodalConfig
from medseg.amodal.network.layout import Layout, PriorLayout
from medseg.amodal.network.model import AmodalVAE
from medseg.amodal.network.pcnet import PartialCompletionNetwork
from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import complete_objects, is_contact, objects_of_split, with_contacts
from medseg.amodal.occlusion.frames import fits
from medseg.amodal.occlusion.sections import FrameConfig
from medseg.amodal.occlusion.showing import simulated
from medseg.amodal.occlusion.source import OcclusionSource
from medseg.amodal.stages import stages
from medseg.amodal.validation_pictures import validation_pictures
from medseg.config import read_run_config, read_signature, written_by_training
from medseg.contracts import ClassLabel, ObjectCohort, ObjectRules, ObjectScheme, Parts, Split, Stage


@dataclass(frozen=True, kw_only=True)
class AmodalSignature(ObjectScheme):
    """What a completing network was built for: how label maps are taken apart for it."""

    def write(self, path: Path) -> None:
        """As JSON."""
        classes = {label.name: label.value for label in self.classes}
        content = {"classes": classes, "spatial_dims": self.spatial_dims, "rules": asdict(self.rules)}
        path.write_text(json.dumps(content, indent=1))

    @staticmethod
    def read(run: Path) -> AmodalSignature:
        """That of a run folder. Raises Refused where it has none."""
        content = read_signature(run)
        with written_by_training(run / "model.json"):
            classes = tuple(ClassLabel(name=name, value=int(value)) for name, value in content["classes"].items())
            rules: dict[str, Any] = dict(content["rules"])
            rules |= {key: tuple(rules[key]) for key in ("overlap", "unknown")}
            rules["hides"] = {name: tuple(others) for name, others in rules["hides"].items()}
            dims = int(content["spatial_dims"])
            return AmodalSignature(classes=classes, rules=ObjectRules(**rules), spatial_dims=dims)


def assemble_amodal(config: AmodalConfig, cohort: ObjectCohort) -> Parts:
    """A run of method two."""
    signature = AmodalSignature(**vars(cohort.scheme))
    training = config.training
    source = OcclusionSource(
        cohort,
        config.data,
        config.seed,
        batch_size=training.batch_size,
        objects_per_epoch=training.objects_per_epoch,
    )
    return Parts(
        signature=signature,
        model=build_amodal_model(config, signature),
        stages=amodal_stages(config),
        source=source,
        case_names=source.names,
        draw=partial(validation_pictures, names=source.names),
    )


def amodal_stages(config: AmodalConfig) -> tuple[Stage, ...]:
    """The rows of the config's recipe."""
    training = config.training
    return stages(
        config.recipe,
        config.objective,
        training.epochs,
        learning_rate=training.learning_rate,
        visible_lr_factor=training.visible_lr_factor,
        by_pixels=config.prior.kind == "pixelcnn",
    )


def build_amodal_model(config: AmodalConfig, signature: AmodalSignature) -> nn.Module:
    """The model of a recipe, its weights a function of the seed alone."""
    torch.manual_seed(config.seed)
    classes = 1 if signature.rules.instances else len(signature.classes) - 1
    layout = Layout(size=config.data.frame.size, classes=classes, **config.network.model_dump())
    if config.recipe == "pcnet":
        return PartialCompletionNetwork(layout)
    if config.prior.kind == "gaussian":
        return AmodalVAE(layout)
    return AmodalVAE(layout, PriorLayout(size=layout.size, classes=classes, **config.prior.model_dump()))


def read_amodal_run(run: Path) -> AmodalConfig:
    """The resolved config of a run folder of method two. Raises Refused for one of method one."""
    return read_run_config(run, (AmodalConfig,), "a run that completes masks")


def occluded_objects(cohort: ObjectCohort, split: Split, config: AmodalConfig) -> list[AmodalObject]:
    """The objects of a split that completion is judged on: all that `medseg complete` would ask the model about.

    These are the really occluded ones whose amodal mask is known, however little of it is occluded, the ones that do
    not fit their frames among them. Where none of them is more than a contact (see ``is_contact``), the unoccluded
    objects of the split come before them, each occluded synthetically by a draw that depends on the seed of the split
    and the object's place alone; what hides nothing is left out.
    """
    real = [
        found
        for found in objects_of_split(with_contacts(cohort), split)
        if not found.unoccluded and found.amodal is not None
    ]
    if not all(is_contact(found, cohort.rules) for found in real):
        return real
    return simulated_objects(unoccluded_objects(cohort, split, config.data.frame), config) + real


def really_occluded_objects(cohort: ObjectCohort, split: Split, rules: FrameConfig) -> list[AmodalObject]:
    """The objects of a split of which anything is hidden, whose amodal mask is known, and that fit their frames."""
    found = objects_of_split(with_contacts(cohort), split)
    return [
        amodal_object
        for amodal_object in found
        if not amodal_object.unoccluded and amodal_object.amodal is not None and fits(amodal_object, rules)
    ]


def unoccluded_objects(
    cohort: ObjectCohort, split: Split, rules: FrameConfig, most: int | None = None
) -> list[AmodalObject]:
    """The ``complete_objects`` of a split that fit their frames; with ``most`` so many, drawn once."""
    complete = complete_objects(objects_of_split(cohort, split), cohort.rules)
    found = [amodal_object for amodal_object in complete if fits(amodal_object, rules)]
    if most is None:
        return found
    return [found[number] for number in np.random.default_rng(0).permutation(len(found))[:most]]


def simulated_objects(complete: list[AmodalObject], config: AmodalConfig, draws: int = 1) -> list[AmodalObject]:
    """Unoccluded objects, each ``draws`` times among neighbours as the config has them, but for strangers."""
    alone = config.data.occlusion.model_copy(update={"strangers": 0.0})
    showing = config.data.model_copy(update={"occlusion": alone})
    others = [amodal_object.visible for amodal_object in complete]
    seed = config.data.split.seed
    occluded = [
        simulated(amodal_object, others, showing, np.random.default_rng((seed, number, draw, 3)))
        for number, amodal_object in enumerate(complete)
        for draw in range(draws)
    ]
    return [
        amodal_object
        for amodal_object in occluded
        if amodal_object.amodal is not None and (amodal_object.amodal & ~amodal_object.visible).any()
    ]
