"""One static HTML page for a run: alarms, pictures, table of scores, config."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

import pandas as pd

from medseg.reporting.runs import load_runs
from medseg.reporting.statistics import compare, overviews, summarise

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; }
body { max-width: 1200px; margin: 2em auto; padding: 0 1em; }
img { max-width: 100%; border: 1px solid #ddd; }
table { border-collapse: collapse; font-size: 13px; }
th, td { text-align: left; padding: 2px 12px 2px 0; border-bottom: 1px solid #eee; }
pre { background: #f6f6f6; padding: 1em; overflow-x: auto; font-size: 13px; }
.alarm { background: #fdecea; border-left: 4px solid #c62828; padding: .5em 1em; }
"""
CURVES = {"curves.png": "Training"}
"""What every method's report/ has, after its own pictures."""

Rows = Sequence[Mapping[str, str]]


def write_page(
    run_folder: Path, pictures: Mapping[str, str], beside: Callable[[pd.DataFrame], Rows] = lambda frame: ()
) -> Path:
    """Write report/index.html from what the run folder holds: config.yaml, scores.csv, rivals.csv, report/*.

    pictures: file in report/ -> heading, in the order of the page. beside: from the scores of the run and its rivals,
    a further table below the one of both. Pictures are linked relative to the page, so the folder can be moved as a
    whole; a picture or report/alarms.txt that is not there is left out.
    """
    frame = load_runs([run_folder])
    recipes = dict(list(frame.groupby("recipe", sort=False)))
    own = next(iter(recipes.values()))
    first = own.iloc[0]
    title = f"{first['experiment']}: {first['recipe']}, seed {first['seed']}, fold {first['fold']}"
    report = run_folder / "report"
    sections = [
        f"<h1>{escape(title)}</h1>",
        *_alarms(report / "alarms.txt"),
        *_pictures(report, {**pictures, **CURVES}),
        *(_rivals(frame, beside) if len(recipes) > 1 else []),
        "<h2>Scores</h2>",
        "<p>Mean and worst over the test cases. n/a: the metric is undefined for so many of them, because "
        "masks are empty; these are never averaged.</p>",
        _table(summarise(own).sort_values("annotator", kind="stable")),
        "<h2>Config</h2>",
        f"<pre>{escape((run_folder / 'config.yaml').read_text('utf-8'))}</pre>",
    ]
    path = report / "index.html"
    path.write_text(_document(title, sections), "utf-8")
    return path


def _document(title: str, sections: list[str]) -> str:
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    body = "\n".join(sections)
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n'


def _alarms(path: Path) -> list[str]:
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    return [f'<p class="alarm">{escape(line)}</p>' for line in lines if line]


def _pictures(report: Path, pictures: Mapping[str, str]) -> list[str]:
    return [
        f'<h2>{heading}</h2>\n<img src="{name}" alt="{heading}">'
        for name, heading in pictures.items()
        if (report / name).is_file()
    ]


def _rivals(frame: pd.DataFrame, beside: Callable[[pd.DataFrame], Rows]) -> list[str]:
    """The run and the rivals scored beside it (rivals.csv), side by side and by bins."""
    tables = [rows for rows in (*overviews(compare(frame)), beside(frame)) if rows]
    return ["<h2>Beside its rivals</h2>", "<p>Mean (worst seed); by the fraction of the whole that is hidden.</p>"] + [
        _table(pd.DataFrame(rows)) for rows in tables
    ]


def _table(table: pd.DataFrame) -> str:
    """Every cell escaped."""
    head = "".join(f"<th>{escape(str(name))}</th>" for name in table.columns)
    rows = [
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in record) + "</tr>"
        for record in table.itertuples(index=False)
    ]
    return f"<table>\n<tr>{head}</tr>\n" + "\n".join(rows) + "\n</table>"
