"""The pictures say what the figures say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.image import imread

from medseg.annotators.people.pictures import draw_space
from medseg.annotators.people.space import SpaceMaps

from .test_space import record_of


def blue_and_red(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """How many pixels of each there are in each column."""
    pixels = imread(path)[..., :3]
    blue, red = pixels[..., 2] - pixels[..., 0], pixels[..., 0] - pixels[..., 2]
    return (blue > 0.2).sum(axis=0), (red > 0.2).sum(axis=0)


@pytest.mark.parametrize("shape", [(40, 40), (24, 24, 24)])
def test_who_cuts_is_blue_and_who_adds_is_red_in_a_panel_of_his_own(shape: tuple[int, ...], tmp_path: Path) -> None:
    truth = np.zeros(shape, np.int16)
    truth[tuple(slice(side // 4, 3 * side // 4) for side in shape)] = 1
    less, more = truth.copy(), truth.copy()
    less[: shape[0] // 2] = 0
    more[: shape[0] // 2, shape[1] // 4 : 3 * shape[1] // 4] = 1
    space = SpaceMaps(annotators=2, classes=2, dims=len(shape))
    space.add(record_of(np.stack([less, more]), spacing=(1.0,) * len(shape)), np.stack([truth, truth]))
    labelling = SimpleNamespace(annotators=("less", "more"), classes=("background", "box"))
    findings = SimpleNamespace(space=space, labelling=labelling, styles=SimpleNamespace(order=np.arange(2)))
    draw_space(findings, 1, tmp_path / "where.png")  # pyright: ignore[reportArgumentType]
    blue, red = blue_and_red(tmp_path / "where.png")
    bar = int(0.86 * len(blue))  # to its right is the scale
    half = bar // 2
    assert blue[:half].sum() > 1000 and red[half:bar].sum() > 1000
    assert red[:half].sum() == 0 == blue[half + 20 : bar].sum()
