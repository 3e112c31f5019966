"""Embedded data: body slices (2D) and volumes (3D) with two organs and lesions, rendered from a seed.

The truth is known and the simulated annotators err enough that their vote is visibly wrong, so that the demo
and the tests can show what is recovered without any download.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medseg.annotators.simulation.cohort import KnownCase, annotate
from medseg.cohorts import require_empty
from medseg.contracts import Case, ClassLabel, Cohort, Volume
from medseg.images import write_labels, write_map

CLASSES = tuple(
    ClassLabel(name=name, value=value) for value, name in enumerate(("background", "liver", "kidney", "lesion"))
)
LIVER, KIDNEY, LESION = 1, 2, 3

SPACING_MM = (0.8, 0.8, 2.0)
"""Voxel of the volumes; slices are pictures without a scale."""

AFFINE = np.array([[-0.788, -0.139, 0.0, 90.0], [0.139, -0.788, 0.0, 120.0], [0.0, 0.0, 2.0, -340.0], [0, 0, 0, 1]])
"""Voxel index -> mm of the volumes: ``SPACING_MM``, turned by 10 degrees about the third axis, RAS+."""

PNG_SCALE = 30_000
"""Stored 16-bit value of intensity 1 in a slice; intensities lie within 0 and about 1.5."""

Floats = Sequence[float] | NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One rendered case."""

    image: NDArray[np.float32]
    """(S...) intensities."""
    truth: NDArray[np.uint8]
    """(S...) indices of ``CLASSES``."""
    spacing_mm: tuple[float, ...] | None
    """(S,) of a voxel; None in 2D."""


def render(seed: int, spatial_dims: int, size: int, num_cases: int) -> list[Sample]:
    """Cases of ``size`` x ``size`` pixels, or of ``size`` x ``size`` x ``size // 2`` voxels.

    Case n depends on (seed, n) only: asking for more cases does not change the first ones.
    """
    shape = (size, size) if spatial_dims == 2 else (size, size, size // 2)
    return [_render_case(shape, np.random.default_rng((seed, index))) for index in range(num_cases)]


def biased_annotators(spatial_dims: int, size: int) -> tuple[str, ...]:
    """Specs of one good annotator among four bad ones, as strong as this image size asks for.

    Their vote agrees with the truth to a mean Dice of about .75 to .9 per class.
    """
    radius = size * (0.045 if spatial_dims == 2 else 0.033)
    return "good", f"over:{radius:.2g}", f"under:{0.7 * radius:.2g}", f"fractured_over:{radius:.2g}", "swap"


BIASED_ANNOTATORS = biased_annotators(spatial_dims=2, size=64)
"""Those of the demo's slices."""


def _render_case(shape: tuple[int, ...], rng: np.random.Generator) -> Sample:
    body = _blob(shape, (0.0, 0.0, 0.0), (0.88, 0.74, 4.0), rng)
    truth = _draw_truth(shape, body, rng)
    image = _draw_image(truth, body, rng)
    spacing_mm = SPACING_MM if len(shape) == 3 else None
    return Sample(image=image.astype(np.float32), truth=truth, spacing_mm=spacing_mm)


# ------------------------------------------------------------------------------------------ shapes
def _smooth(shape: tuple[int, ...], rng: np.random.Generator, length: float = 0.12) -> NDArray[np.float64]:
    """Gaussian field (S...) of mean 0 and variance 1; correlation ``length`` as a share of the image."""
    field = ndimage.gaussian_filter(rng.normal(size=shape), [length * n for n in shape], mode="reflect")
    return (field - field.mean()) / field.std()


def _blob(shape: tuple[int, ...], centre: Floats, radii: Floats, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Ellipsoid (S...) in coordinates x, y[, z] of -1..1; place, radii and surface vary with ``rng``."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    axes = axes[::-1] if len(shape) == 2 else axes  # pictures are stored rows first, volumes x first
    squares = np.zeros(shape)
    for axis, middle, radius in zip(axes, centre, radii, strict=False):
        varied = radius * rng.uniform(0.88, 1.12)
        squares += ((axis - middle - rng.uniform(-0.05, 0.05)) / varied) ** 2
    return np.sqrt(squares) <= 1 + 0.07 * _smooth(shape, rng)


def _draw_truth(shape: tuple[int, ...], body: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A liver, a kidney apart from it, and one to three lesions inside the liver; (S...) class indices."""
    truth = np.zeros(shape, np.uint8)
    liver = _blob(shape, (-0.28, -0.12, 0.0), (0.42, 0.46, 0.75), rng) & body
    truth[liver] = LIVER
    truth[_blob(shape, (0.42, 0.22, 0.1), (0.22, 0.28, 0.6), rng) & body & ~liver] = KIDNEY
    inner = np.argwhere(ndimage.binary_erosion(liver, iterations=max(1, shape[0] // 12)))
    half = np.array(shape) / 2
    for _ in range(rng.integers(1, 4)):
        centre = inner[rng.integers(len(inner))] / half - 1
        centre = centre[::-1] if len(shape) == 2 else centre
        radii = rng.uniform(0.14, 0.24) * np.array([1, 1, 1.8])
        truth[_blob(shape, centre, radii, rng) & liver] = LESION
    return truth


# -------------------------------------------------------------------------------------- intensities
def _draw_image(truth: NDArray[np.uint8], body: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float64]:
    """Tissue intensities with texture, a spine, partial volume, bias field and Rician noise; (S...) >= 0."""
    shape = truth.shape
    contrast = rng.choice([-1, 1]) * rng.uniform(0.1, 0.3)
    tissue = np.array([0.35, 0.58, 0.72, 0.58 + contrast])
    image = np.where(body, tissue[truth], 0.02)
    spine = _blob(shape, (0.0, 0.58, 0.0), (0.16, 0.12, 4.0), rng) & body & (truth == 0)
    image[spine] = 0.95
    image += 0.03 * body * _smooth(shape, rng, length=0.04)
    image = ndimage.gaussian_filter(image, 0.7)
    image *= np.exp(0.15 * _smooth(shape, rng, length=0.3))
    return np.hypot(image + rng.normal(0, 0.04, shape), rng.normal(0, 0.04, shape))


# ------------------------------------------------------------------------------------------- files
def write_samples(out: Path, *, seed: int, spatial_dims: int, size: int, cases: int, annotators: Sequence[str]) -> Path:
    """Write a cohort of rendered cases labelled by simulated ``annotators``; returns ``out``.

    images/, truth/ and annotations/<annotator>/ hold 16-bit grey PNG images and 8-bit masks in 2D, NIfTI in 3D,
    beside manifest.csv, cohort.yaml and confusion.csv. Raises Refused if ``out`` is not empty.

    >>> from pathlib import Path
    >>> folder = write_samples(
    ...     Path("samples"), seed=0, spatial_dims=2, size=32, cases=2, annotators=("good", "over:2")
    ... )
    >>> sorted(path.name for path in folder.iterdir())
    ['annotations', 'cohort.yaml', 'confusion.csv', 'images', 'manifest.csv', 'truth']
    """
    require_empty(out)
    frame = Cohort(
        root=out,
        name=f"samples_{spatial_dims}d",
        classes=CLASSES,
        channels=("intensity",),
        spatial_dims=spatial_dims,
        annotators=(),
        crowd=(),
        cases=(),
    )
    known = _written(out, render(seed, spatial_dims, size, cases))
    return annotate(frame, known, annotators=annotators, seed=seed)


def _written(out: Path, samples: Sequence[Sample]) -> Iterator[KnownCase]:
    """Write images and truths, one case at a time."""
    for index, sample in enumerate(samples):
        flat = sample.truth.ndim == 2
        name, suffix = f"sample_{index:03d}", ".png" if flat else ".nii.gz"
        affine = np.eye(4) if flat else AFFINE
        image, truth = out / "images" / (name + suffix), out / "truth" / (name + suffix)
        known = Volume(array=sample.truth, affine=affine, spacing_mm=sample.spacing_mm)
        write_labels(truth, known)
        if flat:
            stored = np.rint(sample.image * PNG_SCALE).clip(0, 65_535).astype(np.uint16)
            write_labels(image, Volume(array=stored, affine=affine, spacing_mm=None))
        else:
            write_map(image, Volume(array=sample.image, affine=affine, spacing_mm=sample.spacing_mm))
        yield KnownCase(
            case=Case(name=name, patient=name, split="", images=(image,), annotations={}, truth=truth), truth=known
        )
