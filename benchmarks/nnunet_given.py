"""What nnU-Net is given: a run's cases, with a consensus of their labels, in its folders. For ``nnunet.py``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medseg.annotators import consensus
from medseg.annotators.assembly import chosen_annotators
from medseg.annotators.config import RunConfig
from medseg.annotators.loading.records import Record, read_record
from medseg.annotators.loading.samples import Samples
from medseg.cohorts import apply, find_cohort, load_cohort, read_splits, split_cases
from medseg.contracts import UNLABELLED, Case, Cohort, Volume
from medseg.images import write_labels, write_map

Target = Literal["majority_vote", "staple"]
DATASET = "Dataset001_medseg"


@dataclass(frozen=True, kw_only=True)
class Rival:
    """What nnU-Net is set beside."""

    config: RunConfig
    """The run's."""
    cohort: Cohort
    """Every case in its split."""
    annotators: tuple[str, ...]
    """Whose labels are seen."""
    target: Target
    """How they become one."""

    @staticmethod
    def of(config: RunConfig, target: Target, splits: Path | None = None) -> Rival:
        """The config's cohort in its split, or in that of a splits.json. Raises Refused as training does."""
        cohort = load_cohort(find_cohort(config.data.cohort))
        assignment = read_splits(splits) if splits else split_cases(cohort.cases, config.data.split)
        cohort = apply(cohort, assignment)
        return Rival(config=config, cohort=cohort, annotators=chosen_annotators(config, cohort), target=target)

    @property
    def suffix(self) -> str:
        """Of all files that nnU-Net reads."""
        return ".tif" if self.cohort.spatial_dims == 2 else ".nii.gz"

    @property
    def configuration(self) -> str:
        """As nnU-Net calls it."""
        return "2d" if self.cohort.spatial_dims == 2 else "3d_fullres"

    def record(self, case: Case, annotators: Sequence[str]) -> Record:
        """One case on its own grid."""
        return read_record(case, self.cohort, annotators, self.config.data.truth)


def convert(rival: Rival, folder: Path) -> None:
    """Write raw/Dataset001_medseg and splits_final.json into a folder.

    imagesTr, labelsTr: the cases of training and validation, with the consensus of the labels that a run would see
    (``data.labels_per_image``); imagesTs: the test cases. Class indices are the labels. A voxel that nobody labelled
    has nnU-Net's label ``ignore``, which is declared where there is one.
    """
    raw, classes = folder / "raw" / DATASET, rival.cohort.classes
    data, ignored = rival.config.data, False
    samples = Samples(rival.cohort, rival.annotators, grid=data.grid, seed=rival.config.seed,
                      labels_per_image=data.labels_per_image)  # fmt: skip
    shown = [case for case in rival.cohort.cases if case.split in ("train", "val")]
    for case in shown:
        record = rival.record(case, [rival.annotators[index] for index in samples.present(case)])
        _write_channels(record, raw / "imagesTr", rival.suffix)
        labels = consensus_of(record.labels, rival.target, len(classes))
        ignored |= bool((labels == UNLABELLED).any())
        labels = np.where(labels == UNLABELLED, len(classes), labels)
        write_labels(raw / "labelsTr" / f"{case.name}{rival.suffix}", _like(record, labels))
    for case in rival.cohort.split("test"):
        _write_channels(rival.record(case, ()), raw / "imagesTs", rival.suffix)
    labels = {label.name if index else "background": index for index, label in enumerate(classes)}
    content = {
        "channel_names": {str(index): name for index, name in enumerate(rival.cohort.channels)},
        "labels": {**labels, "ignore": len(classes)} if ignored else labels,
        "numTraining": len(shown),
        "file_ending": rival.suffix,
        "overwrite_image_reader_writer": "NaturalImage2DIO" if rival.suffix == ".tif" else "SimpleITKIO",
    }
    (raw / "dataset.json").write_text(json.dumps(content, indent=1))
    parts = {split: [case.name for case in shown if case.split == split] for split in ("train", "val")}
    parts["val"] = parts["val"] or parts["train"][:1]  # nnU-Net asks for one that it may look at
    (folder / "splits_final.json").write_text(json.dumps([parts], indent=1))


def consensus_of(labels: NDArray[np.integer], target: Target, classes: int) -> NDArray[np.integer]:
    """Labels (A,S...) -> (S...) class indices, UNLABELLED where nobody said anything."""
    return getattr(consensus, target)(labels, classes)


def _write_channels(record: Record, folder: Path, suffix: str) -> None:
    for index, channel in enumerate(record.image):
        write_map(folder / f"{record.case.name}_{index:04d}{suffix}", _like(record, channel))


def _like(record: Record, array: NDArray[np.generic]) -> Volume:
    return Volume(array=array, affine=record.affine, spacing_mm=record.spacing_mm)
