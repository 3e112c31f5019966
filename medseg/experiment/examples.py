"""`medseg examples`: the configs and the notebooks that come with the package, as files of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path

from medseg.contracts import Refused, complaint
from medseg.images import whole_or_none

EXAMPLES = ("configs", "notebooks")
"""Folders of the repository, which a wheel holds below ``medseg/examples``."""


def copy_examples(out: Path) -> str:
    """Copy both folders into ``out``; return what the user reads.

    Raises Refused where one of them is there already.
    """
    there = [name for name in EXAMPLES if (out / name).exists()]
    if there:
        raise Refused(complaint("folder", "none of that name", f"{out / name}", "examples") for name in there)
    with whole_or_none(out, EXAMPLES):
        for name in EXAMPLES:
            shutil.copytree(_source() / name, out / name, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    return "\n".join(f"{out / name}: {len(list((out / name).rglob('*.*')))} files" for name in EXAMPLES)


def _source() -> Path:
    """Of an installed wheel its own copy, of a checkout the checkout."""
    package = Path(__file__).parents[1]
    shipped = package / "examples"
    return shipped if shipped.is_dir() else package.parent
