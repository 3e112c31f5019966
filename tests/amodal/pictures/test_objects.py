from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from medseg.amodal.pictures.objects import COLOURS, ObjectPicture, _draw, draw_objects, painted  # pyright: ignore

VISIBLE = np.array([[1, 1, 0, 0]], bool)
AMODAL = np.array([[1, 1, 1, 0]], bool)
OCCLUDER = np.array([[0, 0, 1, 1]], bool)


def picture(name: str, visible, occluder, amodal, *, spacing=(1.0, 1.0)) -> ObjectPicture:
    return ObjectPicture(name=name, visible=visible, occluder=occluder, amodal=amodal, spacing=spacing)


def test_the_occluded_part_lies_over_the_occluder():
    colours = painted(VISIBLE, OCCLUDER, AMODAL)[0]
    assert [tuple(colour) for colour in colours] == [
        to_rgb(COLOURS[name]) for name in ("visible", "visible", "occluded", "occluder")
    ]
    assert (painted(~AMODAL & False, OCCLUDER & False, AMODAL & False) == 1).all()


def test_a_volume_shows_the_slice_with_most_of_the_visible_part_and_keeps_its_aspect():
    visible = np.zeros((2, 4, 3), bool)
    visible[0, 0, 0] = visible[0, :2, 2] = True
    amodal = visible.copy()
    amodal[1, 3, 2] = True
    axis = Figure().subplots()
    _draw(axis, picture("v/a-1", visible, None, amodal, spacing=(3.0, 1.5, 9.0)))
    shown = np.asarray(axis.images[0].get_array())
    assert shown.shape == (2, 4, 3)
    assert tuple(shown[1, 3]) == to_rgb(COLOURS["occluded"]) and tuple(shown[0, 1]) == to_rgb(COLOURS["visible"])
    assert axis.get_aspect() == 2.0
    assert axis.get_title() == "v/a-1\n25% occluded"


def test_the_sheet_is_written_and_says_what_is_not_known(tmp_path):
    pictures = [
        picture("a-1", VISIBLE, OCCLUDER, AMODAL),
        picture("a-2", VISIBLE, None, None),
        picture("a-3", VISIBLE, OCCLUDER & False, VISIBLE),
    ]
    axis = Figure().subplots()
    titles = []
    for one in pictures:
        _draw(axis, one)
        titles.append(axis.get_title().splitlines()[1])
    assert titles == ["33% occluded", "amodal mask unknown", "unoccluded"]
    image = imread(draw_objects(tmp_path / "new" / "page.png", pictures * 5))  # 15: two rows, the thirteenth hidden
    orange = (np.abs(image[..., :3] - to_rgb(COLOURS["occluded"])) < 0.02).all(-1)
    half = len(orange) // 2
    assert orange[:half].any() and orange[half:].any()
