from __future__ import annotations

import re

from medseg.reporting.figures import draw_run
from medseg.reporting.page import write_page
from medseg.reporting.plots import draw_curves


def test_the_page_shows_pictures_scores_alarms_and_config(drawn_run):
    draw_run(drawn_run)
    draw_curves(drawn_run)
    (drawn_run / "report" / "alarms.txt").write_text("Dice < .5 & falling\n")
    path = write_page(drawn_run)
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
    text = write_page(make_run([("c<1>", "", "", "ged2_v", 0.25, "1")])).read_text()
    assert "<img" not in text
    assert 'class="alarm"' not in text
    assert "<td>c&lt;1&gt;</td>" in text
