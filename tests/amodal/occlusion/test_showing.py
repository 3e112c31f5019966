"""One object, occluded by what is drawn for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from medseg.amodal.nouns import Hider
from medseg.amodal.occlusion.sections import FrameConfig, OcclusionConfig
from medseg.amodal.occlusion.showing import mirrored, on_canvas, simulated

from .conftest import SHOWING, rod


def test_a_simulated_object_keeps_its_amodal_mask_and_says_what_hid_it():
    amodal_object, others = rod(), [np.ones((5, 8), bool)]
    for seed in range(8):
        occluded = simulated(amodal_object, others, SHOWING, np.random.default_rng(seed))
        assert occluded.amodal is not None and occluded.occluder is not None and not occluded.unoccluded
        assert occluded.amodal.sum() <= amodal_object.visible.sum() == 84  # less where a neighbour presses on it
        assert occluded.name == "m/rod-1~object" and (occluded.case, occluded.label) == ("m", "rod")
        assert not (occluded.visible & occluded.occluder).any() and occluded.visible.any()
        assert (occluded.amodal == (occluded.visible | (occluded.amodal & occluded.occluder))).all()
        (hider,) = occluded.hiders
        assert hider.name == "m/~object" and (hider.mask == occluded.occluder).all()
    again = [simulated(amodal_object, others, SHOWING, np.random.default_rng(3)) for _ in range(2)]
    assert (again[0].visible == again[1].visible).all()
    kinds = {
        simulated(
            amodal_object,
            (),
            SHOWING.model_copy(update={"occlusion": OcclusionConfig(kinds=("bar", "blob"))}),
            np.random.default_rng(seed),
        ).name
        for seed in range(9)
    }
    assert kinds == {"m/rod-1~bar", "m/rod-1~blob"}


def test_the_canvas_holds_all_that_the_frame_shows():
    canvas = on_canvas(rod(), SHOWING.frame)  # 16 grid voxels of 2 pixels: 32 pixels
    assert min(canvas.visible.shape) >= 32
    in_mm = on_canvas(replace(rod(), spacing_mm=(0.5, 2.0)), SHOWING.frame)
    assert in_mm.visible.shape[0] >= 64 and in_mm.visible.shape[1] >= 16
    fitted = on_canvas(rod(40, 10), FrameConfig(size=(16, 16)))
    assert fitted.visible.shape == (50, 50)  # 40 pixels fill 1/1.25 of the frame
    assert on_canvas(rod(90, 60), SHOWING.frame).visible.shape == (98, 68)  # 4 voxels of room at least


def test_a_simulated_object_says_so_and_no_other_does_whatever_its_name():
    for name in ("m/rod-1", "m~2/rod-1", "cup~bar"):  # an object drawn in masks of its own has the name of its case
        amodal_object = rod(name=name)
        occluded = simulated(amodal_object, [np.ones((5, 8), bool)], SHOWING, np.random.default_rng(0))
        assert occluded.simulated and not amodal_object.simulated
        assert occluded.name == f"{name}~object"


def test_a_mirror_image_is_that_of_every_mask():
    amodal_object = replace(
        rod(2, 3),
        visible=np.array([[1, 1, 0], [1, 0, 0]], bool),
        occluder=np.eye(2, 3, dtype=bool),
        hiders=(Hider(name="m/bar-1", mask=np.eye(2, 3, dtype=bool)),),
    )
    image = mirrored(amodal_object, [1])
    assert image.visible.tolist() == [[False, True, True], [False, False, True]]
    assert image.occluder is not None and image.occluder.tolist() == [[False, False, True], [False, True, False]]
    assert (image.hiders[0].mask == image.occluder).all()
    assert mirrored(amodal_object, []) is amodal_object
