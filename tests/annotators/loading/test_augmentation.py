"""Random changes: image and labels get the same ones, and none leaves everything as it is."""

from __future__ import annotations

import numpy as np

from medseg.annotators.loading.augmentation import Augmentation, apply_intensity, apply_space, crop_corner, draw


def test_image_and_labels_get_the_same_flip_and_turn() -> None:
    image = np.arange(64, dtype=np.float32).reshape(1, 8, 8)
    rng = np.random.default_rng(3)
    for _ in range(20):
        change = draw(Augmentation(flip_axes=(0, 1), rotate90=True), square=True, rng=rng)
        moved = apply_space(image, change)
        np.testing.assert_array_equal(apply_space(image.astype(np.int16), change), moved.astype(np.int16))
        assert sorted(moved.ravel()) == sorted(image.ravel())


def test_no_augmentation_changes_nothing() -> None:
    image = np.random.default_rng(0).normal(size=(1, 8, 6)).astype(np.float32)
    change = draw(Augmentation(), square=False, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(apply_intensity(apply_space(image, change), change, 0.0), image)


def test_a_patch_around_the_foreground_holds_it() -> None:
    foreground = np.array([[30, 2]])
    rng = np.random.default_rng(0)
    for _ in range(50):
        corner = crop_corner((40, 40), (16, 16), foreground=foreground, fraction=1.0, rng=rng)
        assert all(0 <= c <= 24 for c in corner)
        assert all(c <= f < c + 16 for c, f in zip(corner, foreground[0], strict=True))
