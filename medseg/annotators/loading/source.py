"""target -> ImageBatch. A batch is a pure function of (target, epoch, step, rank): nothing random is stored,
so a resumed run and a run on several processes see the same data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from medseg.annotators import consensus
from medseg.annotators.loading.augmentation import Augmentation, Draw, apply_intensity, apply_space, draw
from medseg.annotators.loading.grid import Grid
from medseg.annotators.loading.intensity import ZSCORE, Intensity
from medseg.annotators.loading.patches import crop_corner
from medseg.annotators.loading.samples import Sample, Samples
from medseg.annotators.loading.warping import box_of, sources, warped_labels, warped_maps, warped_posterior
from medseg.annotators.nouns import ImageBatch
from medseg.contracts import UNLABELLED, Case, Cohort, Refused, Target, complaint


class CohortSource:
    """The training and validation cases of one run as batches; see ``Samples`` for the arguments of both.

    batch_size: cases of one step over all processes. steps_per_epoch: however many cases there are.
    Raises Refused for a split that has no case with labels.
    """

    def __init__(
        self,
        cohort: Cohort,
        annotators: Sequence[str],
        *,
        grid: Grid,
        augmentation: Augmentation,
        seed: int,
        batch_size: int,
        steps_per_epoch: int,
        labels_per_image: int | None = None,
        voters: Sequence[str] = (),
        intensity: Intensity = ZSCORE,
    ) -> None:
        self.grid, self.augmentation, self.seed = grid, augmentation, seed
        self.batch_size, self._steps_per_epoch = batch_size, steps_per_epoch
        kept = {"labels_per_image": labels_per_image, "voters": voters, "intensity": intensity}
        self.samples = Samples(cohort, annotators, grid=grid, seed=seed, **kept)
        self.index = {case.name: position for position, case in enumerate(cohort.cases)}
        self.train = [case for case in cohort.split("train") if set(case.annotations) & set(annotators)]
        self.val = [case for case in cohort.split("val") if set(case.annotations) & set(annotators)]
        empty = [name for name, cases in (("train", self.train), ("val", self.val)) if not cases]
        if empty:
            raise Refused(
                complaint(f"{name} split", "at least one case with labels", "none", cohort.name) for name in empty
            )

    def load(self, targets: Iterable[Target]) -> None:
        """Read all cases in these targets, once: before workers are forked, so that they share them."""
        asked = list(targets)
        if "fused" in asked and self.samples.fusion is None:
            self.samples.fuse(self.train)
        self.samples.load([*self.train, *self.val], asked)

    def steps_per_epoch(self) -> int:
        """As many as the source was told, be the training cases few or many."""
        return self._steps_per_epoch

    def batch(self, target: Target, epoch: int, step: int, rank: int = 0, world: int = 1) -> ImageBatch:
        """This rank's share of one global batch.

        The training cases are gone through in one order after the other; a batch goes on where the one before has
        stopped, over the end of an order and of an epoch.
        """
        first = (epoch * self._steps_per_epoch + step) * self.batch_size
        places = np.arange(first, first + self.batch_size)[rank::world]
        turns, positions = (numbers.tolist() for numbers in np.divmod(places, len(self.train)))
        orders = {turn: np.random.default_rng((self.seed, turn)).permutation(len(self.train)) for turn in set(turns)}
        cases = [self.train[orders[turn][position]] for turn, position in zip(turns, positions, strict=True)]
        rngs = [np.random.default_rng((self.seed, place, 1)) for place in places.tolist()]
        return self._batch(cases, [self._changed(c, target, rng) for c, rng in zip(cases, rngs, strict=True)])

    def validation(self, target: Target, rank: int = 0, world: int = 1) -> Iterator[ImageBatch]:
        """The validation cases, unchanged from epoch to epoch; patches are drawn once, around the foreground."""
        share = range(rank, len(self.val), world)
        for start in range(0, len(share), self.batch_size):
            numbers = share[start : start + self.batch_size]
            cases = [self.val[i] for i in numbers]
            rngs = [np.random.default_rng((self.seed, i, 2)) for i in numbers]
            yield self._batch(cases, [self._patch(c, target, rng) for c, rng in zip(cases, rngs, strict=True)])

    def _changed(self, case: Case, target: Target, rng: np.random.Generator) -> Sample:
        """What the network sees of a training case: a patch of it, at random, changed at random."""
        sample, corner = self._shown(case, target, rng), self._corner(case, target, rng)
        change = draw(self.augmentation, self.grid.size, rng)
        patch = self._cut(sample, corner) if change.warp is None else self._warped(sample, corner, change)
        image = apply_intensity(apply_space(patch.image, change), change, self.augmentation.noise)
        fused = None if patch.consensus is None else apply_space(patch.consensus, change)
        return replace(patch, image=image, labels=apply_space(patch.labels, change), consensus=fused)

    def _patch(self, case: Case, target: Target, rng: np.random.Generator) -> Sample:
        """The part of a case that has the size of the grid, at random where the case is larger."""
        sample = self._shown(case, target, rng)
        return self._cut(sample, self._corner(case, target, rng))

    def _shown(self, case: Case, target: Target, rng: np.random.Generator) -> Sample:
        """A whole case in a target."""
        sample = self.samples.of(case, target)
        if target != "random_annotator":
            return sample
        drawn = consensus.random_annotator(sample.labels, rng)[None]
        return replace(sample, labels=drawn, annotator_index=None)

    def _corner(self, case: Case, target: Target, rng: np.random.Generator) -> tuple[int, ...]:
        """Where its patch begins."""
        sample = self.samples.of(case, target)
        shape = sample.image.shape[1:]
        if shape == self.grid.size:
            return (0,) * len(shape)
        interest = {"fraction": self.grid.foreground_fraction, "disagreement": self.grid.disagreement_fraction}
        return crop_corner(shape, self.grid.size, rng, foreground=sample.foreground, **interest)

    def _cut(self, sample: Sample, corner: Sequence[int]) -> Sample:
        window = (slice(None), *(slice(c, c + n) for c, n in zip(corner, self.grid.size, strict=True)))
        fused = None if sample.consensus is None else sample.consensus[window]
        return replace(sample, image=sample.image[window], labels=sample.labels[window], consensus=fused)

    def _warped(self, sample: Sample, corner: Sequence[int], change: Draw) -> Sample:
        """A warped patch, of all of the case that it needs: its corners are empty only where the case ends."""
        assert change.warp is not None
        points = sources(self.grid.size, change.warp)
        points += np.asarray(corner).reshape(-1, *[1] * len(corner))
        box = box_of(points, sample.image.shape[1:])
        points -= np.array([along.start for along in box]).reshape(-1, *[1] * len(corner))
        window = (slice(None), *box)
        fused = None if sample.consensus is None else warped_posterior(sample.consensus[window], points)
        labels = warped_labels(sample.labels[window], points)
        return replace(sample, image=warped_maps(sample.image[window], points), labels=labels, consensus=fused)

    def _batch(self, cases: Sequence[Case], samples: Sequence[Sample]) -> ImageBatch:
        fused = [sample.consensus for sample in samples if sample.consensus is not None]
        most = max(len(sample.labels) for sample in samples)
        labels = np.full((len(samples), most, *samples[0].labels.shape[1:]), UNLABELLED, np.int64)
        for row, sample in zip(labels, samples, strict=True):
            row[: len(sample.labels)] = sample.labels
        return ImageBatch(
            image=torch.from_numpy(np.stack([sample.image for sample in samples])),
            labels=torch.from_numpy(labels),
            case_index=torch.tensor([self.index[case.name] for case in cases]),
            consensus=torch.from_numpy(np.stack(fused)) if fused else None,
            annotator_index=self._annotator_index([sample.annotator_index for sample in samples], most),
        )

    def _annotator_index(self, present: Sequence[NDArray[np.int64] | None], most: int) -> torch.Tensor | None:
        """(B,P) of the annotators (P,) of each sample; None of a consensus, and where all are always present."""
        known = [index for index in present if index is not None]
        if all(len(index) == len(self.samples.annotators) for index in known):
            return None
        return torch.from_numpy(np.stack([np.pad(index, (0, most - len(index))) for index in known]))
