from __future__ import annotations

import re

from medseg.amodal.bins import bin_rows
from medseg.amodal.pictures.run import PICTURES as COMPLETION_PICTURES
from medseg.annotators.evaluation import PICTURES
from medseg.annotators.pictures.page import draw_run
from medseg.reporting.page import write_page
from medseg.reporting.plots import draw_curves


def test_the_page_shows_pictures_scores_alarms_and_config(drawn_run):
    draw_run(drawn_run)
    draw_curves(drawn_run)
    (drawn_run / "report" / "alarms.txt").write_text("Dice < .5 & falling\n")
    path = write_page(drawn_run, PICTURES)
    text = path.read_text()
    assert path == drawn_run / "report" / "index.html"
    assert "<h1>toy: soft_mean, seed 0, fold 0</h1>" in text
    assert '<p class="alarm">Dice &lt; .5 &amp; falling</p>' in text
    assert "<td>0.9000 (1 of 2 empty)</td>" in text
    assert "recipe: soft_mean" in text
    pictures = re.findall(r'<img src="([^"]+)"', text)
    assert pictures == ["run.png", "curves.png"]
    assert all((path.parent / picture).is_file() for picture in pictures)


def test_what_is_not_there_is_left_out(make_run):
    text = write_page(make_run([("c<1>", "", "", "ged2_v", 0.25, "1")]), PICTURES).read_text()
    assert "<img" not in text
    assert 'class="alarm"' not in text
    assert "<td>c&lt;1&gt;</td>" in text


def test_a_run_with_rivals_is_shown_beside_them_and_summarised_alone(make_run):
    def rows(name: str, value: float) -> list[tuple]:
        scores = {"whole_iou": value, "hidden_iou": value / 2, "hidden_fraction": 0.25}
        return [("a/rod-1", name, "rod", metric, number, "1") for metric, number in scores.items()]

    folder = make_run(rows("", 0.875), "three_stages", rivals=rows("hull", 0.75))
    for name in ("traversals.png", "completions.png"):
        (folder / "report" / name).write_bytes(b"")
    text = write_page(folder, COMPLETION_PICTURES, bin_rows).read_text()
    assert "<td>three_stages</td><td>0.8750 (0.8750)</td><td>0.4375 (0.4375)</td>" in text
    assert "<td>hull</td><td>0.7500 (0.7500)</td>" in text
    assert "<td>hull</td><td></td><td></td><td>0.7500 / 0.3750</td>" in text
    summary = text[text.index("<h2>Scores</h2>") :]
    assert "<td>0.8750</td>" in summary and "0.75" not in summary
    assert re.findall(r'<img src="([^"]+)"', text) == ["completions.png", "traversals.png"]


def test_a_run_without_rivals_has_no_table_of_them(make_run):
    assert "rivals" not in write_page(make_run([("a", "", "cell", "truth_dice", 0.5, "1")]), PICTURES).read_text()
