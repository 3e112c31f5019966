"""One HTML file for a run, which needs nothing beside it: alarms, what was asked, scores, cases, pictures, glossary."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from medseg.contracts import Metric, Refused, complaint, read_yaml
from medseg.reporting.album import Album, data_uri, read_album
from medseg.reporting.glossary import explained, refuse_unexplained
from medseg.reporting.pivots import CELL, pivots
from medseg.reporting.runs import load_runs
from medseg.reporting.statistics import compare, overviews
from medseg.reporting.summary import COLUMNS, summarise
from medseg.reporting.tables import Rows, Table, number_text
from medseg.reporting.templates import template

MOST_CHARACTERS = 16_000_000
"""Of all pictures of a page together, as they stand in it."""
CURVES = {"curves.png": "Training"}
"""What every method's report/ has, after its own pictures."""
ASKED = (
    "recipe",
    "seed",
    "data.cohort",
    "data.annotators",
    "data.truth",
    "data.split",
    "data.grid",
    "data.frame",
    "data.occlusion",
    "network",
    "training.steps",
    "training.epochs",
    "training.batch_size",
    "training.learning_rate",
)
"""The main lines of a config, of whichever method, those that it has."""


def write_page(
    run_folder: Path,
    metrics: Mapping[str, Metric],
    *,
    pictures: Mapping[str, str],
    beside: Mapping[str, Callable[[pd.DataFrame], Rows]] | None = None,
    about: Mapping[str, Sequence[Table]] | None = None,
    words: Mapping[str, str] | None = None,
) -> Path:
    """Write report/index.html from what a run folder holds: config.yaml, splits.json, scores.csv, rivals.csv, report/.

    metrics: the table of metrics, of which the page explains those that it shows. pictures: file in report/ ->
    heading, in the order of the page. beside: heading -> from the scores of the run and its rivals, a further table
    of both. about: heading -> tables of the method's own, before the scores; words: what their columns mean.
    Pictures stand in the page, the cases of report/cases.json last, until MOST_CHARACTERS are full; what is not there
    (a picture, report/alarms.txt, splits.json) is left out. Raises Refused for a score of a metric that is not in the
    table.
    """
    frame = load_runs([run_folder])
    refuse_unexplained(frame, metrics)
    own, report = frame[frame["recipe"] == frame["recipe"].iloc[0]], run_folder / "report"
    first, config = own.iloc[0], run_folder / "config.yaml"
    embedded, left_out, room = _embedded(report, {**pictures, **CURVES})
    album, cut = _fitting(read_album(report), room)
    glossary = _glossary(frame, metrics, words or {})
    text = template("page.html").render(
        title=f"{first['experiment']}: {first['recipe']}, seed {first['seed']}, fold {first['fold']}",
        alarms=_lines(report / "alarms.txt"),
        asked=_asked(read_yaml(config)),
        config=config.read_text("utf-8"),
        before={"The data": _data(run_folder, own), **(about or {})},
        cell=CELL,
        scores=pivots(own, metrics),
        summary=Table.of(sorted(summarise(own), key=lambda row: row["annotator"])),
        rivals=_rivals(frame, metrics, beside or {}),
        album=album,
        cut=cut,
        values=_values(own, album),
        pictures=embedded,
        left_out=left_out,
        glossary=glossary,
        meanings={row[0]: row[1] for table in glossary for row in table.rows},
    )
    return _write(report / "index.html", text)


def _write(path: Path, text: str) -> Path:
    """In the place of an older one when it is there as a whole."""
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f".writing-{os.getpid()}-{path.name}")
    try:
        temporary.write_text(text, "utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines() if line] if path.is_file() else []


def _asked(values: Mapping[str, Any]) -> Table:
    """The main lines of a config."""
    rows = []
    for dotted in ASKED:
        section, _, key = dotted.partition(".")
        value = values.get(section) if not key else (values.get(section) or {}).get(key)
        if value not in (None, [], {}):
            rows.append((dotted, value if isinstance(value, str) else _one_line(value)))
    return Table(columns=("key", "value"), rows=rows)


def _one_line(value: Any) -> str:
    """Of a section, without its keys that say nothing."""
    if isinstance(value, dict):
        value = {key: each for key, each in value.items() if each not in (None, [], {})}
    return json.dumps(value, ensure_ascii=False).replace('"', "") if isinstance(value, dict | list) else str(value)


def _data(run_folder: Path, own: pd.DataFrame) -> list[Table]:
    """How many cases are in which split, and how many the page is about."""
    path, rows = run_folder / "splits.json", []
    if path.is_file():
        try:
            splits = json.loads(path.read_text("utf-8"))["splits"]
            rows = [(str(name), str(len(cases))) for name, cases in splits.items() if cases]
        except (ValueError, KeyError, TypeError, AttributeError):
            expected = "JSON as written into a run folder"
            raise Refused([complaint("splits", expected, "another content", str(path))]) from None
    scored = own["case"][own["case"] != ""].str.partition("/")[0].nunique()
    return [Table(columns=("split", "cases"), rows=[*rows, ("scored on this page", str(scored))])]


def _embedded(report: Path, pictures: Mapping[str, str]) -> tuple[dict[str, str], list[str], int]:
    """Heading -> picture as a data URI; the files that do not fit any more; the characters that are left."""
    found, left_out, room = {}, [], MOST_CHARACTERS
    for name, heading in pictures.items():
        if (report / name).is_file():
            uri = data_uri("image/png", (report / name).read_bytes())
            if len(uri) > room:
                left_out.append(name)
                continue
            found[heading], room = uri, room - len(uri)
    return found, left_out, room


def _fitting(album: Album | None, room: int) -> tuple[Album | None, int]:
    """The first cases that fit into so many characters, and how many did not."""
    if album is None:
        return None, 0
    kept = []
    for one in album.cases:
        room -= sum(map(len, one.slices.values()))
        if room < 0:
            break
        kept.append(one)
    return replace(album, cases=tuple(kept)), len(album.cases) - len(kept)


def _values(own: pd.DataFrame, album: Album | None) -> dict[str, str]:
    """Case -> its value of the metric that the album is ordered by, where it has one."""
    rows = own[own["metric"] == (album.metric if album else "")].dropna(subset="value")
    return {str(case): number_text(float(value)) for case, value in rows.groupby("case")["value"].mean().items()}


def _rivals(
    frame: pd.DataFrame, metrics: Mapping[str, Metric], beside: Mapping[str, Callable[[pd.DataFrame], Rows]]
) -> list[Table]:
    """The run and the rivals scored beside it (rivals.csv), side by side; nothing where there are none."""
    if frame["recipe"].nunique() < 2:
        return []
    found = [Table.of(shown.rows, shown.title) for shown in overviews(compare(frame, metrics), metrics)]
    return found + [Table.of(rows, heading) for heading, table in beside.items() if (rows := table(frame))]


def _glossary(frame: pd.DataFrame, metrics: Mapping[str, Metric], words: Mapping[str, str]) -> list[Table]:
    """A row for each metric of the page, with the unit that its values have, and one for each column."""
    units = {str(score["metric"]): str(score["unit"]) for _, score in frame.drop_duplicates("metric").iterrows()}
    rows = explained((metric for name, metric in metrics.items() if name in units), units)
    return [
        Table.of(rows, "Metrics"),
        Table(heading="Columns", columns=("column", "what it is"), rows=list({**COLUMNS, **words}.items())),
    ]
