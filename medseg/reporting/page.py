"""One static HTML page for a run: alarms, pictures, table of scores, what its words mean, config."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from medseg.contracts import Metric
from medseg.reporting.glossary import explained, refuse_unexplained
from medseg.reporting.runs import load_runs
from medseg.reporting.statistics import compare, overviews
from medseg.reporting.summary import COLUMNS, summarise
from medseg.reporting.tables import html

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
    run_folder: Path,
    metrics: Mapping[str, Metric],
    *,
    pictures: Mapping[str, str],
    beside: Mapping[str, Callable[[pd.DataFrame], Rows]] | None = None,
) -> Path:
    """Write report/index.html from what the run folder holds: config.yaml, scores.csv, rivals.csv, report/*.

    metrics: the table of metrics, of which the page explains those that it shows. pictures: file in report/ ->
    heading, in the order of the page. beside: heading -> from the scores of the run and its rivals, a further table
    of both. Pictures are linked relative to the page, so the folder can be moved as a whole; a picture or
    report/alarms.txt that is not there is left out. Raises Refused for a score of a metric that is not in the table.
    """
    frame = load_runs([run_folder])
    refuse_unexplained(frame, metrics)
    recipes = dict(list(frame.groupby("recipe", sort=False)))
    own = next(iter(recipes.values()))
    first = own.iloc[0]
    title = f"{first['experiment']}: {first['recipe']}, seed {first['seed']}, fold {first['fold']}"
    report = run_folder / "report"
    sections = [
        f"<h1>{escape(title)}</h1>",
        *_alarms(report / "alarms.txt"),
        *_pictures(report, {**pictures, **CURVES}),
        *(_rivals(frame, metrics, beside or {}) if len(recipes) > 1 else []),
        "<h2>Scores</h2>",
        "<p>Mean and worst over the test cases; every word is explained below.</p>",
        html(sorted(summarise(own), key=lambda row: row["annotator"])),
        *_glossary(frame, metrics),
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
        f'<h2>{escape(heading)}</h2>\n<img src="{escape(quote(name))}" alt="{escape(heading)}">'
        for name, heading in pictures.items()
        if (report / name).is_file()
    ]


def _rivals(
    frame: pd.DataFrame, metrics: Mapping[str, Metric], beside: Mapping[str, Callable[[pd.DataFrame], Rows]]
) -> list[str]:
    """The run and the rivals scored beside it (rivals.csv), side by side."""
    sections = ["<h2>Beside its rivals</h2>"]
    for overview in overviews(compare(frame, metrics), metrics):
        sections += [f"<p>{escape(overview.title)}</p>", html(overview.rows)]
    for heading, table in beside.items():
        if rows := table(frame):
            sections += [f"<p>{escape(heading)}</p>", html(rows)]
    return sections


def _glossary(frame: pd.DataFrame, metrics: Mapping[str, Metric]) -> list[str]:
    """A row for each metric of the page, with the unit that its values have, and one for each column."""
    units = {str(score["metric"]): str(score["unit"]) for _, score in frame.drop_duplicates("metric").iterrows()}
    rows = explained((metric for name, metric in metrics.items() if name in units), units)
    columns = [{"column": name, "what it is": meaning} for name, meaning in COLUMNS.items()]
    return ["<h2>What the words mean</h2>", html(rows), html(columns)]
