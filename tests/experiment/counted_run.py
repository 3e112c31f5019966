"""`medseg` as a script, which notes in a file who reads the whole cohort; lightning starts it anew in every process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from medseg.__main__ import app
from medseg.cohorts.checking import images
from medseg.experiment import train


def noted(name: str, action: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*arguments: Any) -> Any:
        with Path(os.environ["NOTES"]).open("a") as notes:
            notes.write(f"{name} in process {os.environ.get('LOCAL_RANK', '0')}\n")
        return action(*arguments)

    return counted


if __name__ == "__main__":
    torch.set_num_threads(1)
    images.check_images = noted("checked", images.check_images)
    train.snapshot = noted("fingerprinted", train.snapshot)
    sys.exit(app())
