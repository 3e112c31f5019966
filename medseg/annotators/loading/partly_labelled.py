"""Batches of labelled cases with unlabelled ones beside them, these as their teacher and as their student see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medseg.annotators.loading.augmentation import Augmentation, Draw, apply_intensity, apply_space, draw
from medseg.annotators.loading.source import CohortSource
from medseg.annotators.loading.warping import sampling_grid, sources, warped_labels, warped_maps
from medseg.annotators.loading.withholding import HELD_OUT, first_of
from medseg.annotators.nouns import BESIDE_UNLABELLED, ImageBatch, PartlyLabelledBatch, UnlabelledImages
from medseg.contracts import UNLABELLED, Case, Cohort, Refused, Target, complaint

UNLABELLED_TURN, HELD_OUT_TURN = 5, 6
"""What is drawn, beside the seed and a place."""


@dataclass(frozen=True, kw_only=True)
class Views:
    """One case without labels."""

    teacher_image: NDArray[np.float32]
    """(C,S...)."""
    image: NDArray[np.float32]
    """(C,S...)."""
    points: NDArray[np.float64]
    """(S,S...) where in the teacher's image, in voxels, each voxel of the student's lies."""
    moved: bool
    """Some lie elsewhere than at their own place."""
    inside: NDArray[np.bool_]
    """(S...) of the student's image."""


class PartlyLabelledSource(CohortSource):
    """A ``CohortSource`` with the training cases that nobody labelled; its further arguments are as there.

    per_labelled: so many of them beside each labelled case. student_augmentation: of the student's view alone.
    held_out: this part of the labelled training cases is no longer trained on (0: none).
    Raises Refused where there is no case without labels, and where all labelled ones would be held out.
    """

    def __init__(
        self,
        cohort: Cohort,
        annotators: Sequence[str],
        *,
        per_labelled: int,
        student_augmentation: Augmentation,
        held_out: float = 0.0,
        **further: Any,
    ) -> None:
        super().__init__(cohort, annotators, **further)
        self.per_labelled, self.student_augmentation = per_labelled, student_augmentation
        labelled = {case.name for case in self.train}
        self.unlabelled = [case for case in cohort.split("train") if case.name not in labelled]
        names = {*first_of([*labelled], held_out, self.seed, HELD_OUT)} if held_out else set()
        self.held_out = [case for case in self.train if case.name in names]
        self.train = [case for case in self.train if case.name not in names]
        found = []
        if not self.unlabelled:
            expected = "at least one in the train split (or data.labelled_share below 1), as unlabelled.use asks"
            found.append(complaint("cases without labels", expected, "none", cohort.name))
        if not self.train:
            expected = "at least two, of which unlabelled.held_out takes one"
            found.append(complaint("training cases with labels", expected, len(labelled), cohort.name))
        if found:
            raise Refused(found)

    @property
    def kept(self) -> list[Case]:
        """All cases that are shown, in training, in validation, to weigh others by."""
        return [*super().kept, *self.unlabelled, *self.held_out]

    def load(self, targets: Iterable[Target]) -> None:
        """As ``CohortSource``, and the images of cases without labels where a target asks for them."""
        asked = list(targets)
        shown = list(dict.fromkeys(target.removesuffix(BESIDE_UNLABELLED) for target in asked))
        super().load(shown)
        beside = [target.removesuffix(BESIDE_UNLABELLED) for target in asked if target.endswith(BESIDE_UNLABELLED)]
        if beside:
            self.samples.load(self.unlabelled, ["unlabelled"])
        if beside and self.held_out:
            self.samples.load(self.held_out, beside)

    def batch(self, target: Target, epoch: int, step: int, rank: int = 0, world: int = 1) -> ImageBatch:
        """As ``CohortSource``; a PartlyLabelledBatch where the target asks for one."""
        shown = target.removesuffix(BESIDE_UNLABELLED)
        labelled = super().batch(shown, epoch, step, rank=rank, world=world)
        if shown == target:
            return labelled
        number = self.batch_size * self.per_labelled
        places = self._places(epoch, step, number)[rank::world]
        cases = self._in_turn(self.unlabelled, places, UNLABELLED_TURN)
        rngs = [np.random.default_rng((self.seed, place, UNLABELLED_TURN)) for place in places]
        views = [self._views(case, rng) for case, rng in zip(cases, rngs, strict=True)]
        return PartlyLabelledBatch(
            **vars(labelled),
            unlabelled=self._shown_twice(cases, views),
            held_out=self._held_out(shown, self._places(epoch, step, self.batch_size)[rank::world]),
        )

    def validation(self, target: Target, rank: int = 0, world: int = 1) -> Iterator[ImageBatch]:
        """The labelled validation cases alone."""
        return super().validation(target.removesuffix(BESIDE_UNLABELLED), rank, world)

    def _held_out(self, target: Target, places: Sequence[int]) -> ImageBatch | None:
        """Not changed; patches at random."""
        if not self.held_out:
            return None
        cases = self._in_turn(self.held_out, places, HELD_OUT_TURN)
        rngs = [np.random.default_rng((self.seed, place, HELD_OUT_TURN)) for place in places]
        return self._batch(cases, [self._patch(case, target, rng) for case, rng in zip(cases, rngs, strict=True)])

    def _views(self, case: Case, rng: np.random.Generator) -> Views:
        """The teacher's is that of a labelled case in training; the student's is the same, changed once more."""
        sample, change = self.samples.of(case, "unlabelled"), draw(self.augmentation, self.grid.size, rng)
        patch = self._placed(sample, slice(None), self._corner(sample, rng), change)
        image, inside = apply_space(patch.image[...], change), apply_space(patch.labels[...], change)
        further = draw(self.student_augmentation, self.grid.size, rng)
        points = apply_space(_sources(self.grid.size, further), further)
        moved = further.warp is not None or bool(further.flips) or further.quarter_turns % 4 != 0
        if moved:
            inside = warped_labels(inside, points)
        seen = warped_maps(np.ascontiguousarray(image), points) if moved else image
        return Views(
            teacher_image=apply_intensity(image, change, self.augmentation.noise),
            image=apply_intensity(seen, further, self.student_augmentation.noise),
            points=points,
            moved=moved,
            inside=inside[0] != UNLABELLED,
        )

    def _shown_twice(self, cases: Sequence[Case], views: Sequence[Views]) -> UnlabelledImages:
        moved = any(view.moved for view in views)
        grids = [sampling_grid(view.points, self.grid.size) for view in views] if moved else []
        return UnlabelledImages(
            image=torch.from_numpy(np.stack([view.image for view in views])),
            teacher_image=torch.from_numpy(np.stack([view.teacher_image for view in views])),
            sources=torch.from_numpy(np.stack(grids)) if moved else None,
            inside=torch.from_numpy(np.stack([view.inside for view in views])),
            case_index=torch.tensor([self.index[case.name] for case in cases]),
        )


def _sources(size: Sequence[int], change: Draw) -> NDArray[np.float64]:
    """(S,S...) where each voxel of a patch comes from by the warp alone."""
    if change.warp is None:
        return np.indices(size).astype(np.float64)
    return sources(size, change.warp)
