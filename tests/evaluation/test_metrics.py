from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from medseg.contracts import Metric
from medseg.evaluation.metrics import METRICS, score_of, table_of
from medseg.reporting.glossary import explained
from medseg.reporting.tables import markdown

PACKAGE = Path(__file__).parents[2] / "medseg"
DOCS = PACKAGE.parent / "docs" / "metrics.md"
OWN = Metric(name="boundary_f1", meaning="of the border", direction="higher", level="case", empty="nan")
SEEN = """\
The column `seen` says whether the run has seen the case in training: `train`, `validation`, `no`; empty for a score of
the whole run, and where nobody can tell. With `medseg evaluate RUN --cohort OTHER` a case is one of the run's own if
its image (label map) is the same file byte by byte, or if case, patient and cohort have the same names. A score of a
case that was seen is no test: evaluate, its page and compare say so."""


def page() -> str:
    title = "The metrics, as scores.csv and the pages of runs name them (`medseg/evaluation/metrics.py`)."
    return f"# Metrics\n\n{title}\n\n{SEEN}\n\n{markdown(explained(METRICS.values()))}\n"


def test_every_row_says_all_that_a_reader_needs():
    for name, row in METRICS.items():
        assert row.name == name
        assert re.fullmatch(r"higher|lower|neither|(mean )?near [\d.]+", row.direction), name
        assert row.meaning and row.empty and row.unit in ("1", "nats", "nats/voxel", "length"), name


def test_a_score_takes_unit_and_direction_from_the_table():
    score = score_of("annotator_nll", 0.5, case="c1", annotator="ann")
    assert (score.case, score.annotator, score.label, score.value) == ("c1", "ann", "", 0.5)
    assert (score.unit, score.direction) == ("nats/voxel", "lower")
    assert score_of("truth_hd95", 2.0, case="c1", unit="px").unit == "px"
    assert score_of("covered_80", 1.0, case="c1").direction == "mean near 0.8"


@pytest.mark.parametrize(
    ("metric", "unit", "sentence"),
    [
        ("truth_dise", "", "metric: expected a row of the table of metrics, got truth_dise (score of c1)"),
        ("truth_hd95", "", "unit of truth_hd95: expected mm or px, got none (score of c1)"),
        ("truth_dice", "mm", "unit of truth_dice: expected none, got mm (score of c1)"),
    ],
)
def test_a_metric_that_is_not_in_the_table_and_a_unit_that_is_not_its_own_are_refused(metric, unit, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        score_of(metric, 0.5, case="c1", unit=unit)


def test_a_method_may_bring_rows_of_its_own_and_leaves_the_shipped_ones_alone():
    table = table_of(*METRICS.values(), OWN)
    assert score_of("boundary_f1", 1.0, case="c1", metrics=table).direction == "higher"
    assert "boundary_f1" not in METRICS
    with pytest.raises(ValueError, match="one row for each, got several for boundary_f1"):
        table_of(OWN, OWN)


def test_scores_are_made_from_the_table_alone():
    makers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Score"
    }
    assert makers == {"evaluation/metrics.py", "evaluation/table.py"}


def test_table_glossary_and_comparison_need_no_torch():
    modules = "medseg.evaluation.metrics, medseg.reporting.page, medseg.experiment.compare"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "False\n"


def test_the_docs_hold_the_table():
    """After a change: python tests/evaluation/test_metrics.py writes it anew."""
    assert DOCS.read_text() == page()


if __name__ == "__main__":
    DOCS.write_text(page())
