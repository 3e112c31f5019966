"""The answers that somebody gave on a sheet, judged: how often the mask that belongs to a group was told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import binomtest

from medseg.annotators.diagnosis.sheet import COLUMNS, KEY
from medseg.contracts import Refused, complaint, read_text

ALL = "all groups"


def judge_answers(folder: Path, answers: Path) -> pd.DataFrame:
    """A row per group and one for all: answered, right, accuracy, and its 95 % interval (Wilson 1927).

    folder: where the sheet was written. Raises Refused where there is no sheet, and for answers to another one, to
    questions that it has not, or to none.
    """
    key = _key(folder)
    given, name = _given(answers), str(key["sheet"].iloc[0])
    if given.get("sheet") != name:
        raise Refused([complaint("answers", f"those to the sheet {name}", given.get("sheet"), str(answers))])
    chosen = given.get("answers")
    known = {str(number): number for number in key.index}
    if not isinstance(chosen, dict) or not chosen or any(
        number not in known or choice not in ("left", "right") for number, choice in chosen.items()
    ):  # fmt: skip
        expected = f"left or right to questions 0 to {len(key) - 1}"
        raise Refused([complaint("answers", expected, json.dumps(chosen)[:60], str(answers))])
    answered = key.loc[[known[number] for number in chosen]].assign(said=list(chosen.values()))
    parts = {ALL: answered, **dict(list(answered.groupby("group")))}
    return pd.DataFrame([_row(str(group), part) for group, part in parts.items()])


def _row(group: str, part: pd.DataFrame) -> dict[str, object]:
    right = int((part["said"] == part["answer"]).sum())
    interval = binomtest(right, len(part), 0.5).proportion_ci(0.95, method="wilson")
    return {
        "group": group,
        "answered": len(part),
        "right": right,
        "accuracy": right / len(part),
        "accuracy_low": float(interval.low),
        "accuracy_high": float(interval.high),
    }


def _key(folder: Path) -> pd.DataFrame:
    path = folder / KEY
    if not path.is_file():
        raise Refused([complaint("sheet", f"{KEY} (medseg diagnose RUN --what clusters)", "none", str(folder))])
    key = pd.read_csv(path, dtype=str, keep_default_na=False)
    if not set(COLUMNS) <= set(key.columns) or key.empty:
        raise Refused([complaint(KEY, ",".join(COLUMNS), ",".join(key.columns), str(path))])
    return key


def _given(answers: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(answers))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused([complaint("answers", "the file that the sheet downloads", "another content", str(answers))])
    return found
