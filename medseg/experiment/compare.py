"""`medseg compare`: evaluated run folders -> one table, paired over seeds and folds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from medseg.config import recipes, run_recipe
from medseg.contracts import Refused, complaint
from medseg.experiment.methods import methods, metrics
from medseg.images import place_complaints
from medseg.reporting import (
    compare,
    format_overview,
    format_table,
    further_differences,
    load_runs,
    seen_in_training,
)


def compare_runs(
    runs: Sequence[Path], reference: str | None = None, out: Path | None = None, details: bool = True
) -> str:
    """The overview as text, and with ``details`` every metric with its intervals; with ``out`` all of it as CSV.

    Runs of one recipe, seed and fold are rows of their own by the keys that differ between their configs.
    Of completions, the overview is followed by the recipes and rivals by bins of the hidden fraction.
    Raises Refused for folders without scores, for several of one run and config, for a reference that no run has, and
    for a place of ``out`` that takes no file.
    """
    if out is not None and (complaints := place_complaints(out.parent)):
        raise Refused(complaints)
    missing = [run for run in runs if not (run / "scores.csv").is_file()]
    if missing:
        raise Refused(complaint("run folder", "scores.csv (medseg evaluate RUN)", "none", str(run)) for run in missing)
    frame = load_runs(runs)
    known = sorted(frame["recipe"].unique())
    if reference is not None and reference not in known:
        raise Refused([complaint("reference", f"one of {', '.join(known)}", reference, "--reference")])
    table = compare(frame, metrics(), reference)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(out, index=False)
    parts = ["\n".join([format_overview(table, metrics()), *seen_in_training(frame)])]
    if differences := further_differences(frame):
        parts.append("\n".join(["What differs besides", *differences]))
    for heading, text in _further(runs, frame).items():
        parts += [heading, text]
    return "\n\n".join([*parts, format_table(table)] if details else parts)


def _further(runs: Sequence[Path], frame: pd.DataFrame) -> dict[str, str]:
    """What the methods of the runs add to the overview, each once; a recipe of none is a rival that others trained."""
    named = [run_recipe(run) for run in runs]
    own = [method for method in methods() if any(recipe in recipes(method.config) for recipe in named)]
    return {heading: text for method in own for heading, text in method.comparison(frame).items()}
