"""What the runs of both methods need: their parts, the cohort's folder, the run folder."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from medseg.config import Config, load_config
from medseg.contracts import Refused, Stage, complaint
from medseg.training.batches import Source


class WritableSignature(Protocol):
    """What a network of either method was built for."""

    def write(self, path: Path) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class Parts:
    """What the loop is given. case_names: by the batches' ``case_index``."""

    signature: WritableSignature
    model: nn.Module
    stages: tuple[Stage, ...]
    source: Source
    case_names: Sequence[str]


def find_cohort(name: str) -> Path:
    """A cohort's folder: as given, or below ``$MEDSEG_DATA``.

    Raises Refused when neither holds a manifest.
    """
    places = [Path(name)]
    if "MEDSEG_DATA" in os.environ:
        places.append(Path(os.environ["MEDSEG_DATA"]) / name)
    for place in places:
        if (place / "manifest.csv").is_file():
            return place
    looked = " or ".join(str(place) for place in places)
    hint = "" if "MEDSEG_DATA" in os.environ else "; MEDSEG_DATA is not set"
    if any(place.is_dir() for place in places):
        hint = "; write one with: medseg index DIR"
    raise Refused([complaint("cohort", f"manifest.csv in {looked}", f"none{hint}", "data.cohort")])


def read_config(run: Path) -> Config:
    """The resolved config of a run folder."""
    if not (run / "config.yaml").is_file():
        raise Refused([complaint("run folder", "config.yaml of a trained run", "none", str(run))])
    return load_config(run / "config.yaml")


def read_signature(path: Path) -> dict[str, Any]:
    """The content of model.json. Raises Refused where a run folder has none."""
    if not path.is_file():
        raise Refused([complaint("run folder", "model.json of a trained run", "none", str(path.parent))])
    return json.loads(path.read_text())


def device_of(config: Config) -> str:
    """Where a trained run computes: on a GPU where there is one, or where the config says."""
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    return auto if config.training.accelerator == "auto" else config.training.accelerator
