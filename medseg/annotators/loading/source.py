"""view -> ImageBatch. A batch is a pure function of (view, epoch, step, rank): nothing random is stored,
so a resumed run and a run on several processes see the same data."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from medseg.annotators import consensus
from medseg.annotators.loading.transforms import (
    Augmentation,
    Placement,
    apply_intensity,
    apply_space,
    crop_corner,
    draw,
    image_to_grid,
    labels_to_grid,
    place,
)
from medseg.annotators.nouns import ImageBatch
from medseg.contracts import UNLABELLED, Case, Cohort, Refused, View, complaint
from medseg.images.files import read_channels, read_labels


@dataclass(frozen=True)
class Record:
    """One case on its native grid: image (C,S...), labels (A,S...) class indices, known truth (S...) or None."""

    case: Case
    image: NDArray[np.float32]
    labels: NDArray[np.integer]
    truth: NDArray[np.integer] | None
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, ...] | None


@dataclass(frozen=True)
class Grid:
    """The network's grid; see GridConfig for the meaning of each field."""

    mode: str
    size: tuple[int, ...]
    spacing_mm: tuple[float, ...] | None
    foreground_fraction: float

    def place(self, shape: Sequence[int], affine: NDArray[np.float64], spacing_mm: Sequence[float] | None) -> Placement:
        """Where a case of this shape and geometry lies on this grid."""
        return place(shape, affine, spacing_mm, self.mode, self.size, self.spacing_mm)


@dataclass(frozen=True)
class Sample:
    """One case on the network's grid: image (C,S...), labels (A,S...), foreground voxels (N,S) to crop around."""

    image: NDArray[np.float32]
    labels: NDArray[np.integer]
    foreground: NDArray[np.int32]


def class_indices(values: NDArray[np.generic], cohort: Cohort) -> NDArray[np.int16]:
    """Mask values -> class indices 0..T-1 in the order of the cohort's classes."""
    indices = np.full(values.shape, UNLABELLED, np.int16)
    for index, label in enumerate(cohort.classes):
        indices[values == label.value] = index
    return indices


def read_record(case: Case, cohort: Cohort, annotators: Sequence[str]) -> Record:
    """Read one case; an annotator without a mask is UNLABELLED everywhere."""
    volume = read_channels(case.images)
    image = volume.array.astype(np.float32)
    labels = np.full((len(annotators), *image.shape[1:]), UNLABELLED, np.int16)
    for position, annotator in enumerate(annotators):
        if annotator in case.annotations:
            labels[position] = class_indices(read_labels(case.annotations[annotator]).array, cohort)
    truth = class_indices(read_labels(case.truth).array, cohort) if case.truth else None
    return Record(case, image, labels, truth, volume.affine, volume.spacing_mm)


class CohortSource:
    """The training and validation cases of one run, read once and kept on the network's grid.

    Raises Refused when the kept arrays would not fit into memory, or when a split has no case with labels.
    """

    def __init__(
        self,
        cohort: Cohort,
        annotators: Sequence[str],
        grid: Grid,
        augmentation: Augmentation,
        seed: int,
        batch_size: int,
        labels_per_image: int | None = None,
    ) -> None:
        self.cohort, self.annotators, self.grid, self.augmentation = (
            cohort,
            tuple(annotators),
            grid,
            augmentation,
        )
        self.seed, self.batch_size, self.labels_per_image = seed, batch_size, labels_per_image
        self.index = {case.name: position for position, case in enumerate(cohort.cases)}
        self.train = [case for case in cohort.split("train") if set(case.annotations) & set(annotators)]
        self.val = [case for case in cohort.split("val") if set(case.annotations) & set(annotators)]
        self._samples: dict[tuple[str, View], Sample] = {}
        empty = [name for name, cases in (("train", self.train), ("val", self.val)) if not cases]
        if empty:
            raise Refused(
                complaint(f"{name} split", "at least one case with labels", "none", cohort.name) for name in empty
            )

    # ------------------------------------------------------------------------------------- batches
    def steps_per_epoch(self) -> int:
        """Steps until every training case was seen; the last batch is filled from the start of the order."""
        return -(-len(self.train) // self.batch_size)

    def batch(self, view: View, epoch: int, step: int, rank: int = 0, world: int = 1) -> ImageBatch:
        """This rank's share of one global batch."""
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.train))
        places = np.arange(step * self.batch_size, (step + 1) * self.batch_size)[rank::world]
        cases = [self.train[order[place % len(order)]] for place in places]
        rngs = [np.random.default_rng((self.seed, epoch, int(place), 1)) for place in places]
        return self._collate(cases, [self._augmented(c, view, rng) for c, rng in zip(cases, rngs, strict=True)])

    def validation(self, view: View, rank: int = 0, world: int = 1) -> Iterator[ImageBatch]:
        """The validation cases, unchanged from epoch to epoch; patches are drawn once, around the foreground."""
        share = range(rank, len(self.val), world)
        for start in range(0, len(share), self.batch_size):
            numbers = share[start : start + self.batch_size]
            cases = [self.val[i] for i in numbers]
            rngs = [np.random.default_rng((self.seed, i, 2)) for i in numbers]
            yield self._collate(cases, [self._fixed(c, view, rng) for c, rng in zip(cases, rngs, strict=True)])

    # ------------------------------------------------------------------------------------- samples
    def sample(self, case: Case, view: View) -> Sample:
        """One case on the network's grid in one view, kept after the first time."""
        key = (case.name, view if view != "random_annotator" else "annotated")
        if key not in self._samples:
            record = read_record(case, self.cohort, self.annotators)
            if self.grid.spacing_mm and record.spacing_mm is None:
                got = "an image without one; leave data.grid.spacing_mm empty"
                raise Refused([complaint("voxel size", "one in mm", got, case.name)])
            placement = self.grid.place(record.image.shape[1:], record.affine, record.spacing_mm)
            labels = labels_to_grid(self._view(self._thinned(record), view), placement)
            sample = Sample(
                image_to_grid(record.image, placement),
                labels,
                np.argwhere((labels > 0).any(0)).astype(np.int32)
                if self.grid.mode == "patch"
                else np.empty((0, 0), np.int32),
            )
            if not self._samples:
                self._refuse_if_too_large(sample)
            self._samples[key] = sample
        return self._samples[key]

    def _thinned(self, record: Record) -> Record:
        """Keep ``labels_per_image`` annotators of a case, the same ones in every epoch, stage and view."""
        if self.labels_per_image is None:
            return record
        present = [i for i, name in enumerate(self.annotators) if name in record.case.annotations]
        rng = np.random.default_rng((self.seed, zlib.crc32(record.case.name.encode())))
        kept = rng.permutation(present)[: self.labels_per_image]
        labels = np.full_like(record.labels, UNLABELLED)
        labels[kept] = record.labels[kept]
        return Record(record.case, record.image, labels, record.truth, record.affine, record.spacing_mm)

    def _view(self, record: Record, view: View) -> NDArray[np.integer]:
        classes = len(self.cohort.classes)
        if view == "majority_vote":
            return consensus.majority_vote(record.labels, classes)[None]
        if view == "staple":
            return consensus.staple(record.labels, classes)[None]
        if view == "truth":
            if record.truth is None:
                raise Refused([complaint("truth", "a mask of the known truth", "none", record.case.name)])
            return record.truth[None]
        return record.labels

    def _augmented(self, case: Case, view: View, rng: np.random.Generator) -> Sample:
        sample = self._fixed(case, view, rng)
        size = sample.image.shape[1:]
        change = draw(self.augmentation, size[0] == size[1], rng)
        image = apply_intensity(apply_space(sample.image, change), change, self.augmentation.noise)
        return Sample(image, apply_space(sample.labels, change), sample.foreground)

    def _fixed(self, case: Case, view: View, rng: np.random.Generator) -> Sample:
        sample = self.sample(case, view)
        image, labels = sample.image, sample.labels
        if view == "random_annotator":
            labels = consensus.random_annotator(labels, rng)[None]
        if image.shape[1:] != self.grid.size:
            size, fraction = self.grid.size, self.grid.foreground_fraction
            corner = crop_corner(image.shape[1:], size, sample.foreground, fraction, rng)
            window = (slice(None), *(slice(c, c + n) for c, n in zip(corner, size, strict=True)))
            image, labels = image[window], labels[window]
        return Sample(image, labels, sample.foreground)

    def _collate(self, cases: Sequence[Case], samples: Sequence[Sample]) -> ImageBatch:
        return ImageBatch(
            image=torch.from_numpy(np.stack([sample.image for sample in samples])),
            labels=torch.from_numpy(np.stack([sample.labels for sample in samples]).astype(np.int64)),
            case_index=torch.tensor([self.index[case.name] for case in cases]),
        )

    def _refuse_if_too_large(self, sample: Sample) -> None:
        need = (sample.image.nbytes + sample.labels.nbytes) * (len(self.train) + len(self.val))
        have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
        if need > 0.8 * have:
            raise Refused(
                [
                    complaint(
                        "memory for the cases",
                        f"at most {0.8 * have / 2**30:.1f} GiB (80 % of what is free)",
                        f"{need / 2**30:.1f} GiB; use a coarser data.grid.spacing_mm",
                        self.cohort.name,
                    )
                ]
            )
