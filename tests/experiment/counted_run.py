"""`medseg` as a script that notes in a file who reads the whole cohort, and who writes what into a cache.

lightning starts it anew in every process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from medseg.__main__ import app
from medseg.cohorts import stores
from medseg.cohorts.checking import images
from medseg.experiment import train


def noted(name: str, action: Callable[..., Any]) -> Callable[..., Any]:
    """``{}`` in the name is the path that the action gets first."""

    def counted(*arguments: Any) -> Any:
        with Path(os.environ["NOTES"]).open("a") as notes:
            notes.write(f"{name.format(*arguments)} in process {os.environ.get('LOCAL_RANK', '0')}\n")
        return action(*arguments)

    return counted


if __name__ == "__main__":
    torch.set_num_threads(1)
    images.check_images = noted("checked", images.check_images)
    stores._write = noted("{}", stores._write)
    train.snapshot = noted("fingerprinted", train.snapshot)
    sys.exit(app())
