"""Every recipe of method one and of its baselines, as rows: how a case is shown, what moves, what is minimised.

=====================  ====================================================================================
fused                  the default. The truth is what all labels say together, each weighed by what its annotator is
                       worth at that distance from the border (``annotators.fusion``); then, of the truth at its best,
                       matrices per voxel learn each style and cannot bend it
anchored               the truth as in soft_mean, and then per-pixel matrices that see it as a constant:
                       they tell the annotators' styles and cannot bend the truth to fit them
shared_truth_global    warm-up at the identity; then one matrix per annotator, one truth for all labels of a
                       voxel: finds out whom to believe
shared_truth_pixel     the same with a matrix per voxel
per_annotator_global   the likelihood of Zhang et al. 2020 with one matrix per annotator (Tanno et al. 2019)
per_annotator_pixel    Zhang et al. 2020, started at the identity
soft_mean              baseline: the network on all labels at once, which is on their mean
majority_vote, staple  baselines: the network on a fused label
unanimous              baseline: the network on the voxels on which all annotators agree; the image decides the others
random_annotator       baseline: the network on one annotator's label, drawn anew each time
separate               baseline: a network per annotator; their mean is the truth
oracle                 the ceiling: the network on the known truth
=====================  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from torch import nn

from medseg.annotators.mathematics.energy import WithEnergy
from medseg.annotators.mathematics.likelihood import Likelihood
from medseg.annotators.mathematics.objective import (
    AnnotatorLikelihood,
    consensus_cross_entropy,
    cross_entropy,
    separate_cross_entropy,
    style_likelihood,
)
from medseg.annotators.mathematics.overlap import OVERLAP
from medseg.annotators.mathematics.selecting import selecting
from medseg.annotators.mathematics.settings import ConfusionConfig, EnergyConfig, StepsConfig
from medseg.annotators.mathematics.supervision import Supervision
from medseg.annotators.nouns import ImageBatch
from medseg.contracts import Losses, Stage, Target

SELECTOR = "selector"
"""The stage after all others, which changes nothing of what is said of an image as it is."""

STYLES = "styles"
"""The stage in which the annotators' matrices are learned of a truth that stands."""

NO_ENERGY = EnergyConfig()
"""No term of it."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One entry of the table above."""

    confusion: Literal["none", "global", "pixel", "style", "separate"]
    """The matrices that the model has."""
    target: Target = "annotated"
    """How its cases are shown."""
    objective: Callable[..., Losses] = cross_entropy
    """Of a recipe of one stage."""
    criterion: str = "nll"
    """Of its best weights on validation cases."""
    styles: bool = False
    """The truth is learned first and alone, and then what each annotator makes of it."""
    likelihood: Likelihood | None = None
    """Of the warm-up and the joint stage; None where one stage with ``objective`` is all there is."""


RECIPES: Mapping[str, Recipe] = {
    "fused": Recipe(
        confusion="style", target="fused", objective=consensus_cross_entropy, criterion="truth_nll", styles=True
    ),
    "anchored": Recipe(confusion="pixel", styles=True),
    "shared_truth_global": Recipe(confusion="global", likelihood="shared_truth"),
    "shared_truth_pixel": Recipe(confusion="pixel", likelihood="shared_truth"),
    "per_annotator_global": Recipe(confusion="global", likelihood="per_annotator"),
    "per_annotator_pixel": Recipe(confusion="pixel", likelihood="per_annotator"),
    "soft_mean": Recipe(confusion="none"),
    "majority_vote": Recipe(confusion="none", target="majority_vote"),
    "staple": Recipe(confusion="none", target="staple"),
    "unanimous": Recipe(confusion="none", target="unanimous"),
    "random_annotator": Recipe(confusion="none", target="random_annotator"),
    "separate": Recipe(confusion="separate", objective=separate_cross_entropy),
    "oracle": Recipe(confusion="none", target="truth"),
}


def stages(
    name: str,
    *,
    steps: StepsConfig,
    steps_per_epoch: int,
    confusion: ConfusionConfig,
    learning_rate: float,
    dice_weight: float = 0.0,
    energy: EnergyConfig = NO_ENERGY,
    selector_steps: int = 0,
) -> tuple[Stage, ...]:
    """The rows of one recipe; the steps that move the truth add up to the same number. learning_rate: of all stages.

    Where styles stand beside the truth they are learned last, of the truth at its best, which no longer moves.
    dice_weight: of the overlap of the truth with its target, beside the likelihood. energy: of the images' energy.
    selector_steps: of a last stage, in which nothing moves but the selector of changes at test time.

    In the warm-up the matrices are held at the identity: under ``shared_truth`` the network then learns the
    vote, under ``per_annotator`` the soft mean. Confusion matrices that start from there do not swap classes.
    """
    recipe, supervision = RECIPES[name], Supervision(dice_weight=dice_weight)
    joint = Stage(
        name="joint",
        target=recipe.target,
        trains=("network",) if recipe.styles else ("",),
        objective=partial(recipe.objective, supervision=supervision),
        criterion=recipe.criterion,
        overlap=OVERLAP,
        looks=_looked_at,
        epochs=(steps.warmup + steps.joint) / steps_per_epoch,
        learning_rate=learning_rate,
        lr_factors={"confusion.bias": confusion.lr_factor},
    )
    last = _selecting(joint, selector_steps / steps_per_epoch) if selector_steps else ()
    if recipe.styles:
        described = _describing(joint, (steps.styles or steps.warmup) / steps_per_epoch)
        return *_with_energy((joint,), energy), described, *last
    if recipe.likelihood is None:
        return *_with_energy((joint,), energy), *last
    hard = recipe.likelihood == "shared_truth" and confusion.assignment == "hard"
    free = AnnotatorLikelihood(
        likelihood="best_truth" if hard else recipe.likelihood,
        per_pixel=recipe.confusion == "pixel",
        trace_weight=confusion.trace_weight,
        supervision=supervision,
    )
    warmup = Stage(
        name="warmup",
        target=recipe.target,
        trains=("network",),
        objective=AnnotatorLikelihood(likelihood=recipe.likelihood, per_pixel=False, supervision=supervision),
        criterion="nll",
        overlap=OVERLAP,
        looks=_looked_at,
        epochs=steps.warmup / steps_per_epoch,
        learning_rate=learning_rate,
    )
    joint = replace(joint, objective=free, epochs=steps.joint / steps_per_epoch)
    return *_with_energy((warmup, joint), energy), *last


def _looked_at(model: nn.Module, batch: ImageBatch) -> object:
    return model(batch.image)


def _describing(joint: Stage, epochs: float) -> Stage:
    """Shown what the joint stage is; the network is held as that has left it."""
    moved, objective = ("confusion", "trunk"), style_likelihood
    return replace(joint, name=STYLES, trains=moved, objective=objective, criterion="nll", epochs=epochs, looks=None)


def _selecting(joint: Stage, epochs: float) -> tuple[Stage, ...]:
    """Shown what the joint stage is; the network is held as that has left it."""
    row = replace(joint, name=SELECTOR, trains=("selector",), objective=selecting, criterion="misfit")
    return (replace(row, epochs=epochs, overlap="", lr_factors={}),)


def _with_energy(rows: tuple[Stage, ...], energy: EnergyConfig) -> tuple[Stage, ...]:
    """The same rows, each with the term where it has a weight."""
    if not energy.weight:
        return rows
    return tuple(replace(row, objective=WithEnergy(objective=row.objective, config=energy)) for row in rows)
