"""report/index.html of a run of method two, from what training and evaluation left in its folder."""

from __future__ import annotations

from pathlib import Path

from medseg.amodal.by_kind import BESIDE
from medseg.evaluation import METRICS
from medseg.reporting import write_page

PICTURES = {
    "completions.png": "Completions of occluded test objects",
    "synthetic.png": "Completions of synthetically occluded validation objects",
    "reconstructions.png": "Reconstructions of unoccluded objects",
    "traversals.png": "What moves when z does",
    "shapes.png": "Shapes drawn from both priors",
}
"""What lies in report/, in the order of the page."""
READ = ("config.yaml", "metrics.jsonl", "splits.json")
"""What training left, and the page shows."""


def write_report(folder: Path) -> Path:
    """The page of an evaluated run folder. Raises Refused for a table that `medseg` did not write."""
    return write_page(folder, METRICS, pictures=PICTURES, beside=BESIDE)
