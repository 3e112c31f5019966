"""Changes of intensities, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.loading.appearance import (
    Appearance,
    apply_appearance,
    biased,
    coarsened,
    contrasted,
    gamma_corrected,
)

IMAGE = np.array([[[0, 1], [2, 4]]], np.float32)


@pytest.mark.parametrize(("negated", "expected"), [(False, [0, 0.25, 1, 4]), (True, [0, 1.75, 3, 4])])
def test_gamma(negated: bool, expected: list[float]) -> None:
    """Squares of x / 4, times 4; negated 4 - (4 - x)^2 / 4; then mean 1.75 and deviation 1.479 again."""
    power = np.array(expected)
    wanted = (power - power.mean()) / power.std() * IMAGE.std() + IMAGE.mean()
    np.testing.assert_allclose(gamma_corrected(IMAGE, 2.0, negated).ravel(), wanted, atol=1e-3)


def test_contrast_is_about_the_mean_and_within_the_range() -> None:
    np.testing.assert_allclose(contrasted(IMAGE, 0.5).ravel(), [0.875, 1.375, 1.875, 2.875])
    np.testing.assert_allclose(contrasted(IMAGE, 2.0).ravel(), [0, 0.25, 2.25, 4])


def test_a_bias_field_of_the_first_degree_brightens_along_its_axis() -> None:
    coefficients = np.zeros((4, 4))
    coefficients[1, 0] = 0.5
    rows = np.repeat(np.exp(0.5 * np.linspace(-1, 1, 5))[:, None], 3, axis=1)
    image = np.ones((1, 5, 3), np.float32)
    image[0, 0, 0] = 0
    rows[0, 0] = 0
    np.testing.assert_allclose(biased(image, coefficients)[0], rows, rtol=1e-6)


def test_low_resolution_is_nearest_there_and_linear_back() -> None:
    image = np.repeat(np.array([0, 0, 1, 1], np.float32)[None, None], 4, axis=1)
    np.testing.assert_allclose(coarsened(image, 0.5)[0, 0], [0, 0.25, 0.75, 1])


def test_brightness_blur_and_noise() -> None:
    np.testing.assert_allclose(apply_appearance(IMAGE, Appearance(brightness=1.5), 0), IMAGE * 1.5)
    point = np.zeros((1, 31, 31), np.float32)
    point[0, 15, 15] = 1
    blurred = apply_appearance(point, Appearance(blur=2.0), 0)[0]
    np.testing.assert_allclose([blurred.sum(), blurred[15, 17] / blurred[15, 15]], [1, np.exp(-0.5)], rtol=1e-3)
    noisy = apply_appearance(np.zeros((1, 100, 100), np.float32), Appearance(noise=0.3), 0)
    assert abs(noisy.std() - 0.3) < 0.01
