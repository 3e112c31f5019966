"""Method two and its ablations as rows: how an object is shown, what moves, what is minimised.

=================  =======================================================================================
three_stages       I complete: q1 and the decoder on unoccluded objects. II occluded: q2, which starts as q1, on
                   the same, occluded synthetically. III visible: q2 on really occluded ones, held to that of stage II
without_occluded   ablation: no stage II; q2 starts stage III as q1
without_visible    ablation: no stage III
pcnet              rival: a U-Net on the same synthetic occlusions, as many epochs as the three stages together
=================  =======================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

from medseg.amodal.objective import CompleteShapes, OccludedShapes, PartialCompletion, VisibleParts
from medseg.contracts import Stage


@dataclass(frozen=True)
class Budget:
    """Epochs of the three stages and the learning rate of each."""

    complete: int
    occluded: int
    visible: int
    learning_rate: float
    visible_rate: float


@dataclass(frozen=True)
class Weights:
    """The letters of the objectives; see each objective."""

    beta: float
    partial_beta: float
    gamma: float
    delta: float
    occluder_weight: float
    known_background: bool
    free_bits: float
    warmup: float


def stages(recipe: str, budget: Budget, weights: Weights) -> tuple[Stage, ...]:
    """The rows of one recipe."""
    if recipe == "pcnet":
        epochs = budget.complete + budget.occluded + budget.visible
        objective = PartialCompletion(weights.occluder_weight)
        return (
            Stage(
                name="occluded",
                view="occluded",
                trains=("",),
                objective=objective,
                criterion="cross_entropy",
                epochs=epochs,
                learning_rate=budget.learning_rate,
            ),
        )
    complete = Stage(
        name="complete",
        view="complete",
        trains=("complete", "decoder"),
        objective=CompleteShapes(weights.beta, weights.free_bits, weights.warmup),
        criterion="negative_elbo",
        epochs=budget.complete,
        learning_rate=budget.learning_rate,
    )
    occluded = Stage(
        name="occluded",
        view="occluded",
        trains=("partial",),
        objective=OccludedShapes(weights.partial_beta, weights.gamma, weights.occluder_weight),
        criterion="objective",
        epochs=budget.occluded,
        learning_rate=budget.learning_rate,
        starts_as={"partial": "complete"},
    )
    before = "complete" if recipe == "without_occluded" else "partial"
    visible = Stage(
        name="visible",
        view="visible",
        trains=("partial",),
        objective=VisibleParts(weights.partial_beta, weights.delta, weights.known_background),
        criterion="objective",
        epochs=budget.visible,
        learning_rate=budget.visible_rate,
        starts_as={"anchor": before} | ({"partial": "complete"} if before == "complete" else {}),
    )
    rows = {
        "three_stages": (complete, occluded, visible),
        "without_occluded": (complete, visible),
        "without_visible": (complete, occluded),
    }
    return rows[recipe]
