"""Method two and its ablations as rows: how an object is shown, what moves, what is minimised.

=================  =======================================================================================
three_stages       I complete: q1 and a decoder on unoccluded objects. II occluded: q2, which starts as q1, and the
                   completing decoder on the same, occluded synthetically, and on really occluded ones whose whole is
                   known. III visible: q2 on really occluded ones, held to that of stage II; kept where it completes
                   objects of known whole better than before, by ``GAIN``
without_complete   ablation: no stage I; q1 is learnt in stage II, as in a plain conditional auto-encoder
without_occluded   ablation: no stage II; q2 starts stage III as q1, and the completing decoder is learnt there
without_visible    ablation: no stage III
pcnet              rival: a U-Net on what stage II is shown, as many epochs as the three stages together
=================  =======================================================================================

A prior by pixels (``prior.kind: pixelcnn``) adds the stage ``prior``: complete shapes too, right after stage I, or
first where there is none. It moves the prior alone, and no other stage moves that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from medseg.contracts import Positive, Section, Stage

AmodalRecipe = Literal["three_stages", "without_complete", "without_occluded", "without_visible", "pcnet"]
Weight = Annotated[float, Field(ge=0)]


GAIN = 0.05
"""Stage III is kept where what the answers miss of validation objects falls by this part: of a hundred objects less is
chance."""


class ObjectiveConfig(Section):
    """The letters of the objectives, see each of them: the section ``objective``."""

    beta: Weight = 1.0
    """Of stage I: the divergence of q1 from the prior."""
    free_bits: Weight = 0.05
    """Of stage I: nats of a dimension of z that cost nothing."""
    warmup: Weight = 5.0
    """Of stage I: epochs over which beta grows from 0."""
    partial_beta: Weight = 0.1
    """Of stages II and III: the divergence of q2 from the prior."""
    gamma: Weight = 1.0
    """Of stage II: the divergence of q1 from q2."""
    delta: Weight = 1.0
    """Of stage III: the divergences of q2 and of the answer from those of stage II."""
    occluder_weight: Annotated[float, Field(ge=1)] = 5.0
    """Of stage II and the rival: w, inside the occluder."""
    known_background: bool = True
    """Stage III also sees where the object cannot be."""


class EpochsConfig(Section):
    """Epochs of each stage; the rival gets the sum of the three: the section ``training.epochs``."""

    complete: Positive = 20
    """Of stage I."""
    prior: Positive = 20
    """Of the stage of a prior by pixels, where there is one; the rival gets none of them."""
    occluded: Positive = 40
    """Of stage II."""
    visible: Positive = 5
    """Of stage III."""


def stages(
    recipe: AmodalRecipe,
    weights: ObjectiveConfig,
    epochs: EpochsConfig,
    *,
    learning_rate: float,
    visible_lr_factor: float,
    by_pixels: bool = False,
) -> tuple[Stage, ...]:
    """The rows of one recipe. learning_rate: of all stages but III, which has ``visible_lr_factor`` times that.

    by_pixels: with the stage of a prior by pixels, see above; the rival has none.
    """
    if recipe == "pcnet":
        return (_rival(weights, epochs, learning_rate),)
    complete, occluded = _complete(weights, epochs, learning_rate), _occluded(weights, epochs, learning_rate)
    visible = _visible(weights, epochs, learning_rate * visible_lr_factor)
    rows = {
        "three_stages": (complete, occluded, visible),
        "without_complete": (replace(occluded, trains=("complete", *occluded.trains), starts_as={}),),
        "without_occluded": (
            complete,
            replace(
                visible,
                trains=occluded.trains,
                starts_as={"anchor": "complete", "partial": "complete"},
                must_improve=False,
                least_gain=0.0,
            ),
        ),
        "without_visible": (complete, occluded),
    }
    if not by_pixels:
        return rows[recipe]
    before = int(recipe != "without_complete")
    return (*rows[recipe][:before], _prior(epochs, learning_rate), *rows[recipe][before:])


def _complete(weights: ObjectiveConfig, epochs: EpochsConfig, learning_rate: float) -> Stage:
    from medseg.amodal.objective import OVERLAP, CompleteShapes  # a config is read without torch

    return Stage(
        name="complete",
        target="complete",
        trains=("complete", "decoder"),
        objective=CompleteShapes(beta=weights.beta, free_bits=weights.free_bits, warmup=weights.warmup),
        criterion="negative_elbo",
        overlap=OVERLAP,
        epochs=epochs.complete,
        learning_rate=learning_rate,
    )


def _prior(epochs: EpochsConfig, learning_rate: float) -> Stage:
    from medseg.amodal.objective import ShapesByCells

    return Stage(
        name="prior",
        target="complete",
        trains=("prior",),
        objective=ShapesByCells(),
        criterion="nats",
        epochs=epochs.prior,
        learning_rate=learning_rate,
    )


def _occluded(weights: ObjectiveConfig, epochs: EpochsConfig, learning_rate: float) -> Stage:
    from medseg.amodal.objective import OVERLAP, OccludedShapes

    return Stage(
        name="occluded",
        target="occluded",
        trains=("partial", "completing"),
        objective=OccludedShapes(
            beta=weights.partial_beta, gamma=weights.gamma, occluder_weight=weights.occluder_weight
        ),
        criterion="objective",
        overlap=OVERLAP,
        epochs=epochs.occluded,
        learning_rate=learning_rate,
        starts_as={"partial": "complete"},
    )


def _visible(weights: ObjectiveConfig, epochs: EpochsConfig, learning_rate: float) -> Stage:
    from medseg.amodal.objective import OVERLAP, VisibleParts

    return Stage(
        name="visible",
        target="visible",
        trains=("partial",),
        objective=VisibleParts(
            beta=weights.partial_beta, delta=weights.delta, known_background=weights.known_background
        ),
        criterion="missed",
        overlap=OVERLAP,
        epochs=epochs.visible,
        learning_rate=learning_rate,
        starts_as={"anchor": "partial"},
        must_improve=True,
        least_gain=GAIN,
    )


def _rival(weights: ObjectiveConfig, epochs: EpochsConfig, learning_rate: float) -> Stage:
    from medseg.amodal.objective import OVERLAP, PartialCompletion

    return Stage(
        name="occluded",
        target="occluded",
        trains=("",),
        objective=PartialCompletion(occluder_weight=weights.occluder_weight),
        criterion="cross_entropy",
        overlap=OVERLAP,
        epochs=epochs.complete + epochs.occluded + epochs.visible,
        learning_rate=learning_rate,
    )
