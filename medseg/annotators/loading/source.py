"""target -> ImageBatch. A batch is a pure function of (target, epoch, step, rank): nothing random is stored,
so a resumed run and a run on several processes see the same data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from medseg.annotators.loading.augmentation import Augmentation, Draw, apply_intensity, apply_space, draw
from medseg.annotators.loading.grid import Grid
from medseg.annotators.loading.intensity import ZSCORE, Intensity
from medseg.annotators.loading.patches import crop_corner
from medseg.annotators.loading.samples import Sample, Samples
from medseg.annotators.loading.warping import box_of, sources, warped_labels, warped_maps, warped_posterior
from medseg.annotators.nouns import ImageBatch
from medseg.cohorts import Store
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
        store: Store | None = None,
    ) -> None:
        self.grid, self.augmentation, self.seed = grid, augmentation, seed
        self.batch_size, self._steps_per_epoch = batch_size, steps_per_epoch
        kept = {"labels_per_image": labels_per_image, "voters": voters, "intensity": intensity, "store": store}
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

    @property
    def kept(self) -> list[Case]:
        """All cases that are shown."""
        return [*self.train, *self.val]

    def steps_per_epoch(self) -> int:
        """As many as the source was told, be the training cases few or many."""
        return self._steps_per_epoch

    def batch(self, target: Target, epoch: int, step: int, rank: int = 0, world: int = 1) -> ImageBatch:
        """This rank's share of one global batch.

        The training cases are gone through in one order after the other; a batch goes on where the one before has
        stopped, over the end of an order and of an epoch.
        """
        places = self._places(epoch, step, self.batch_size)[rank::world]
        cases = self._in_turn(self.train, places)
        rngs = [np.random.default_rng((self.seed, place, 1)) for place in places]
        return self._batch(cases, [self._changed(c, target, rng) for c, rng in zip(cases, rngs, strict=True)])

    def _places(self, epoch: int, step: int, number: int) -> range:
        """Of the cases of a step, so many of them, among those of all steps."""
        first = (epoch * self._steps_per_epoch + step) * number
        return range(first, first + number)

    def _in_turn(self, cases: Sequence[Case], places: Sequence[int], *key: int) -> list[Case]:
        """Those at these places of all cases in one order after the other; key: of the orders, beside the seed."""
        turns = [divmod(place, len(cases)) for place in places]
        rngs = {turn: np.random.default_rng((self.seed, turn, *key)) for turn, _ in turns}
        orders = {turn: rng.permutation(len(cases)) for turn, rng in rngs.items()}
        return [cases[orders[turn][position]] for turn, position in turns]

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
        sample = self.samples.of(case, target)
        rows, corner = self._rows(sample, target, rng), self._corner(sample, rng)
        change = draw(self.augmentation, self.grid.size, rng)
        patch = self._placed(sample, rows, corner, change)
        image = apply_intensity(apply_space(patch.image[...], change), change, self.augmentation.noise)
        fused = None if patch.consensus is None else apply_space(patch.consensus[...], change)
        return replace(patch, image=image, labels=apply_space(patch.labels[...], change), consensus=fused)

    def _patch(self, case: Case, target: Target, rng: np.random.Generator) -> Sample:
        """The part of a case that has the size of the grid, at random where the case is larger."""
        sample = self.samples.of(case, target)
        rows = self._rows(sample, target, rng)
        return self._cut(sample, rows, self._corner(sample, rng))

    def _rows(self, sample: Sample, target: Target, rng: np.random.Generator) -> slice:
        """Whose labels are shown: all that there are, or those of one annotator drawn from those present."""
        if target != "random_annotator":
            return slice(None)
        present = sample.labelled
        row = int(present[rng.integers(len(present))]) if len(present) else 0
        return slice(row, row + 1)

    def _corner(self, sample: Sample, rng: np.random.Generator) -> tuple[int, ...]:
        """Where its patch begins."""
        shape = sample.image.shape[1:]
        if shape == self.grid.size:
            return (0,) * len(shape)
        interest = {"fraction": self.grid.foreground_fraction, "disagreement": self.grid.disagreement_fraction}
        return crop_corner(shape, self.grid.size, rng, foreground=np.asarray(sample.foreground), **interest)

    def _placed(self, sample: Sample, rows: slice, corner: Sequence[int], change: Draw) -> Sample:
        """The patch before it is mirrored and turned."""
        return self._cut(sample, rows, corner) if change.warp is None else self._warped(sample, rows, corner, change)

    def _cut(self, sample: Sample, rows: slice, corner: Sequence[int]) -> Sample:
        box = tuple(slice(c, c + n) for c, n in zip(corner, self.grid.size, strict=True))
        return _part(sample, rows, box)

    def _warped(self, sample: Sample, rows: slice, corner: Sequence[int], change: Draw) -> Sample:
        """A warped patch, of all of the case that it needs: its corners are empty only where the case ends."""
        assert change.warp is not None
        points = sources(self.grid.size, change.warp)
        points += np.asarray(corner).reshape(-1, *[1] * len(corner))
        box = box_of(points, sample.image.shape[1:])
        points -= np.array([along.start for along in box]).reshape(-1, *[1] * len(corner))
        part = _part(sample, rows, box)
        fused = None if part.consensus is None else warped_posterior(part.consensus[...], points)
        labels = warped_labels(part.labels[...], points)
        return replace(part, image=warped_maps(part.image[...], points), labels=labels, consensus=fused)

    def _batch(self, cases: Sequence[Case], samples: Sequence[Sample]) -> ImageBatch:
        fused = [sample.consensus[...] for sample in samples if sample.consensus is not None]
        most = max(len(sample.labels) for sample in samples)
        labels = np.full((len(samples), most, *samples[0].labels.shape[1:]), UNLABELLED, np.int64)
        for row, sample in zip(labels, samples, strict=True):
            row[: len(sample.labels)] = sample.labels[...]
        return ImageBatch(
            image=torch.from_numpy(np.stack([sample.image[...] for sample in samples])),
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


def _part(sample: Sample, rows: slice, box: tuple[slice, ...]) -> Sample:
    """A sample in a box (S,), with these rows of its labels: all that is read of it."""
    fused = None if sample.consensus is None else sample.consensus[(slice(None), *box)]
    index = sample.annotator_index if rows == slice(None) else None
    image, labels = sample.image[(slice(None), *box)], sample.labels[(rows, *box)]
    return replace(sample, image=image, labels=labels, consensus=fused, annotator_index=index)
