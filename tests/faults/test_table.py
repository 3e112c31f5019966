"""docs/robustness.md is what the tables say, and they say enough."""

from __future__ import annotations

import re
from pathlib import Path

from .faults import FAULTS
from .table import PAGE, page, rows

TESTS = Path(__file__).parents[1]


def test_the_page_is_the_one_that_the_tables_give() -> None:
    assert PAGE.read_text("utf-8") == page(), "python -m tests.faults.table"


def test_the_table_has_its_rows_each_once() -> None:
    found = [(row.verb, row.group, row.given) for row in rows()]
    assert len(found) == len(set(found)) >= 250
    assert {row.verb for row in rows()} >= {
        "index",
        "check",
        "simulate",
        "plan",
        "train",
        "predict",
        "complete",
        "evaluate",
        "compare",
    }


def test_every_fault_has_its_test() -> None:
    defined = {
        name for path in TESTS.rglob("test_*.py") for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }
    assert {fault[-1] for fault in FAULTS} <= defined
