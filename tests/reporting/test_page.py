from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from medseg.amodal.bins import bin_rows
from medseg.amodal.report import PICTURES as COMPLETION_PICTURES
from medseg.annotators.pictures.page import draw_run
from medseg.annotators.report import PICTURES, write_report
from medseg.contracts import Refused
from medseg.evaluation.metrics import METRICS
from medseg.reporting import page
from medseg.reporting.album import CasePictures, write_album
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
    assert re.findall(r"<h2>([^<]+)</h2><img", text) == ["Cases and confusion matrices", "Training"]
    pictures = [base64.b64decode(content) for content in re.findall(r'<img src="data:image/png;base64,([^"]+)"', text)]
    assert pictures == [(path.parent / name).read_bytes() for name in ("run.png", "curves.png")]
    assert list(path.parent.glob(".writing-*")) == []


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
        (folder / "report" / name).write_bytes(name.encode())
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
    assert "<h3>The completed objects: mean of one seed</h3>" in text
    summary = text[text.index("<h2>Scores</h2>") : text.index("<h2>Beside its rivals</h2>")]
    assert "<td>0.8750</td>" in summary and "0.75" not in summary
    assert re.findall(r"<h2>([^<]+)</h2><img", text) == [
        "Completions of occluded test objects",
        "What moves when z does",
    ]


def test_a_run_without_rivals_has_no_table_of_them(make_run):
    assert (
        "rivals"
        not in write_page(make_run([("a", "", "cell", "truth_dice", 0.5, "1")]), METRICS, pictures=PICTURES).read_text()
    )


def test_every_metric_and_column_of_the_page_is_explained_with_what_it_takes_and_escaped(make_run):
    rows = [("a", "", "cell", "truth_hd95", 2.5, "px"), ("a", "ann", "", "relative_area", 1.5, "1")]
    table = METRICS | {"relative_area": replace(METRICS["relative_area"], meaning="area < mean & style")}
    text = joined(write_page(make_run(rows), table, pictures=PICTURES))
    glossary = text[text.index("What the words mean</h2>") :]
    hd95 = METRICS["truth_hd95"]
    cells = ("truth_hd95", hd95.meaning, "px", "lower", "case", "either mask empty: nan")
    assert "".join(f"<td>{cell}</td>" for cell in cells) in glossary
    assert "<td>area &lt; mean &amp; style</td><td>1</td><td>neither</td>" in glossary
    assert "truth_dice" not in glossary
    with pytest.raises(Refused, match="metric: expected a row of the table of metrics, got relative_area"):
        write_page(make_run(rows, name="other"), {"truth_hd95": hd95}, pictures=PICTURES)
    headings = re.findall(
        "<th[^>]*>([^<]*)</th>", text[text.index("with its worst case</summary>") : text.index("What the words")]
    )
    assert headings and all(f"<tr><td>{heading}</td>" in glossary for heading in headings)


def test_a_long_table_and_a_long_name_are_not_cut_short(make_run):
    name = "annotator " + "x" * 200
    rows = [("a", f"{name}{number}", "cell", "annotator_dice", 0.5, "1") for number in range(100)]
    text = write_page(make_run(rows), METRICS, pictures=PICTURES).read_text()
    assert all(f"<td>{name}{number}</td>" in text for number in range(100))


def test_what_was_asked_and_how_the_data_were_split(make_run):
    folder = make_run([("c1", "ann", "cell", "annotator_dice", 0.5, "1"), ("c2", "", "", "ged2_u", 0.5, "1")])
    (folder / "splits.json").write_text(
        json.dumps({"splits": {"train": ["a", "b"], "test": ["c1", "c2"], "unused": []}})
    )
    text = joined(write_page(folder, METRICS, pictures=PICTURES))
    assert "<td>recipe</td><td>soft_mean</td>" in text and "<td>data.split</td><td>{fold: 0}</td>" in text
    rows = (("train", 2), ("test", 2), ("scored on this page", 2))
    assert "".join(f"<tr><td>{name}</td><td>{number}</td></tr>" for name, number in rows) in text
    (folder / "splits.json").write_text("[]")
    with pytest.raises(Refused, match="splits: expected JSON as written into a run folder, got another content"):
        write_page(folder, METRICS, pictures=PICTURES)


def test_the_annotators_are_told_with_what_they_labelled(make_run):
    folder = make_run([("c1", "ann", "cell", "annotator_dice", 0.5, "1")])
    (folder / "annotators.csv").write_text(
        "annotator,skill,nats,share,cases,worst_case\nann,0.5,2.25,0.75,2,b\n<ben>,0,nan,nan,0,\n"
    )
    (folder / "reliance.csv").write_text("case,split,annotator,nats,share\na,train,ann,2,1\nb,val,ann,2.5,.5\n")
    text = joined(write_report(folder))
    assert "<td>ann</td><td>1</td><td>1</td><td>0.5000</td><td>2.250</td><td>0.7500</td><td>b</td>" in text
    assert "<td>&lt;ben&gt;</td><td>0</td><td>0</td><td>0.0000</td><td>n/a</td>" in text
    (folder / "annotators.csv").write_text("annotator,skill\nann,0.5\n")
    with pytest.raises(
        Refused, match="annotators.csv: expected annotator,skill,nats,share,cases,worst_case, got annot"
    ):
        write_report(folder)


def test_a_page_grows_no_larger_than_it_may(make_run, monkeypatch):
    folder = make_run([("c1", "", "cell", "truth_dice", 0.5, "1"), ("c2", "", "cell", "truth_dice", 0.75, "1")])
    for name, length in (("run.png", 300), ("reliance.png", 3000)):
        (folder / "report" / name).write_bytes(bytes(length))
    shown = {case: CasePictures(case=case, slices={0: "data:image/webp;base64," + "A" * 300}) for case in ("c1", "c2")}
    write_album(folder / "report", shown, ("truth_dice", ["c1", "c2"]), columns=(), legend=())
    monkeypatch.setattr(page, "MOST_CHARACTERS", 900)
    text = joined(write_page(folder, METRICS, pictures=PICTURES))
    assert "reliance.png is too large for the page; it lies beside it." in text
    assert "1 of 2, by truth_dice. The page is full: 1 more would not fit." in text
    assert "<b>c1</b> truth_dice 0.5000" in text and "<b>c2</b>" not in text
    assert sum(map(len, re.findall(r'<img src="([^"]+)"', text))) <= 900
