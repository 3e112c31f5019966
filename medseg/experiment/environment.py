"""Where a run comes from: environment.json, and what is stamped onto model.json and read again later."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from medseg.config import config_digest
from medseg.contracts import RUN_VERSION

PACKAGES = ("medseg", "torch", "monai", "lightning-fabric", "numpy", "SimpleITK", "nibabel")


def write_environment(run: Path, config: Any, data: str) -> None:
    """environment.json: what ran this, on what, from which code and data.

    data: the fingerprint of the cohort. ``config`` in the file is the digest of config.yaml beside it.
    """
    import torch

    found: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "command": shlex.join(sys.argv),
        "seed": config.seed,
        "data": data,
        "config": config_digest(run),
        "code": code_version(Path(__file__).parents[2]),
        "device": _device(config.training.accelerator),
        "threads": torch.get_num_threads(),
    }
    found |= {name: version(name) for name in PACKAGES}
    (run / "environment.json").write_text(json.dumps(found, indent=1), "utf-8")


def stamp_signature(path: Path) -> None:
    """Add the version of the run folder to model.json."""
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(content | {"version": RUN_VERSION}, indent=1), "utf-8")


def stamp_weights(run: Path) -> None:
    """Note in environment.json which weights the training has left, so that those of another run are not believed."""
    path, digest = run / "environment.json", (run / "weights.pt.sha256").read_text("utf-8").split()[0]
    content = json.loads(path.read_text("utf-8")) | {"weights": digest}
    temporary = path.with_name(f".writing-{os.getpid()}-{path.name}")
    temporary.write_text(json.dumps(content, indent=1), "utf-8")
    os.replace(temporary, path)


def code_version(folder: Path) -> dict[str, Any] | None:
    """The git commit of a checkout and whether anything in it differs; None where the folder is none."""
    if not (folder / ".git").exists():
        return None
    try:
        commit, changes = (
            subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True).stdout
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain"))
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit.strip(), "dirty": bool(changes.strip())}


def _device(accelerator: str) -> str:
    """The name of what a run computes on."""
    import torch

    if accelerator in ("auto", "cuda") and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return "mps" if accelerator == "mps" else f"cpu ({platform.processor() or platform.machine()})"
