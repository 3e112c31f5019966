"""The reliability diagram of a run: of the voxels to which a probability is stated, in which share it came true."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

DOTS_PER_INCH = 110


def draw_calibration(run_folder: Path) -> list[Path]:
    """Draw report/calibration.png from report/calibration.csv; returns the files written, none where there is none.

    On the diagonal probabilities can be believed, below it they state too much. Underneath: how many voxels (log).
    ECE: the mean over voxels of the distance from the diagonal, of these bins (``metrics`` has those of single cases).
    """
    source = run_folder / "report" / "calibration.csv"
    frame = pd.read_csv(source) if source.is_file() else pd.DataFrame()
    if frame.empty:
        return []
    groups = dict(list(frame.groupby("against", sort=False)))
    figure = Figure(figsize=(5.0, 5.5), layout="constrained", dpi=DOTS_PER_INCH)
    curve, count = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    curve.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=0)
    for number, (name, rows) in enumerate(groups.items()):
        error = (rows["voxels"] * (rows["stated"] - rows["observed"]).abs()).sum() / rows["voxels"].sum()
        colour, label = f"C{number}", f"{name}: ECE {error:.4f}"
        curve.plot(rows["stated"], rows["observed"], "o-", color=colour, markersize=4, label=label)
        widths = rows["high"] - rows["low"]
        count.bar(rows["low"], rows["voxels"], widths, align="edge", fill=False, edgecolor=colour)
    curve.set_ylabel("share of voxels that are so")
    curve.set_ylim(0, 1)
    curve.legend(fontsize=8, frameon=False)
    curve.set_title("Foreground: stated probability against observed share", fontsize=10)
    count.set_yscale("log")
    count.set_ylabel("voxels")
    count.set_xlabel("probability that is stated")
    count.set_xlim(0, 1)
    path = run_folder / "report" / "calibration.png"
    figure.savefig(path)
    return [path]
