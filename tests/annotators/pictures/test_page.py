from __future__ import annotations

import numpy as np
from PIL import Image

from medseg.annotators.pictures.page import DOTS_PER_INCH, WIDTH, draw_run


def test_the_page_of_a_run_holds_panels_and_matrices(drawn_run):
    (path,) = draw_run(drawn_run)
    with Image.open(path) as image:
        assert image.width == WIDTH * DOTS_PER_INCH
        tall = image.height
        colours = np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)
    assert path == drawn_run / "report" / "run.png"
    assert len(colours) > 100
    (drawn_run / "confusion.csv").unlink()
    draw_run(drawn_run)
    with Image.open(path) as image:
        assert image.height < tall - 200


def test_a_run_without_panels_draws_nothing(make_run):
    assert draw_run(make_run([])) == []
