"""Tables and pictures as one HTML file that needs no other and no network."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from medseg.annotators.people.columns import COLUMNS
from medseg.reporting import interval_text, number_text

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1200px; margin: 2em auto; padding: 0 1em; }
figure { margin: 1em 0; } figcaption { color: #555; }
img { max-width: 100%; border: 1px solid #ddd; }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto; }
th, td { text-align: left; padding: 2px 12px 2px 0; border-bottom: 1px solid #eee; white-space: nowrap; }
td:last-child { white-space: normal; }
"""
MOST_ROWS = 25
"""Of a table are shown; the file has them all."""
HEADINGS = {
    "annotators.csv": "How each errs",
    "confusion.csv": "What each calls what",
    "pairs.csv": "Who is like whom",
    "agreement.csv": "How far they agree, case by case",
    "outliers.csv": "Masks unlike their case and unlike their annotator",
    "repeats.csv": "The same image labelled again by the same annotator",
    "ask.csv": "Whom to ask next about which case",
}


@dataclass(frozen=True, kw_only=True)
class Words:
    """What stands around the tables of a page."""

    columns: Mapping[str, Mapping[str, str]]
    """Table -> column -> what it is."""
    headings: Mapping[str, str]
    """Table -> heading."""


PEOPLE = Words(columns=COLUMNS, headings=HEADINGS)


def write_page(path: Path, title: str, *, said: Sequence[str], tables: Mapping[str, pd.DataFrame],
               pictures: Mapping[str, Mapping[str, str]], words: Words = PEOPLE) -> None:  # fmt: skip
    """said: sentences at the top. pictures: table -> PNG beside ``path`` that belongs to it -> how it is read.

    Tables without a row are left out.
    """
    parts = [f"<h1>{escape(title)}</h1>", *(f"<p>{escape(line)}</p>" for line in said)]
    for name, table in tables.items():
        if len(table):
            shown = [_picture(path.parent / png, read) for png, read in pictures.get(name, {}).items()]
            parts += [f"<h2>{words.headings[name]}</h2>", *shown, *_table(name, table), _glossary(name, words)]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    body = "\n".join(parts)
    path.write_text(
        f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n', "utf-8"
    )


def cells(table: pd.DataFrame) -> list[dict[str, str]]:
    """As text: numbers short, an interval behind its value, and no column without a value."""
    found = {}
    for name in table.columns:
        values = table[name]
        if name.endswith(("_low", "_high")) or values.isna().all() or (values.astype(str) == "").all():
            continue
        if not pd.api.types.is_float_dtype(values):
            found[name] = values.astype(str)
            continue
        low, high = (table[f"{name}{end}"] if f"{name}{end}" in table else values * np.nan for end in ("_low", "_high"))
        found[name] = [
            f"{number_text(value)} {interval_text(least, most)}".strip()
            for value, least, most in zip(values, low, high, strict=True)
        ]
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def _table(name: str, table: pd.DataFrame) -> list[str]:
    more = [f"<p>The first {MOST_ROWS} of {len(table)} rows of {name}.</p>"] if len(table) > MOST_ROWS else []
    with pd.option_context("display.max_colwidth", None):
        return [*more, pd.DataFrame(cells(table.head(MOST_ROWS))).to_html(index=False, border=0)]


def _glossary(name: str, words: Words) -> str:
    columns = words.columns[name].items()
    rows = pd.DataFrame([{f"column of {name}": column, "what it is": text} for column, text in columns])
    with pd.option_context("display.max_colwidth", None):
        return f"<details><summary>What the columns mean</summary>{rows.to_html(index=False, border=0)}</details>"


def _picture(path: Path, caption: str) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    image = f'<img src="data:image/png;base64,{content}" alt="{escape(path.stem)}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"
