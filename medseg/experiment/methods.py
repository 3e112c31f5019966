"""METHODS, the table of methods: the only place that names them all. A further method is a folder and a row here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from medseg import config
from medseg.contracts import Cohort, Method, Metric, Refused, complaint

METHODS: dict[str, str] = {
    "annotators": "medseg.annotators.method",
    "amodal": "medseg.amodal.method",
}
"""Name -> the module with the ``METHOD``; imported when it is asked for, and light to import."""


def methods() -> Iterator[Method]:
    """All of them, in the order of the table."""
    return (import_module(module).METHOD for module in METHODS.values())


def configs() -> tuple[type[Any], ...]:
    """What a config file can be read into."""
    return tuple(method.config for method in methods())


def method_of(resolved: Any) -> Method:
    """The one whose config this is."""
    return next(method for method in methods() if isinstance(resolved, method.config))


def method_of_run(run: Path) -> Method:
    """The one that trained a run folder. Raises Refused where that has no config, or one of another recipe."""
    recipe = config.run_recipe(run)
    for method in methods():
        if recipe in config.recipes(method.config):
            return method
    raise Refused([complaint("run folder", "a run of a known recipe", f"recipe {recipe}", str(run))])


def method_of_cohort(cohort: Cohort) -> Method:
    """The first that takes cohorts of this kind."""
    return next(method for method in methods() if method.takes(cohort))


def load_config(path: Path, overrides: Sequence[str] = ()) -> Any:
    """A config file of any method, with ``dotted.key=value`` overrides; raises Refused with every mistake."""
    return config.load_config(path, configs(), overrides)


def metrics() -> Mapping[str, Metric]:
    """The table of metrics, with the rows that methods add."""
    from medseg.evaluation import METRICS, table_of

    return table_of(*METRICS.values(), *(row for method in methods() for row in method.metrics().values()))


def layouts() -> Mapping[str, Any]:
    """Every layout that ``medseg index`` knows."""
    from medseg.cohorts.layouts import LAYOUTS

    return {**LAYOUTS, **{name: layout for method in methods() for name, layout in method.layouts().items()}}
