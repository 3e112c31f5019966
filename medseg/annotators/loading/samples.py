"""The cases of a run on the network's grid, each read once and kept in a store, in every target that is asked for."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.annotators import consensus
from medseg.annotators.drawn import around_drawn
from medseg.annotators.fusion import NAMES, Fusion
from medseg.annotators.loading.grid import Grid, labels_to_grid
from medseg.annotators.loading.intensity import ZSCORE, Intensity
from medseg.annotators.loading.patches import voxels_of_interest
from medseg.annotators.loading.records import Record, read_record
from medseg.annotators.seen_in_images import Looked
from medseg.annotators.truths import fit_truth, look_of
from medseg.cohorts import Array, InMemory, Store, key_of, mark, read_all
from medseg.contracts import UNLABELLED, Case, Cohort, Refused, Target, complaint

MADE_BY = 1
"""To be raised where other arrays are made of the same files and settings: it enters every key."""

FUSED_BY = 5
"""Likewise, where another fusion is made of the same labels and images."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One case on the network's grid in one target; its arrays may lie in files, and are read as they are sliced."""

    image: Array
    """(C,S...) float32."""
    labels: Array
    """(P,S...) class indices of the annotators present; P = 1 of a consensus, and in the target ``unlabelled``: there 0
    where the grid shows a part of the case."""
    foreground: Array
    """(N,1+S) classes and voxels to lay patches around, see ``patches``; none in mode ``resize``."""
    consensus: Array | None = None
    """(T,S...) p(t | all labels) float32, in the target ``fused``."""
    annotator_index: NDArray[np.int64] | None = None
    """(P,) whose labels these are, in the order of axis A; None of a consensus."""

    @cached_property
    def labelled(self) -> NDArray[np.int64]:
        """(N,) the rows of ``labels`` in which there is any."""
        labels = np.asarray(self.labels)
        return np.flatnonzero((labels != UNLABELLED).reshape(len(labels), -1).any(axis=1))


class Samples:
    """Samples by case and target.

    annotators: in the order of axis A. labels_per_image: keep so many annotators of each case (None: all), drawn from
    ``seed`` and the case's name, the same ones in every epoch, stage and target. voters: whose vote is the truth
    (none: the known one is). store: where the arrays are kept.
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
        store: Store | None = None,
    ) -> None:
        self.cohort, self.annotators, self.grid, self.voters = cohort, tuple(annotators), grid, tuple(voters)
        self.seed, self.labels_per_image, self.intensity = seed, labels_per_image, intensity
        self.store = InMemory() if store is None else store
        self._known: dict[tuple[str, Target], Sample] = {}
        self._known_keys: dict[tuple[str, Target], dict[str, str]] = {}
        self.fusion: Fusion | None = None
        self._fusion_key = ""

    def fuse(self, cases: Sequence[Case]) -> Fusion:
        """Learn from the labels of these cases, those of training, whom to believe where, for the target ``fused``."""
        of_labels = [self._keys(case, "annotated")["labels"] for case in cases]
        self._fusion_key = key_of(MADE_BY, FUSED_BY, self.annotators, of_labels)
        kept = self.store.keep("fusion", dict.fromkeys(NAMES, self._fusion_key), lambda: self._fitted(cases))
        self.fusion = Fusion.of({name: np.asarray(array) for name, array in kept.items()})
        return self.fusion

    def _fitted(self, cases: Sequence[Case]) -> Mapping[str, NDArray[Any]]:
        labels = read_all(cases, lambda case: around_drawn(np.asarray(self.of(case, "annotated").labels)))
        whose: dict[str, Any] = {
            "annotator_index": [self.present(case) for case in cases],
            "annotators": len(self.annotators),
        }
        looks = [partial(self._look, case) for case in cases]
        return fit_truth(labels, len(self.cohort.classes), looks, **whose).arrays()

    def _look(self, case: Case, truths: Sequence[Fusion], *, most: int, rng: np.random.Generator) -> Looked:
        sample = self.of(case, "annotated")
        return look_of(sample.image, np.asarray(sample.labels), sample.annotator_index, truths, most=most, rng=rng)

    def load(self, cases: Sequence[Case], targets: Iterable[Target]) -> None:
        """Make what is not kept yet. Raises Refused with the complaints about all cases.

        Processes that share a store begin at different cases, so that none waits for another at each.
        """
        first = 0 if isinstance(self.store, InMemory) else os.getpid() % len(cases)
        for target in targets:
            read_all([*cases[first:], *cases[:first]], lambda case, target=target: self.of(case, target))

    def of(self, case: Case, target: Target) -> Sample:
        """One case in one target, made where it is not kept yet.

        Raises Refused for a grid in mm and an image without a scale, and for the truth of a case that has none.
        """
        target = "annotated" if target == "random_annotator" else target
        key = (case.name, target)
        if key not in self._known:
            self._known[key] = self._fused(case) if target == "fused" else self._kept(case, target)
        return self._known[key]

    def _fused(self, case: Case) -> Sample:
        """All labels, and what they say together; raises as ``of``. ``fuse`` comes first."""
        assert self.fusion is not None
        fusion, annotated = self.fusion, self.of(case, "annotated")
        kept = self.store.keep(
            f"cases/{case.name}",
            {"consensus": key_of(self._fusion_key, self._keys(case, "annotated")["labels"])},
            lambda: {"consensus": fusion(np.asarray(annotated.labels), annotated.annotator_index)},
        )
        return replace(annotated, consensus=kept["consensus"])

    def present(self, case: Case) -> NDArray[np.int64]:
        """(P,) the annotators whose labels of this case are kept, in the order of axis A."""
        present = [i for i, name in enumerate(self.annotators) if name in case.annotations]
        if self.labels_per_image is not None:
            rng = np.random.default_rng((self.seed, zlib.crc32(case.name.encode())))
            present = sorted(rng.permutation(present)[: self.labels_per_image])
        return np.array(present, np.int64)

    def _kept(self, case: Case, target: Target) -> Sample:
        kept = self.store.keep(f"cases/{case.name}", self._keys(case, target), lambda: self._made(case, target))
        return Sample(
            image=kept["image"],
            labels=kept["labels"],
            foreground=kept["foreground"],
            annotator_index=self.present(case) if target == "annotated" else None,
        )

    def _keys(self, case: Case, target: Target) -> dict[str, str]:
        """The key of each array of a case; its files are asked once."""
        if (case.name, target) not in self._known_keys:
            self._known_keys[case.name, target] = self._made_of(case, target)
        return self._known_keys[case.name, target]

    def _made_of(self, case: Case, target: Target) -> dict[str, str]:
        """What the arrays of a case are made of: files by their marks, and settings."""
        placed = self.grid.model_dump(mode="json", include={"mode", "size", "spacing_mm", "spacing_pixels"})
        shown = self.intensity.model_dump(mode="json")
        files = [(path, mark(path)) for path in case.images]
        image = key_of(MADE_BY, [placed, shown], case.spacing_mm, files)
        names = [self.annotators[i] for i in self.present(case)] if target != "truth" else list(self.voters)
        masks = [(name, case.annotations[name]) for name in names if name in case.annotations]
        masks += [] if masks or case.truth is None else [("truth", case.truth)]
        classes = [(label.name, label.values) for label in self.cohort.classes]
        labels = key_of(image, target, classes, [(name, path, mark(path)) for name, path in masks])
        return {"image": image, "labels": labels, "foreground": key_of(labels, self.seed)}

    def _made(self, case: Case, target: Target) -> Mapping[str, NDArray[Any]]:
        names = [self.annotators[i] for i in self.present(case)]
        record = read_record(case, self.cohort, names, self.voters)
        if self.grid.spacing_mm and record.spacing_mm is None:
            got = "an image without one; state data.grid.spacing_pixels instead of spacing_mm"
            raise Refused([complaint("voxel size", "one in mm", got, case.name)])
        placement = self.grid.place(record.image.shape[1:], record.affine, record.spacing_mm)
        labels = labels_to_grid(self._shown(record, target), placement)
        foreground = np.zeros((0, labels.ndim), np.int32)
        if self.grid.mode == "patch":
            rng = np.random.default_rng((self.seed, zlib.crc32(case.name.encode()), 3))
            foreground = voxels_of_interest(labels, rng)
        return {"image": self.intensity.to_grid(record.image, placement), "labels": labels, "foreground": foreground}

    def _shown(self, record: Record, target: Target) -> NDArray[np.integer]:
        """(P,S...) on the case's own grid."""
        classes = len(self.cohort.classes)
        if target == "majority_vote":
            return consensus.majority_vote(record.labels, classes)[None]
        if target == "unanimous":
            return consensus.unanimous(record.labels)[None]
        if target == "staple":
            return consensus.staple(record.labels, classes)[None]
        if target == "unlabelled":
            return np.zeros((1, *record.image.shape[1:]), np.int16)
        if target == "truth":
            if record.truth is None:
                raise Refused([complaint("truth", "a mask of the known truth", "none", record.case.name)])
            return record.truth[None]
        return record.labels
