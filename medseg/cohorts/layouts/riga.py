"""RIGA: refused, for its annotators' files are no masks but photographs with contours drawn into them."""

from __future__ import annotations

from pathlib import Path

from medseg.cohorts.layouts.choices import Choices
from medseg.contracts import Cohort, Refused, complaint

NEEDS = "cannot be read: its annotators' files are photographs"


def detect(root: Path) -> bool:
    """Whether image1prime.tif or .jpg lies in the root or up to two folders below."""
    return any(any(root.glob(f"{depth}image*prime.*")) for depth in ("", "*/", "*/*/"))


def index(root: Path, choices: Choices) -> Cohort:
    """Raises Refused, always, with the explanation."""
    got = (
        "RIGA: photographs (image1-1 ... image1-6) with the contours of disc and cup drawn into them; "
        "subtract imageNprime from each, fill the two contours, and save the result as "
        "annotations/rater1/ ... annotations/rater6/"
    )
    raise Refused([complaint("masks", "label maps", got, str(root))])
