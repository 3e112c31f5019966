from __future__ import annotations

import numpy as np
import torch
from torch import nn

from medseg.annotators.nouns import BatchPrediction, ImageBatch
from medseg.annotators.validation_pictures import CASES, validation_pictures

NAMES, CLASSES = ("ann", "ben"), ("background", "cell")


class Believer(nn.Module):
    """The truth is where the image is above 0.5; ben finds nothing."""

    def believe(self, image: torch.Tensor) -> BatchPrediction:
        cell = (image > 0.5).float()
        truth = torch.cat([1 - cell, cell], dim=1)
        ben = torch.cat([torch.ones_like(cell), torch.zeros_like(cell)], dim=1)
        joint = torch.zeros(len(image), 2, 2, 2)
        return BatchPrediction(truth_probs=truth, annotator_probs=torch.stack([truth, ben], dim=1), joint_probs=joint)


def shown(batch: ImageBatch) -> list:
    names = [f"c{number}" for number in range(9)]
    return validation_pictures(Believer(), batch, annotators=NAMES, classes=CLASSES, cases=names)


def test_the_first_cases_with_everybodys_labels_and_what_is_predicted_for_each():
    image, labels = torch.zeros(3, 1, 4, 4), torch.zeros(3, 2, 4, 4, dtype=torch.long)
    image[:, :, 1, 1], labels[:, 0, 2, 2], labels[1, 1] = 1, 1, -1
    whose = torch.tensor([[1, 0], [1, 0], [0, 1]])
    batch = ImageBatch(image=image, labels=labels, case_index=torch.tensor([7, 3, 1]), annotator_index=whose)
    before = torch.get_rng_state()
    first, second = shown(batch)
    assert torch.equal(before, torch.get_rng_state()) and CASES == 2
    assert (first.name, second.name, first.class_names) == ("c7", "c3", CLASSES)
    assert set(first.masks) == {"ann", "ben", "recovered truth", "ann predicted", "ben predicted"}
    assert set(second.masks) == set(first.masks) - {"ann"}  # the second row of labels is ann's, who did not see it
    assert np.argwhere(first.masks["ben"] == 1).tolist() == [[2, 2]]
    assert np.argwhere(first.masks["recovered truth"] == 1).tolist() == [[1, 1]]
    assert first.masks["ann predicted"].sum() == 1 and first.masks["ben predicted"].sum() == 0


def test_a_volume_shows_the_slice_with_most_labels_and_a_consensus_is_nobodys():
    image, labels = torch.rand(1, 1, 4, 5, 6), torch.zeros(1, 1, 4, 5, 6, dtype=torch.long)
    labels[0, 0, :2, :2, 4], labels[0, 0, 0, 0, 1] = 1, 1
    (one,) = shown(ImageBatch(image=image, labels=labels, case_index=torch.tensor([2])))
    assert one.image.shape == (4, 5) and np.array_equal(one.image, image[0, 0, ..., 4].numpy())
    assert set(one.masks) == {"shown", "recovered truth", "ann predicted", "ben predicted"}
    assert one.masks["shown"].sum() == 4 and all(mask.shape == (4, 5) for mask in one.masks.values())
