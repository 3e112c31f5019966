"""The row behind those of a recipe where a student learns from cases without labels (section ``unlabelled``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from medseg.annotators.mathematics.settings import UnlabelledConfig
from medseg.annotators.mathematics.stages import RECIPES, SELECTOR, STYLES
from medseg.annotators.mathematics.unlabelled import (
    Agreement,
    PartlyLabelled,
    PseudoLabels,
    Teaching,
    UncertainLabels,
)
from medseg.annotators.mathematics.weighing import WeighedCases
from medseg.annotators.nouns import BESIDE_UNLABELLED
from medseg.contracts import Stage

STUDENT = "student"
"""The row, and its folder."""

MOVED = {"none": ("network",), "global": ("network", "confusion")}
"""The children of a model of these matrices that are trained, the teacher not among them."""


def with_student(
    recipe: str, rows: Sequence[Stage], unlabelled: UnlabelledConfig, *, steps_per_epoch: int, cases: int
) -> tuple[Stage, ...]:
    """The rows of a recipe, the student's behind those that move its truth; these alone where nothing is to be used.

    The teacher starts as the network, and so does the student, which is the network itself: the annotators' matrices
    fit its features, a student from random weights would need all steps of the recipe again, and with few labels what
    it begins with is most of what it has. It ends with what it began with where no epoch is better on validation cases.
    cases: of the cohort.
    """
    if unlabelled.use == "none":
        return tuple(rows)
    learned = RECIPES[recipe]
    moved = ("network",) if learned.styles else MOVED.get(learned.confusion, ("network", "confusion", "trunk"))
    rows = [replace(row, trains=moved if row.trains == ("",) else row.trains) for row in rows]
    own = [row for row in rows if row.name not in (STYLES, SELECTOR)]
    others = rows[len(own) :]
    last, epochs = own[-1], unlabelled.steps / steps_per_epoch
    student = replace(
        last,
        name=STUDENT,
        target=last.target + BESIDE_UNLABELLED,
        trains=moved,
        objective=PartlyLabelled(
            last.objective,
            teaching_of(unlabelled, cases),
            weight=unlabelled.weight,
            rampup_epochs=unlabelled.rampup * epochs,
        ),
        epochs=epochs,
        starts_as={"teacher": "network"},
        follows={"teacher": "network"} if unlabelled.use == "mean_teacher" else {},
        follow_decay=unlabelled.decay,
        must_improve=True,
    )
    return *own, student, *others


def teaching_of(unlabelled: UnlabelledConfig, cases: int) -> Teaching:
    """What the student makes of the unlabelled cases; cases: of the cohort."""
    if unlabelled.use == "mean_teacher":
        return Agreement()
    if unlabelled.use == "uncertain":
        return UncertainLabels(
            passes=unlabelled.passes,
            keep=unlabelled.keep,
            select=unlabelled.select,
            hard=unlabelled.first == "hard",
            certainty=unlabelled.certainty,
        )
    if unlabelled.use == "weighted":
        settings = {"rate": unlabelled.rate, "weight": unlabelled.weight, "confidence": unlabelled.confidence}
        return WeighedCases(cases, **settings)
    return PseudoLabels(confidence=unlabelled.confidence)
