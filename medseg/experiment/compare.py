"""`medseg compare`: evaluated run folders -> one table, paired over seeds and folds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medseg.contracts import Refused, complaint
from medseg.evaluation.metrics import METRICS
from medseg.reporting.bins import format_bins
from medseg.reporting.runs import load_runs
from medseg.reporting.statistics import compare, format_overview, format_table


def compare_runs(
    runs: Sequence[Path], reference: str | None = None, out: Path | None = None, details: bool = True
) -> str:
    """The overview as text, and with ``details`` every metric with its intervals; with ``out`` all of it as CSV.

    Of completions, the overview is followed by the recipes and rivals by bins of the hidden fraction.
    Raises Refused for folders without scores, for several of one run, and for a reference that no run has.
    """
    missing = [run for run in runs if not (run / "scores.csv").is_file()]
    if missing:
        raise Refused(complaint("run folder", "scores.csv (medseg evaluate RUN)", "none", str(run)) for run in missing)
    frame = load_runs(runs)
    recipes = sorted(frame["recipe"].unique())
    if reference is not None and reference not in recipes:
        raise Refused([complaint("reference", f"one of {', '.join(recipes)}", reference, "--reference")])
    table = compare(frame, METRICS, reference)
    if out is not None:
        table.to_csv(out, index=False)
    parts = [format_overview(table, METRICS)]
    if by_bins := format_bins(frame):
        parts += ["by the fraction of the whole that is hidden", by_bins]
    return "\n\n".join([*parts, format_table(table)] if details else parts)
