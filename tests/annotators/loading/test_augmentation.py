"""Random changes: image and labels get the same ones, and none leaves everything as it is."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from pydantic import ValidationError

from medseg.annotators.loading.appearance import WhiteNoise
from medseg.annotators.loading.augmentation import Augmentation, apply_intensity, apply_space, draw
from medseg.annotators.loading.warping import Rotation, Scaling

KINDS = ("rotation", "scaling", "elastic", "gamma", "contrast", "brightness", "bias_field", "blur", "white_noise")
STRONG = Augmentation.model_validate({kind: {"probability": 1.0} for kind in (*KINDS, "low_resolution")})


def test_image_and_labels_get_the_same_flip_and_turn() -> None:
    image = np.arange(64, dtype=np.float32).reshape(1, 8, 8)
    rng = np.random.default_rng(3)
    for _ in range(20):
        change = draw(Augmentation(flip_axes=(0, 1), rotate90=True), (8, 8), rng)
        moved = apply_space(image, change)
        np.testing.assert_array_equal(apply_space(image.astype(np.int16), change), moved.astype(np.int16))
        assert sorted(moved.ravel()) == sorted(image.ravel())


def test_no_augmentation_changes_nothing() -> None:
    image = np.random.default_rng(0).normal(size=(1, 8, 6)).astype(np.float32)
    change = draw(Augmentation(), (8, 6), np.random.default_rng(0))
    assert change.warp is None
    np.testing.assert_array_equal(apply_intensity(apply_space(image, change), change, 0.0), image)


def test_what_is_added_to_a_config_leaves_what_was_drawn_before() -> None:
    """Flips, turns, gain and shift of a config come first: an old config draws what it did."""
    old = Augmentation(flip_axes=(0, 1), rotate90=True, intensity=0.1)
    new = STRONG.model_copy(update={"flip_axes": (0, 1), "rotate90": True, "intensity": 0.1})
    one, other = (astuple(draw(each, (8, 8), np.random.default_rng(5)))[:5] for each in (old, new))
    assert one == other


def test_only_what_is_asked_for_is_drawn() -> None:
    """And each kind as often as its probability says: 2000 draws of 0.2 lie within 0.16 to 0.24."""
    augmentation = Augmentation(rotation=Rotation(probability=0.2), white_noise=WhiteNoise(probability=0.2))
    rng = np.random.default_rng(0)
    changes = [draw(augmentation, (8, 8), rng) for _ in range(2000)]
    warps = [change.warp for change in changes if change.warp is not None]
    noisy = [change for change in changes if change.appearance.noise is not None]
    assert 0.16 < len(warps) / 2000 < 0.24 and 0.16 < len(noisy) / 2000 < 0.24
    assert all(warp.controls is None and abs(np.linalg.det(warp.matrix) - 1) < 1e-9 for warp in warps)
    others = ("blur", "bias", "brightness", "contrast", "resolution", "gamma")
    assert all(getattr(change.appearance, kind) is None for change in changes for kind in others)


def test_scales_lie_in_their_range_half_of_them_below_one() -> None:
    augmentation = Augmentation(scaling=Scaling(probability=1.0, factors=(0.5, 3.0)))
    rng = np.random.default_rng(0)
    warps = [draw(augmentation, (8, 8), rng).warp for _ in range(1000)]
    factors = np.array([1 / warp.matrix[0, 0] for warp in warps if warp is not None])
    assert len(factors) == 1000 and factors.min() >= 0.5 and factors.max() <= 3
    assert 0.45 < (factors < 1).mean() < 0.55


@pytest.mark.parametrize("size", [(12, 10), (8, 9, 7)])
def test_every_change_at_once_keeps_shape_and_type(size: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).normal(size=(2, *size)).astype(np.float32)
    change = draw(STRONG, size, np.random.default_rng(1))
    changed = apply_intensity(image, change, 0.0)
    assert changed.shape == image.shape and changed.dtype == np.float32 and np.isfinite(changed).all()
    np.testing.assert_array_equal(changed, apply_intensity(image, change, 0.0))


def test_a_range_goes_from_small_to_large() -> None:
    with pytest.raises(ValidationError, match=r"from and to: expected the smaller one first, got \[1.4, 0.7\]"):
        Scaling(factors=(1.4, 0.7))
