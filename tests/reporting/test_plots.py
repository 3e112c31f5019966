from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from medseg.reporting.plots import DOTS_PER_INCH, draw_comparison, draw_curves
from medseg.reporting.runs import load_runs


def test_a_run_without_figures_draws_nothing(make_run):
    folder = make_run([])
    assert draw_curves(folder) == []
    (folder / "metrics.jsonl").write_text('{"step": 0, "learning_rate": 0.1}\n')
    assert draw_curves(folder) == []


def test_curves_show_training_and_validation_in_one_picture(drawn_run):
    (path,) = draw_curves(drawn_run)
    with Image.open(path) as image:
        assert image.width == round(4.2 * DOTS_PER_INCH)
    pixels = {tuple(pixel) for pixel in np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3).tolist()}
    assert (31, 119, 180) in pixels  # train
    assert (255, 127, 14) in pixels  # val


def test_a_comparison_has_a_row_per_recipe_and_survives_the_undefined(make_run, tmp_path):
    values = {"soft_mean": (0.5, 0.6), "oracle": (0.9, 0.95), "staple": ("nan", "nan")}
    runs = [
        make_run([("a", "", "cell", "truth_dice", value, "1")], recipe, seed)
        for recipe, of_seeds in values.items()
        for seed, value in enumerate(of_seeds)
    ]
    frame = load_runs(runs)
    path = draw_comparison(frame, "truth_dice", tmp_path / "truth_dice.png")
    assert len(np.unique(np.asarray(Image.open(path)).reshape(-1, 4), axis=0)) > 20
    with (
        Image.open(path) as three,
        Image.open(draw_comparison(frame[frame["recipe"] == "oracle"], "truth_dice", tmp_path / "one.png")) as one,
    ):
        assert three.height > one.height
    with pytest.raises(KeyError):
        draw_comparison(frame, "truth_dise", tmp_path / "none.png")
