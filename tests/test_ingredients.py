"""The benchmark of ingredients: every row is a config that can be trained, and a table pairs it with the default."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from medseg.annotators.mathematics.networks import network_complaints
from medseg.contracts import Refused
from medseg.experiment.methods import load_config


@pytest.fixture
def ingredients(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    return importlib.import_module("ingredients")


def test_every_row_is_a_config_of_every_world_whose_network_takes_its_images(ingredients: ModuleType) -> None:
    worlds, rows = ingredients.load_worlds([*ingredients.WORLDS], folder=ingredients.CONFIGS), ingredients.rows_of([])
    assert len(rows) > 30
    resolved = {}
    for world in worlds:
        for job in ingredients.jobs_of(world, Path("out"), rows, 1):
            config = load_config(job.config, job.overrides)
            assert network_complaints(config.network, 1, config.data.grid.size) == []
            resolved[world.name, config.experiment] = config
    for world in worlds:  # no row is the default under another name
        default = resolved[world.name, "default"]
        for row in (row for row in rows if row != "default" and row not in ("instance, batch 1", "instance, batch 2")):
            other = resolved[world.name, row]
            assert (other.network, other.training, other.data) != (default.network, default.training, default.data)


def test_runs_of_one_row_differ_by_their_seed_alone(ingredients: ModuleType) -> None:
    (world,) = ingredients.load_worlds(["digits70"], folder=ingredients.CONFIGS)
    jobs = ingredients.jobs_of(world, Path("out"), ingredients.rows_of(["average"]), 2)
    first, second = (load_config(job.config, job.overrides) for job in jobs if job.run.name.startswith("no_average"))
    assert (first.seed, second.seed, first.data.split.seed, second.data.split.seed) == (0, 1, 0, 1)
    assert first.training == second.training and len({job.run for job in jobs}) == len(jobs) == 8


def test_unknown_families_are_refused(ingredients: ModuleType) -> None:
    with pytest.raises(Refused, match="family: expected one of default, norm"):
        ingredients.rows_of(["norms"])
