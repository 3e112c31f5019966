"""The cases of a run on the network's grid, each read once and kept, in every target that is asked for."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from medseg.annotators import consensus
from medseg.annotators.fitting import fit_fusion
from medseg.annotators.fusion import Fusion
from medseg.annotators.loading.grid import Grid, labels_to_grid
from medseg.annotators.loading.intensity import ZSCORE, Intensity
from medseg.annotators.loading.patches import voxels_of_interest
from medseg.annotators.loading.records import Record, read_record
from medseg.cohorts import read_all
from medseg.contracts import Case, Cohort, Refused, Target, complaint


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One case on the network's grid in one target."""

    image: NDArray[np.float32]
    """(C,S...)."""
    labels: NDArray[np.integer]
    """(P,S...) class indices of the annotators present; P = 1 of a consensus."""
    foreground: NDArray[np.int32]
    """(N,1+S) classes and voxels to lay patches around, see ``patches``; none in mode ``resize``."""
    consensus: NDArray[np.float32] | None = None
    """(T,S...) p(t | all labels) in the target ``fused``."""
    annotator_index: NDArray[np.int64] | None = None
    """(P,) whose labels these are, in the order of axis A; None of a consensus."""


class Samples:
    """Samples by case and target.

    annotators: in the order of axis A. labels_per_image: keep so many annotators of each case (None: all), drawn from
    ``seed`` and the case's name, the same ones in every epoch, stage and target. voters: whose vote is the truth
    (none: the known one is).
    """

    def __init__(
        self,
        cohort: Cohort,
        annotators: Sequence[str],
        *,
        grid: Grid,
        seed: int,
        labels_per_image: int | None,
        voters: Sequence[str] = (),
        intensity: Intensity = ZSCORE,
    ) -> None:
        self.cohort, self.annotators, self.grid, self.voters = cohort, tuple(annotators), grid, tuple(voters)
        self.seed, self.labels_per_image, self.intensity = seed, labels_per_image, intensity
        self._kept: dict[tuple[str, Target], Sample] = {}
        self.fusion: Fusion | None = None

    def fuse(self, cases: Sequence[Case]) -> Fusion:
        """Learn from the labels of these cases, those of training, whom to believe where, for the target ``fused``."""
        samples = read_all(cases, lambda case: self.of(case, "annotated"))
        self.fusion = fit_fusion(
            [sample.labels for sample in samples],
            len(self.cohort.classes),
            annotator_index=[sample.annotator_index for sample in samples],
            annotators=len(self.annotators),
        )
        return self.fusion

    def load(self, cases: Sequence[Case], targets: Iterable[Target]) -> None:
        """Read what is not kept yet. Raises Refused with the complaints about all cases."""
        for target in targets:
            read_all(cases, lambda case, target=target: self.of(case, target))

    def of(self, case: Case, target: Target) -> Sample:
        """One case in one target, read where it is not kept yet.

        Raises Refused for a grid in mm and an image without a scale, and for the truth of a case that has none.
        """
        key = (case.name, target if target != "random_annotator" else "annotated")
        if key not in self._kept:
            self._kept[key] = self._fused(case) if target == "fused" else self._read(case, target)
        return self._kept[key]

    def _fused(self, case: Case) -> Sample:
        """All labels, and what they say together; raises as ``of``. ``fuse`` comes first."""
        assert self.fusion is not None
        annotated = self.of(case, "annotated")
        return replace(annotated, consensus=self.fusion(annotated.labels, annotated.annotator_index))

    def present(self, case: Case) -> NDArray[np.int64]:
        """(P,) the annotators whose labels of this case are kept, in the order of axis A."""
        present = [i for i, name in enumerate(self.annotators) if name in case.annotations]
        if self.labels_per_image is not None:
            rng = np.random.default_rng((self.seed, zlib.crc32(case.name.encode())))
            present = sorted(rng.permutation(present)[: self.labels_per_image])
        return np.array(present, np.int64)

    def _read(self, case: Case, target: Target) -> Sample:
        present = self.present(case)
        record = read_record(case, self.cohort, [self.annotators[i] for i in present], self.voters)
        if self.grid.spacing_mm and record.spacing_mm is None:
            got = "an image without one; state data.grid.spacing_pixels instead of spacing_mm"
            raise Refused([complaint("voxel size", "one in mm", got, case.name)])
        placement = self.grid.place(record.image.shape[1:], record.affine, record.spacing_mm)
        labels = labels_to_grid(self._shown(record, target), placement)
        foreground = np.zeros((0, labels.ndim), np.int32)
        if self.grid.mode == "patch":
            rng = np.random.default_rng((self.seed, zlib.crc32(case.name.encode()), 3))
            foreground = voxels_of_interest(labels, rng)
        return Sample(
            image=self.intensity.to_grid(record.image, placement),
            labels=labels,
            foreground=foreground,
            annotator_index=present if target in ("annotated", "random_annotator") else None,
        )

    def _shown(self, record: Record, target: Target) -> NDArray[np.integer]:
        """(P,S...) on the case's own grid."""
        classes = len(self.cohort.classes)
        if target == "majority_vote":
            return consensus.majority_vote(record.labels, classes)[None]
        if target == "unanimous":
            return consensus.unanimous(record.labels)[None]
        if target == "staple":
            return consensus.staple(record.labels, classes)[None]
        if target == "truth":
            if record.truth is None:
                raise Refused([complaint("truth", "a mask of the known truth", "none", record.case.name)])
            return record.truth[None]
        return record.labels
