"""What a run folder says of itself: config.yaml and model.json, and whether they are still as training left them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medseg.config.reading import load_config, recipes
from medseg.contracts import IDLE, RUN_VERSION, Refused, complaint, read_yaml

FREE = {**IDLE, "inference": None, "data": ("cohort", "cache")}
"""What may be changed in config.yaml of a trained run, section -> keys (None: all): where files lie, what computes,
how a trained network looks at an image."""


def read_run_config(run: Path, kinds: Sequence[type[Any]], expected: str = "a run of a known recipe") -> Any:
    """The resolved config of a run folder, as one of ``kinds``.

    Raises Refused where there is none of them, and where it is another than the run was trained with.
    """
    recipe = run_recipe(run)
    if not any(recipe in recipes(kind) for kind in kinds):
        raise Refused([complaint("run folder", expected, f"recipe {recipe}", str(run))])
    if config_digest(run) != _environment(run).get("config", config_digest(run)):
        expected = "what the run was trained with (undo the change, or train a new run)"
        raise Refused([complaint("config", expected, "another", str(run / "config.yaml"))])
    return load_config(run / "config.yaml", kinds)


def run_recipe(run: Path) -> str:
    """The recipe that a run folder's config names. Raises Refused where there is no config, or one that is none."""
    return _config_values(run).get("recipe", "none")


def config_digest(run: Path) -> str:
    """SHA-256 over the values of config.yaml that say what was trained; comments and the order of keys are free."""
    values = {key: value for key, value in _config_values(run).items() if FREE.get(key, ()) is not None}
    for section, keys in FREE.items():
        if keys and isinstance(values.get(section), dict):
            values[section] = {key: value for key, value in values[section].items() if key not in keys}
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def read_signature(run: Path) -> dict[str, Any]:
    """The content of model.json. Raises Refused where a run folder has none, or one of a later version."""
    path = run / "model.json"
    if not path.is_file():
        raise Refused([complaint("run folder", "model.json of a trained run", "none", str(run))])
    with written_by_training(path):
        content = dict(json.loads(path.read_text("utf-8")))
        known = int(content.get("version", RUN_VERSION)) <= RUN_VERSION
    if not known:
        raise Refused([complaint("version of the run", f"at most {RUN_VERSION}", content["version"], str(path))])
    return content


@contextmanager
def written_by_training(path: Path) -> Iterator[None]:
    """Whoever reads a file of a run folder in here refuses what is no such file, in one sentence."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise Refused(
            [complaint(path.name, "what training writes", f"another content ({reason})", str(path))]
        ) from None


def refuse_other_data(run: Path, fingerprint: str) -> None:
    """Raise Refused where the run's own cohort is no longer what it was trained on; not known of old runs.

    fingerprint: of the cohort as it is now.
    """
    before = _environment(run).get("data", fingerprint)
    if before != fingerprint:
        expected = f"{str(before)[:12]} as in training"
        remedy = "put the files back as they were, or train a new run on them"
        raise Refused([complaint("fingerprint of the data", expected, f"{fingerprint[:12]}; {remedy}", str(run))])


def _environment(run: Path) -> dict[str, Any]:
    """The content of environment.json, nothing where there is none."""
    path = run / "environment.json"
    if not path.is_file():
        return {}
    with written_by_training(path):
        return dict(json.loads(path.read_text("utf-8")))


def _config_values(run: Path) -> dict[str, Any]:
    path = run / "config.yaml"
    if not path.is_file():
        raise Refused([complaint("run folder", "config.yaml of a trained run", "none", str(run))])
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise Refused([complaint("config", "keys and values", type(values).__name__, str(path))])
    return values
