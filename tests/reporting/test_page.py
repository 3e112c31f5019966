from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from medseg.amodal.bins import bin_rows
from medseg.amodal.pictures.run import PICTURES as COMPLETION_PICTURES
from medseg.annotators.evaluation import PICTURES
from medseg.annotators.pictures.page import draw_run
from medseg.contracts import Refused
from medseg.evaluation.metrics import METRICS
from medseg.reporting.page import write_page
from medseg.reporting.plots import draw_curves


def joined(path: Path) -> str:
    """The text of a page, without the white space between its tags."""
    return re.sub(r">\s+<", "><", path.read_text())


def test_the_page_shows_pictures_scores_alarms_and_config(drawn_run):
    draw_run(drawn_run)
    draw_curves(drawn_run)
    (drawn_run / "report" / "alarms.txt").write_text("Dice < .5 & falling\n")
    path = write_page(drawn_run, METRICS, pictures=PICTURES)
    text = joined(path)
    assert path == drawn_run / "report" / "index.html"
    assert "<h1>toy: soft_mean, seed 0, fold 0</h1>" in text
    assert '<p class="alarm">Dice &lt; .5 &amp; falling</p>' in text
    assert "<td>0.9000 (1 of 2 empty)</td>" in text
    assert "recipe: soft_mean" in text
    pictures = re.findall(r'<img src="([^"]+)"', text)
    assert pictures == ["run.png", "curves.png"]
    assert all((path.parent / picture).is_file() for picture in pictures)


def test_what_is_not_there_is_left_out(make_run):
    text = joined(write_page(make_run([("c<1>", "", "", "ged2_v", 0.25, "1")]), METRICS, pictures=PICTURES))
    assert "<img" not in text
    assert 'class="alarm"' not in text
    assert "<td>c&lt;1&gt;</td>" in text


def test_a_run_with_rivals_is_shown_beside_them_and_summarised_alone(make_run):
    def rows(value: float) -> list[tuple]:
        scores = {"amodal_iou": value, "occluded_iou": value / 2, "occluded_fraction": 0.25}
        return [("a/rod-1", "", "rod", metric, number, "1") for metric, number in scores.items()]

    folder = make_run(rows(0.875), "three_stages", rivals={"hull": rows(0.75)})
    for name in ("traversals.png", "completions.png"):
        (folder / "report" / name).write_bytes(b"")
    text = joined(
        write_page(
            folder,
            METRICS,
            pictures=COMPLETION_PICTURES,
            beside={"By the fraction of the object that is occluded": bin_rows},
        )
    )
    assert "<td>three_stages</td><td>0.8750</td><td>0.4375</td>" in text
    assert "<td>hull</td><td>0.7500</td>" in text
    assert "<td>hull</td><td></td><td></td><td>0.7500 / 0.3750</td>" in text
    assert "<p>The completed objects: mean of one seed</p>" in text
    summary = text[text.index("<h2>Scores</h2>") :]
    assert "<td>0.8750</td>" in summary and "0.75" not in summary
    assert re.findall(r'<img src="([^"]+)"', text) == ["completions.png", "traversals.png"]


def test_a_run_without_rivals_has_no_table_of_them(make_run):
    assert (
        "rivals"
        not in write_page(make_run([("a", "", "cell", "truth_dice", 0.5, "1")]), METRICS, pictures=PICTURES).read_text()
    )


def test_every_metric_and_column_of_the_page_is_explained_with_what_it_takes_and_escaped(make_run):
    rows = [("a", "", "cell", "truth_hd95", 2.5, "px"), ("a", "ann", "", "relative_area", 1.5, "1")]
    table = METRICS | {"relative_area": replace(METRICS["relative_area"], meaning="area < mean & style")}
    text = joined(write_page(make_run(rows), table, pictures=PICTURES))
    glossary = text[text.index("<h2>What the words mean</h2>") :]
    hd95 = METRICS["truth_hd95"]
    cells = ("truth_hd95", hd95.meaning, "px", "lower", "case", "either mask empty: nan")
    assert "".join(f"<td>{cell}</td>" for cell in cells) in glossary
    assert "<td>area &lt; mean &amp; style</td><td>1</td><td>neither</td>" in glossary
    assert "truth_dice" not in glossary
    with pytest.raises(Refused, match="metric: expected a row of the table of metrics, got relative_area"):
        write_page(make_run(rows, name="other"), {"truth_hd95": hd95}, pictures=PICTURES)
    headings = re.findall("<th>([^<]*)</th>", text[text.index("<h2>Scores</h2>") : text.index("<h2>What")])
    assert headings and all(f"<tr><td>{heading}</td>" in glossary for heading in headings)


def test_a_long_table_and_a_long_name_are_not_cut_short(make_run):
    name = "annotator " + "x" * 200
    rows = [("a", f"{name}{number}", "cell", "annotator_dice", 0.5, "1") for number in range(100)]
    text = write_page(make_run(rows), METRICS, pictures=PICTURES).read_text()
    assert all(f"<td>{name}{number}</td>" in text for number in range(100))
