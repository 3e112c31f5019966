"""Every recipe of method one and of its baselines, as rows: how a case is shown, what moves, what is minimised.

=====================  ====================================================================================
anchored               the truth as in soft_mean, and beside it per-pixel matrices that see it as a constant:
                       they tell the annotators' styles and cannot bend the truth to fit them
shared_truth_global    warm-up at the identity; then one matrix per annotator, one truth for all labels of a
                       voxel: finds out whom to believe
shared_truth_pixel     the same with a matrix per voxel
per_annotator_global   the likelihood of Zhang et al. 2020 with one matrix per annotator (Tanno et al. 2019)
per_annotator_pixel    Zhang et al. 2020, started at the identity
soft_mean              baseline: the network on all labels at once, which is on their mean
majority_vote, staple  baselines: the network on a fused label
random_annotator       baseline: the network on one annotator's label, drawn anew each time
separate               baseline: a network per annotator; their mean is the truth
oracle                 the ceiling: the network on the known truth
=====================  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from medseg.annotators.likelihood import Likelihood
from medseg.annotators.objective import (
    AnnotatorLikelihood,
    anchored,
    cross_entropy,
    separate_cross_entropy,
)
from medseg.contracts import Objective, Stage, View


@dataclass(frozen=True)
class Budget:
    """Epochs of the two stages, the learning rate, the factor for the global confusion logits, lambda.

    hard_assignment: in the joint stage of shared truth, a voxel counts for its most probable class alone.
    """

    warmup: int
    joint: int
    learning_rate: float
    confusion_lr_factor: float
    trace_weight: float
    hard_assignment: bool = True


@dataclass(frozen=True)
class Recipe:
    """One entry of the table above: the matrices that the model has, the view of its data, its likelihood.

    likelihood: that of the warm-up and the joint stage; None where one stage with ``objective`` is all there is.
    """

    confusion: Literal["none", "global", "pixel", "separate"]
    view: View = "annotated"
    objective: Objective = cross_entropy
    likelihood: Likelihood | None = None


RECIPES: Mapping[str, Recipe] = {
    "anchored": Recipe("pixel", objective=anchored),
    "shared_truth_global": Recipe("global", likelihood="shared_truth"),
    "shared_truth_pixel": Recipe("pixel", likelihood="shared_truth"),
    "per_annotator_global": Recipe("global", likelihood="per_annotator"),
    "per_annotator_pixel": Recipe("pixel", likelihood="per_annotator"),
    "soft_mean": Recipe("none"),
    "majority_vote": Recipe("none", view="majority_vote"),
    "staple": Recipe("none", view="staple"),
    "random_annotator": Recipe("none", view="random_annotator"),
    "separate": Recipe("separate", objective=separate_cross_entropy),
    "oracle": Recipe("none", view="truth"),
}


def stages(name: str, budget: Budget) -> tuple[Stage, ...]:
    """The rows of one recipe; the epochs of every recipe add up to the same number.

    In the warm-up the matrices are held at the identity: under ``shared_truth`` the network then learns the
    vote, under ``per_annotator`` the soft mean. Confusion matrices that start from there do not swap classes.
    """
    recipe, learning_rate = RECIPES[name], budget.learning_rate
    lr_factors = {"confusion.bias": budget.confusion_lr_factor}
    if recipe.likelihood is None:
        epochs = budget.warmup + budget.joint
        return (Stage("joint", recipe.view, ("",), recipe.objective, epochs, learning_rate, lr_factors),)
    held = AnnotatorLikelihood(recipe.likelihood, per_pixel=False)
    hard = recipe.likelihood == "shared_truth" and budget.hard_assignment
    likelihood: Likelihood = "best_truth" if hard else recipe.likelihood
    free = AnnotatorLikelihood(likelihood, per_pixel=recipe.confusion == "pixel", trace_weight=budget.trace_weight)
    return (
        Stage("warmup", recipe.view, ("network",), held, budget.warmup, learning_rate),
        Stage("joint", recipe.view, ("",), free, budget.joint, learning_rate, lr_factors),
    )
