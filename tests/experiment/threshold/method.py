"""A third method, whole in one file: a voxel is foreground where the image is brighter than one learned number.

Nothing of the package knows it; a row of METHODS is all that the verbs need. Two classes, the first annotator's
labels, images of one channel and one size.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from medseg.cohorts.checking.images import check_images
from medseg.cohorts.cohort import find_cohort, load_cohort
from medseg.cohorts.splits import SplitConfig, apply, read_splits
from medseg.config import read_run_config, read_signature
from medseg.contracts import (
    NO_MORE,
    AskedMaps,
    Case,
    Cohort,
    Losses,
    Method,
    Metric,
    Parts,
    Refused,
    Report,
    Score,
    Section,
    Split,
    Stage,
    Volume,
    complaint,
)
from medseg.evaluation.metrics import METRICS, score_of, table_of
from medseg.evaluation.overlap import dice
from medseg.evaluation.table import write_scores
from medseg.images.files import read_channels, read_image, read_labels, suffix_of, write_labels
from medseg.reporting.page import write_page
from medseg.reporting.summary import format_summary
from medseg.training.checkpoint import load_weights
from medseg.training.settings import LoopConfig, TrackingConfig

OWN = table_of(
    Metric(
        name="threshold",
        meaning="the number that was learned",
        direction="neither",
        level="run",
        empty="no matter",
        overview="The threshold",
    )
)


class DataConfig(Section):
    """Which cohort, split how."""

    cohort: str
    split: SplitConfig = SplitConfig()


class TrainingConfig(LoopConfig):
    """The loop's, and how long it goes on."""

    epochs: int = 30


class ThresholdConfig(Section):
    """One run."""

    experiment: str
    recipe: Literal["threshold"]
    seed: int = 0
    data: DataConfig
    training: TrainingConfig = TrainingConfig()
    tracking: TrackingConfig = TrackingConfig()


@dataclass(frozen=True, kw_only=True)
class ThresholdSignature:
    """The value of the foreground in the mask files."""

    value: int

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({"value": self.value}))


@dataclass(kw_only=True)
class ImageBatch:
    """image (B,H,W), foreground (B,H,W) 0 and 1."""

    image: Tensor
    foreground: Tensor
    case_index: Tensor


class Threshold(nn.Module):
    """image (B,H,W) -> logits of the foreground (B,H,W)."""

    def __init__(self) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.zeros(()))

    def forward(self, image: Tensor) -> Tensor:
        return 10 * (image - self.threshold)


def cross_entropy(model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf) -> Losses:
    loss = nn.functional.binary_cross_entropy_with_logits(model(batch.image), batch.foreground)
    return Losses(total=loss, metrics={"cross_entropy": loss.detach()})


class Images:
    """The cases of a split as one batch."""

    def __init__(self, cohort: Cohort, annotator: str) -> None:
        self.cohort, self.annotator = cohort, annotator

    def load(self, target: str) -> None:
        """Every batch reads its files anew."""

    def steps_per_epoch(self) -> int:
        return 1

    def batch(self, target: str, epoch: int, step: int, rank: int, world: int) -> ImageBatch:
        return self._shown("train")

    def validation(self, target: str, rank: int, world: int) -> Iterator[ImageBatch]:
        yield self._shown("val")

    def _shown(self, split: Literal["train", "val"]) -> ImageBatch:
        cases = self.cohort.split(split)
        value = self.cohort.classes[1].value
        masks = [read_labels(case.annotations[self.annotator]).array == value for case in cases]
        index = torch.tensor([self.cohort.cases.index(case) for case in cases])
        images = torch.from_numpy(np.stack([normal(read_channels(case.images)) for case in cases]))
        return ImageBatch(image=images, foreground=torch.from_numpy(np.stack(masks)).float(), case_index=index)


def normal(volume: Volume) -> np.ndarray:
    image = volume.array[0].astype(np.float32)
    return (image - image.mean()) / image.std()


@dataclass(frozen=True, kw_only=True)
class Found:
    """What an evaluation says."""

    scores: Sequence[Score]

    def __str__(self) -> str:
        return format_summary(self.scores)


class ThresholdMethod(Method):
    """One learned number."""

    config = ThresholdConfig

    def takes(self, cohort: Cohort) -> bool:
        return bool(cohort.annotators)

    def check(self, cohort: Cohort) -> Report:
        return check_images(cohort)

    def unfit(self, config: ThresholdConfig, cohort: Cohort) -> Sequence[str]:
        if len(cohort.classes) == 2:
            return ()
        return [complaint("classes", "two", len(cohort.classes), cohort.name)]

    def assemble(self, config: ThresholdConfig, cohort: Cohort) -> Parts:
        stage = Stage(
            name="only",
            target="annotated",
            trains=("",),
            objective=cross_entropy,
            criterion="cross_entropy",
            epochs=config.training.epochs,
            learning_rate=config.training.learning_rate,
        )
        return Parts(
            signature=ThresholdSignature(value=cohort.classes[1].value),
            model=Threshold(),
            stages=(stage,),
            source=Images(cohort, cohort.annotators[0]),
            case_names=[case.name for case in cohort.cases],
        )

    def evaluate(
        self, run: Path, *, cohort: Path | None, stage: str | None, draw: bool, split: Split = "test"
    ) -> Found:
        config = read_run_config(run, (ThresholdConfig,))
        loaded = load_cohort(cohort or find_cohort(config.data.cohort))
        cases = apply(loaded, read_splits(run / "splits.json")).split(split) if cohort is None else loaded.cases
        model = trained(run)
        scores = [self._score(model, case, loaded) for case in cases]
        scores.append(score_of("threshold", float(model.threshold.detach()), metrics=OWN))
        write_scores(run / "scores.csv", scores)
        (run / "report").mkdir(exist_ok=True)
        self.report(run)
        return Found(scores=scores)

    def report(self, run: Path) -> Path:
        return write_page(run, table_of(*METRICS.values(), *OWN.values()), pictures={})

    def _score(self, model: Threshold, case: Case, cohort: Cohort) -> Score:
        labels = predicted(model, read_channels(case.images))
        truth = read_labels(case.annotations[cohort.annotators[0]]).array == cohort.classes[1].value
        value = dice(labels, truth.astype(np.int8), 1)
        return score_of("truth_dice", value, case=case.name, label=cohort.classes[1].name)

    def predict(self, run: Path, images: Path, out: Path, asked: AskedMaps = NO_MORE) -> Sequence[Path]:
        model, value = trained(run), read_signature(run)["value"]
        if (out / "truth").exists():
            raise Refused([complaint("output folder", "no predictions yet", "a folder truth/", str(out))])
        written = []
        for path in sorted(images.glob("*.png")):
            image = read_image(path)
            labels = Volume(array=predicted(model, image) * value, affine=image.affine, spacing_mm=image.spacing_mm)
            written.append(write_labels(out / "truth" / f"{path.stem}{suffix_of(path)}", labels))
        return written

    def metrics(self) -> Mapping[str, Metric]:
        return OWN

    def comparison(self, scores: Any) -> Mapping[str, str]:
        return {"a third method says": f"{len(scores)} scores"}


def trained(run: Path) -> Threshold:
    model = Threshold()
    model.load_state_dict(load_weights(run / "weights.pt"))
    return model


@torch.no_grad()
def predicted(model: Threshold, image: Volume) -> np.ndarray:
    return (model(torch.from_numpy(normal(image))) > 0).numpy().astype(np.uint8)


METHOD = ThresholdMethod()
