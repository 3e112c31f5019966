"""The row of a student behind those of a recipe."""

from __future__ import annotations

from typing import Any

import pytest

from medseg.annotators.assembly import build_stages
from medseg.annotators.config import RunConfig
from medseg.annotators.mathematics.stages import RECIPES, STYLES
from medseg.annotators.mathematics.unlabelled import PartlyLabelled


def config(recipe: str, use: str, **unlabelled: Any) -> RunConfig:
    return RunConfig.model_validate(
        {
            "experiment": "x",
            "recipe": recipe,
            "data": {"cohort": "toy", "grid": {"size": (16, 16)}},
            "network": {"channels": (4, 8), "dropout": 0.1},
            "training": {"steps": {"warmup": 10, "joint": 20}, "steps_per_epoch": 10},
            "unlabelled": {"use": use, "steps": 15, **unlabelled},
        }
    )


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "separate"])
def test_it_follows_those_of_any_recipe_with_one_network(recipe: str) -> None:
    plain = build_stages(config(recipe, "none"))
    rows = list(build_stages(config(recipe, "mean_teacher", decay=0.9), 7))
    truth = [row.name for row in plain if row.name != STYLES]
    student = rows.pop(len(truth))  # before the styles, which are those of its truth
    assert [(row.name, row.target, row.epochs) for row in rows] == [(row.name, row.target, row.epochs) for row in plain]
    assert (student.name, student.target, student.epochs) == ("student", f"{plain[-1].target}+unlabelled", 1.5)
    assert "" not in {prefix for row in (*rows, student) for prefix in row.trains}
    assert (student.starts_as, student.follows, student.follow_decay) == (
        {"teacher": "network"},
        {"teacher": "network"},
        0.9,
    )
    assert isinstance(student.objective, PartlyLabelled) and student.must_improve


def test_a_selector_comes_after_it() -> None:
    values = config("shared_truth_pixel", "student").model_dump()
    values["training"]["selector_steps"] = 5
    rows = build_stages(RunConfig.model_validate(values), 7)
    assert [row.name for row in rows] == ["warmup", "joint", "student", "selector"]
    assert rows[-1].trains == ("selector",) and "unlabelled" not in rows[-1].target


def test_other_teachers_stand_still() -> None:
    for use in ("student", "uncertain", "weighted"):
        assert build_stages(config("fused", use), 7)[-1].follows == {}


def test_what_cannot_be_taught_is_said() -> None:
    with pytest.raises(ValueError, match=r"unlabelled.use: expected none for the recipe separate, .*, got student"):
        config("separate", "student")
    values = config("fused", "none").model_dump()
    for key, message in (
        ({"network": {"dropout": 0.0, "channels": (4, 8)}, "unlabelled": {"use": "uncertain"}},
         "network.dropout: expected more than 0, which unlabelled.use=uncertain looks through, got 0.0"),
        ({"training": {"devices": 2}, "unlabelled": {"use": "weighted"}},
         "training.devices: expected 1 for unlabelled.use=weighted, got 2 in all"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            RunConfig.model_validate(values | key)
