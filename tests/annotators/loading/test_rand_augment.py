"""RandAugment: how many, how strong, each as likely as the others, in 2D and 3D."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError

from medseg.annotators.loading.appearance import Appearance, apply_appearance
from medseg.annotators.loading.augmentation import Augmentation, draw
from medseg.annotators.loading.rand_augment import KINDS, RandAugment, draw_rand
from medseg.annotators.loading.warping import Rotation, Warp

SIZES = [(32, 32), (16, 16, 16), (4, 32, 32)]


def drawn(n: int, m: float, size: tuple[int, ...] = (32, 32), seed: int = 0) -> tuple[Appearance, Warp | None]:
    return draw_rand(RandAugment(n=n, m=m), size, np.random.default_rng(seed))


def kinds_of(appearance: Appearance, warp: Warp | None) -> list[str]:
    """Which kinds a draw is of, told from what it left; a warp of n = 1 is of one kind."""
    fields = {"noise": "noise", "blur": "blur", "bias": "bias_field", "contrast": "contrast"}
    fields |= {"resolution": "low_resolution", "gamma": "gamma"}
    found = [kind for field, kind in fields.items() if getattr(appearance, field) is not None]
    if warp is None:
        return found or ["none"]
    if warp.controls is not None:
        return [*found, "elastic"]
    if np.allclose(np.diag(np.diag(warp.matrix)), warp.matrix):
        return [*found, "scaling"]
    return [
        *found,
        "rotation" if math.isclose(float(np.linalg.det(warp.matrix)), 1) and warp.matrix[0, 0] < 1 else "shear",
    ]


def test_each_kind_is_drawn_as_often_as_any_other() -> None:
    counts = Counter(kind for seed in range(2200) for kind in kinds_of(*drawn(1, 5, seed=seed)))
    assert set(counts) == set(KINDS)
    assert all(140 < count < 260 for count in counts.values())  # 200 expected, four standard deviations of 13.5


@pytest.mark.parametrize("size", SIZES)
def test_all_kinds_together_leave_nothing_out(size: tuple[int, ...]) -> None:
    appearance, warp = drawn(len(KINDS), 10, size)
    assert warp is not None
    assert warp.controls is not None
    assert appearance.bias is not None
    assert appearance.resolution == 0.25
    assert (appearance.noise, appearance.blur) == (0.5, 2)
    for factor in (appearance.contrast, appearance.gamma):
        assert factor is not None
        assert abs(math.log2(factor)) == pytest.approx(1)


@pytest.mark.parametrize("size", SIZES)
def test_without_magnitude_nothing_changes(size: tuple[int, ...]) -> None:
    appearance, warp = drawn(len(KINDS), 0, size)
    assert warp is not None
    np.testing.assert_allclose(warp.matrix, np.eye(len(size)))
    assert warp.controls is None
    image = np.random.default_rng(1).random((2, *size)).astype(np.float32)
    np.testing.assert_allclose(apply_appearance(image, appearance, noise_seed=3), image, atol=1e-5)


def test_the_angle_is_that_of_the_magnitude() -> None:
    rotations = [
        warp.matrix
        for appearance, warp in (drawn(1, 5, seed=seed) for seed in range(100))
        if warp is not None and kinds_of(appearance, warp) == ["rotation"]
    ]
    angles = {round(float(np.rad2deg(np.arctan2(matrix[1, 0], matrix[0, 0]))), 6) for matrix in rotations}
    assert angles == {15.0, -15.0}


def test_the_thin_axis_of_a_flat_patch_stays() -> None:
    for seed in range(20):
        _, warp = drawn(len(KINDS), 10, (4, 32, 32), seed)
        assert warp is not None
        assert warp.controls is not None
        np.testing.assert_allclose(warp.matrix[0], [1, 0, 0])
        assert not warp.controls[0].any()


def test_a_case_gets_them_and_goes_on_being_mirrored() -> None:
    augmentation = Augmentation(flip_axes=(0,), rand=RandAugment(n=11, m=10))
    changes = [draw(augmentation, (32, 32), np.random.default_rng(seed)) for seed in range(20)]
    assert {change.flips for change in changes} == {(), (0,)}
    assert all(change.warp is not None and change.appearance.gamma is not None for change in changes)


def test_other_random_changes_beside_it_are_refused() -> None:
    with pytest.raises(ValidationError, match="rand: expected probability 0 of all changes beside it, got rotation"):
        Augmentation(rand=RandAugment(), rotation=Rotation(probability=0.2))
