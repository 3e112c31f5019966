from __future__ import annotations

import numpy as np

from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.pictures.album import pictures_of


def test_a_volume_has_the_slices_of_what_is_seen_true_or_answered():
    visible, amodal, answer = np.zeros((3, 8, 6, 9), bool)
    visible[2:5, 2:4, 3:5] = True
    amodal[2:7, 2:4, 2:5] = True
    answer[2:6, 2:4, 3:7] = True
    one = AmodalObject(
        name="c1/rod-1", case="c1", label="rod", class_index=0, visible=visible, occluder=None, amodal=amodal,
        unoccluded=False, corner=(0, 0, 0), map_shape=visible.shape, affine=np.eye(4), spacing_mm=None,
    )  # fmt: skip
    said = Completion(name="c1/rod-1", amodal=answer, probs=answer.astype(np.float32),
                      samples=np.zeros((0, *visible.shape), bool), novelty=0.0)  # fmt: skip
    found = pictures_of(one, said)
    assert found.case == "c1/rod-1" and list(found.slices) == [2, 3, 4, 5, 6]
    assert all(uri.startswith("data:image/webp;base64,") for uri in found.slices.values())
    assert found.slices[2] != found.slices[6]
