"""What a run folder says of itself: config.yaml and model.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from medseg.config.reading import load_config, recipes
from medseg.contracts import Refused, complaint


def read_run_config(run: Path, kinds: Sequence[type[Any]], expected: str = "a run of a known recipe") -> Any:
    """The resolved config of a run folder, as one of ``kinds``. Raises Refused where there is none of them."""
    recipe = run_recipe(run)
    if not any(recipe in recipes(kind) for kind in kinds):
        raise Refused([complaint("run folder", expected, f"recipe {recipe}", str(run))])
    return load_config(run / "config.yaml", kinds)


def run_recipe(run: Path) -> str:
    """The recipe that a run folder's config names. Raises Refused where there is no config."""
    if not (run / "config.yaml").is_file():
        raise Refused([complaint("run folder", "config.yaml of a trained run", "none", str(run))])
    return yaml.safe_load((run / "config.yaml").read_text()).get("recipe")


def read_signature(run: Path) -> dict[str, Any]:
    """The content of model.json. Raises Refused where a run folder has none."""
    path = run / "model.json"
    if not path.is_file():
        raise Refused([complaint("run folder", "model.json of a trained run", "none", str(run))])
    return json.loads(path.read_text())
