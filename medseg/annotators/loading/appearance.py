"""Random changes of intensities: what was drawn, and the pure functions that apply it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.loading.warping import Positive, Probability, Range
from medseg.contracts import Section


class Gamma(Section):
    """x -> min + (max - min) ((x - min) / (max - min))^g per channel; mean and deviation stay."""

    probability: Probability = 0.0
    """Of a change; nnU-Net has 0.3, and 0.1 for negated images."""
    exponents: Range = (0.7, 1.5)
    """g from and to."""
    negated: Probability = 0.25
    """So many of the changes are of -x, negated back after."""


class Contrast(Section):
    """x -> mean + f (x - mean) per channel, clipped to the range that it had."""

    probability: Probability = 0.0
    """Of a change; nnU-Net has 0.15."""
    factors: Range = (0.75, 1.25)
    """f from and to."""


class Brightness(Section):
    """x -> f x."""

    probability: Probability = 0.0
    """Of a change; nnU-Net has 0.15."""
    factors: Range = (0.75, 1.25)
    """f from and to."""


class BiasField(Section):
    """x -> min + exp(b) (x - min) per channel; b a polynomial of degree 3 in the position, as MONAI's RandBiasField."""

    probability: Probability = 0.0
    """Of a change; nnU-Net has 0."""
    strength: Positive = 0.2
    """The largest coefficient of b in Legendre polynomials over -1..1."""


class Blur(Section):
    """A Gaussian filter."""

    probability: Probability = 0.0
    """Of a change; nnU-Net has 0.2."""
    sigmas: Range = (0.5, 1.0)
    """From and to, in voxels."""


class WhiteNoise(Section):
    """White noise; ``noise`` is there always, this one sometimes."""

    probability: Probability = 0.0
    """Of a change; nnU-Net has 0.1."""
    deviation: Positive = 0.3
    """The largest standard deviation; it is drawn from 0 to this."""


class LowResolution(Section):
    """Nearest neighbours on a coarser grid, and linearly back."""

    probability: Probability = 0.0
    """Of a change; nnU-Net has 0.25."""
    factors: Range = (0.5, 1.0)
    """Size of the coarser grid, from and to."""


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """One random change of intensities; None: not this one."""

    noise: float | None = None
    """Standard deviation."""
    blur: float | None = None
    """Sigma in voxels."""
    bias: NDArray[np.float64] | None = None
    """(4,)*S coefficients of Legendre polynomials."""
    brightness: float | None = None
    """Factor."""
    contrast: float | None = None
    """Factor."""
    resolution: float | None = None
    """Size of the coarser grid over that of the image."""
    gamma: float | None = None
    """Exponent."""
    negated: bool = False
    """For gamma."""


def draw_bias(strength: float, dims: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(4,)*S coefficients up to ``strength``, of Legendre polynomials of degree 1 to 3."""
    coefficients = rng.uniform(-strength, strength, (4,) * dims)
    degrees = np.indices((4,) * dims).sum(0)
    coefficients[(degrees == 0) | (degrees > 3)] = 0
    return coefficients


def apply_appearance(image: NDArray[np.float32], change: Appearance, noise_seed: int) -> NDArray[np.float32]:
    """(C,S...) -> (C,S...), in nnU-Net's order: noise, blur, bias, brightness, contrast, resolution, gamma."""
    image = np.ascontiguousarray(image)  # a mirrored one is none that torch takes
    if change.noise is not None:
        white = np.random.default_rng((noise_seed, 1)).standard_normal(image.shape, dtype=np.float32)
        image = (image + change.noise * white).astype(np.float32)
    if change.blur is not None:
        from scipy.ndimage import gaussian_filter

        image = np.stack([gaussian_filter(channel, change.blur) for channel in image]).astype(np.float32)
    if change.bias is not None:
        image = biased(image, change.bias)
    if change.brightness is not None:
        image = (image * change.brightness).astype(np.float32)
    if change.contrast is not None:
        image = contrasted(image, change.contrast)
    if change.resolution is not None:
        image = coarsened(image, change.resolution)
    return image if change.gamma is None else gamma_corrected(image, change.gamma, change.negated)


def biased(image: NDArray[np.float32], coefficients: NDArray[np.float64]) -> NDArray[np.float32]:
    """(C,S...), as ``BiasField``; coefficients (4,)*S."""
    field = coefficients
    for axis, n in enumerate(image.shape[1:]):
        basis = np.polynomial.legendre.legvander(np.linspace(-1, 1, n), len(coefficients) - 1)  # (n,4)
        field = np.moveaxis(np.tensordot(basis, field, axes=(1, axis)), 0, axis)
    least = image.min(tuple(range(1, image.ndim)), keepdims=True)
    return (least + np.exp(field) * (image - least)).astype(np.float32)


def contrasted(image: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """(C,S...), as ``Contrast``."""
    axes = tuple(range(1, image.ndim))
    mean, least, most = (f(image, axes, keepdims=True) for f in (np.mean, np.min, np.max))
    return np.clip(mean + factor * (image - mean), least, most).astype(np.float32)


def coarsened(image: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """(C,S...), as ``LowResolution``."""
    import torch
    from torch.nn.functional import interpolate

    size = image.shape[1:]
    coarse = interpolate(torch.from_numpy(image)[None], [max(1, round(n * factor)) for n in size], mode="nearest-exact")
    mode = "bilinear" if len(size) == 2 else "trilinear"
    return interpolate(coarse, size, mode=mode, align_corners=False)[0].numpy()


def gamma_corrected(image: NDArray[np.float32], exponent: float, negated: bool) -> NDArray[np.float32]:
    """(C,S...), as ``Gamma``, by MONAI's AdjustContrast."""
    from monai.transforms.intensity.array import AdjustContrast

    change = AdjustContrast(exponent, invert_image=negated, retain_stats=True)
    return np.stack([np.asarray(change(channel), np.float32) for channel in image])
