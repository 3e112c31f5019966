"""Rerun a cheap part of the figures of docs/results.md and compare.

    python benchmarks/results.py --check                 # every command of the table below, some minutes
    python benchmarks/results.py --check --only demo     # one of them
    python benchmarks/results.py                         # which figures these are, and what the page says

A command is run once, into a folder of its own; its figures are read from the table that it leaves. The expected value
is read from the page itself: below a heading, in the row that begins with a name, in a column. Ends with status 1 where
one is further away than its tolerance.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "results.md"

COMMANDS = {"demo": ("demo", "--out", "{out}")}
"""Name -> the words after medseg; {out}: a new folder."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number of the page."""

    command: str
    """Which of ``COMMANDS`` makes it."""
    table: str
    """The table of ``medseg compare`` in its folder."""
    metric: str
    """The rows of that table."""
    row: str
    """Recipe, also the first cell of the page's row."""
    heading: str
    """Of the page."""
    column: str
    """Of the page's table."""
    tolerance: float
    """How far it may move on another machine."""


def _figures(command: str, table: str, heading: str, columns: dict[str, str], rows: dict[str, float]) -> list[Figure]:
    """All columns (metric -> column of the page) of some rows (recipe -> tolerance)."""
    return [
        Figure(command=command, table=table, metric=metric, row=row, heading=heading, column=column, tolerance=far)
        for row, far in rows.items()
        for metric, column in columns.items()
    ]


FIGURES = [
    *_figures("demo", "comparison.csv", "The demo", {"truth_dice": "Dice of the recovered truth"},
              {"soft_mean": 0.02, "majority_vote": 0.02, "staple": 0.02, "oracle": 0.02}),
    *_figures("demo", "comparison.csv", "The demo", {"confusion_rmse": "confusion RMSE"}, {"soft_mean": 0.001}),
    *_figures("demo", "amodal/comparison.csv", "The demo", {"amodal_iou": "amodal IoU", "occluded_iou": "occluded IoU"},
              {"three_stages": 0.02, "pcnet": 0.02, "hull": 0.001, "hull_in_occluder": 0.001, "visible": 0.001}),
]  # fmt: skip
"""What is checked; a further row of the page is a line here."""


def stated(figure: Figure, page: str) -> float:
    """What the page says. Raises LookupError where it has no such number."""
    section = page.partition(f"# {figure.heading}\n")[2].split("\n#")[0]
    column = None
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if figure.column in cells:
            column = cells.index(figure.column)
        elif not cells:
            column = None
        elif column is not None and cells[0] == figure.row:
            return float(cells[column].split(" ")[0].strip("*"))
    raise LookupError(f"{figure.heading}: no number in row {figure.row}, column {figure.column}")


def made(figures: Sequence[Figure], folder: Path) -> list[float]:
    """What the tables in a folder say."""
    import pandas as pd

    tables = {name: pd.read_csv(folder / name).set_index(["metric", "recipe"])["mean"] for name in _tables(figures)}
    return [float(tables[figure.table].loc[(figure.metric, figure.row)]) for figure in figures]


def check(only: Sequence[str], page: str) -> int:
    """Run the commands, print a line per figure; how many are further away than they may be."""
    far = 0
    for name in only:
        figures = [figure for figure in FIGURES if figure.command == name]
        with tempfile.TemporaryDirectory() as place:
            words = [word.format(out=f"{place}/out") for word in COMMANDS[name]]
            print(f"medseg {' '.join(words)}", flush=True)
            subprocess.run([sys.executable, "-m", "medseg", *words], check=True, stdout=subprocess.DEVNULL)
            for figure, found in zip(figures, made(figures, Path(place, "out")), strict=True):
                expected = stated(figure, page)
                held = abs(found - expected) <= figure.tolerance + 0.0005  # the page has three digits
                far += not held
                said = "" if held else f"  differs by more than {figure.tolerance}"
                print(f"{figure.row:<18} {figure.column:<28} page {expected:<7.4g} now {found:<7.4g}{said}")
    print(f"{far} of the figures differ" if far else "all figures hold")
    return far


def _tables(figures: Sequence[Figure]) -> list[str]:
    return sorted({figure.table for figure in figures})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", default=",".join(COMMANDS), help="names of commands")
    asked = parser.parse_args()
    page, only = PAGE.read_text("utf-8"), asked.only.split(",")
    if unknown := set(only) - COMMANDS.keys():
        parser.error(f"--only: expected some of {', '.join(COMMANDS)}, got {', '.join(sorted(unknown))}")
    if asked.check:
        sys.exit(check(only, page) > 0)
    for figure in FIGURES:
        print(f"{figure.command}: {figure.row}, {figure.column}: {stated(figure, page):g} (+- {figure.tolerance:g})")


if __name__ == "__main__":
    main()
