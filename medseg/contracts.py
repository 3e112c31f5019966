"""The axis legend, and the nouns that rooms hand to one another, in the order of the walk.

Axis letters, used in every shape and (in lower case) in every einsum:

====  =========================================================================
B     batch
C     image channel
A     annotator
O     observed class (what an annotator wrote)
T     true class (what is there)
F     feature of the network's last layer
S...  space, 2 or 3 axes, in the order of the file (never transposed)
====  =========================================================================

A number's name says the space it lives in: ``logits``, ``log_probs``, ``probs``, ``labels``;
lengths end in ``_mm``, volumes in ``_ml``, indices in ``_index``.
Labels are class indices 0..T-1 in the order of ``Cohort.classes``; ``UNLABELLED`` marks a voxel
(of padding, or of an annotator who did not see the case) about which nobody said anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:  # torch takes seconds to import, and half of the rooms do not need it
    from torch import Tensor, nn

UNLABELLED = -1
"""The label of a voxel that nobody labelled: outside the image, or of an absent annotator."""

Split = Literal["train", "val", "test", ""]
ObjectMask = Literal["full", "visible", "occluder"]
View = Literal["annotated", "majority_vote", "staple", "random_annotator", "truth", "complete", "occluded", "visible"]
"""How a case is shown: the annotators' labels or one consensus of them; an object whole, synthetically hidden, or
really hidden."""


# ---------------------------------------------------------------------------------------- refusal
def complaint(what: str, expected: object, got: object, where: str) -> str:
    """One line for one bad input.

    >>> complaint("mask shape", "32x32x16", "32x32x15", "c07/bob")
    'mask shape: expected 32x32x16, got 32x32x15 (c07/bob)'
    """
    return f"{what}: expected {expected}, got {got} ({where})"


class Refused(Exception):
    """Bad input, with every complaint at once; the command line prints them and exits with 1."""

    def __init__(self, complaints: Iterable[str]) -> None:
        self.complaints: tuple[str, ...] = tuple(complaints)
        super().__init__("\n".join(self.complaints))

    def __reduce__(self) -> tuple[Any, ...]:
        """From process to process with its complaints, not with the letters of their text."""
        return type(self), (self.complaints,), self.__dict__


# ----------------------------------------------------------------------------------------- configs
Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A part of a config, which is also the settings of the part of the program that it configures.

    Frozen, without room for a key that nobody reads, and strict: true and "8" are no numbers. Only a list is as good
    as a tuple, which YAML does not have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _lists_are_tuples(cls, values: Any) -> Any:
        def converted(value: Any) -> Any:
            return tuple(map(converted, value)) if isinstance(value, list) else value

        return {key: converted(value) for key, value in values.items()} if isinstance(values, dict) else values


# ------------------------------------------------------------------------------------------- data
@dataclass(frozen=True, kw_only=True)
class Volume:
    """An image or a label map, with where it lies in the patient."""

    array: NDArray[np.generic]
    """(C,S...) of an image, (S...) of a label map."""
    affine: NDArray[np.float64]
    """(4,4) voxel index -> mm, RAS+ (the nibabel convention; 2D files fill the first two axes)."""
    spacing_mm: tuple[float, ...] | None
    """(S,) length of a voxel along each axis; None for a picture without a scale: then every length computed from it
    is in pixels and says so."""


@dataclass(frozen=True, kw_only=True)
class ClassLabel:
    """One class."""

    name: str
    """As cohort.yaml has it."""
    value: int
    """What stands for it in the mask files."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the manifest says of one image or label map: where it lies, who labelled it, whose it is."""

    name: str
    """Unique in its cohort, and such that a file can have it."""
    patient: str
    """The unit of splitting."""
    split: Split = ""
    """As the manifest states it, or as it was drawn."""
    images: tuple[Path, ...] = ()
    """One file per channel, or one file that holds all channels."""
    annotations: Mapping[str, Path] = field(default_factory=dict)
    """Annotator -> mask file; an annotator who did not see the case is absent."""
    truth: Path | None = None
    """Mask file of the known truth, never shown in training (but to the oracle)."""
    object_masks: Mapping[ObjectMask, Path] = field(default_factory=dict)
    """In a cohort of objects: ``full`` is a label map, or beside ``visible`` the whole of one object."""
    covariates: Mapping[str, str] = field(default_factory=dict)
    """The manifest's extra columns (site, tool, ...)."""

    @property
    def mask_files(self) -> tuple[Path, ...]:
        """All of them, the truth last."""
        known = () if self.truth is None else (self.truth,)
        return (*self.annotations.values(), *self.object_masks.values(), *known)


@dataclass(frozen=True, kw_only=True)
class ObjectRules:
    """How label maps are taken apart into objects, and who may hide whom (``objects:`` of cohort.yaml)."""

    overlap: tuple[int, ...] = ()
    """Values that mean "two or more objects lie here": a region of one, touched by exactly two classes, belongs to
    both, so that the whole of each is known."""
    unknown: tuple[int, ...] = ()
    """Values that mean "nobody knows what is here"; such a region may hide any object that touches it."""
    hides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Class name -> names of the classes that it may hide where they touch. Empty: only overlap and unknown."""
    component: bool = True
    """Every connected component of a class is an object (else a class is one object per case)."""
    instances: bool = False
    """The values are instance numbers, all of one class (else they are the values of ``classes``)."""
    smallest: int = 1
    """Objects of fewer visible voxels are dropped."""
    smallest_occluded: int = 1
    """Objects with a known hidden part of fewer voxels than this are dropped (contacts, not overlaps)."""


@dataclass(frozen=True, kw_only=True)
class ObjectScheme:
    """What the values of a label map mean."""

    classes: tuple[ClassLabel, ...]
    """The background first."""
    rules: ObjectRules
    """How a map is taken apart."""
    spatial_dims: int
    """2 or 3."""


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """A validated folder: manifest.csv and cohort.yaml."""

    root: Path
    """The folder."""
    name: str
    """As cohort.yaml has it, or the folder's."""
    classes: tuple[ClassLabel, ...]
    """In the order of the axes O and T, the background first."""
    channels: tuple[str, ...] = ()
    """In the order of axis C."""
    spatial_dims: int
    """2 or 3."""
    annotators: tuple[str, ...] = ()
    """Persistent identities, in the order of axis A."""
    crowd: tuple[str, ...] = ()
    """Annotators whose name is only a slot (another person from case to case); kept apart."""
    cases: tuple[Case, ...]
    """In the order of the manifest."""

    def split(self, split: Split) -> tuple[Case, ...]:
        """The cases of one split, in the order of the manifest."""
        return tuple(case for case in self.cases if case.split == split)


@dataclass(frozen=True, kw_only=True)
class ObjectCohort(Cohort):
    """A cohort of label maps (cohort.yaml has the section ``objects``)."""

    rules: ObjectRules
    """How they are taken apart."""

    @property
    def scheme(self) -> ObjectScheme:
        """What the values of its label maps mean."""
        return ObjectScheme(classes=self.classes, rules=self.rules, spatial_dims=self.spatial_dims)


class Batch(Protocol):
    """What a step of training sees: tensors of a method's own, and whose they are."""

    @property
    def case_index(self) -> Tensor:
        """(B,) the position of each case, or object, in ``Parts.case_names``."""
        ...


# --------------------------------------------------------------------------------------- training
@dataclass(kw_only=True)
class Losses:
    """What an objective makes of one batch."""

    total: Tensor
    """() what is minimised."""
    metrics: dict[str, Tensor]
    """Name -> () what is only looked at, detached; among them the stage's ``criterion``."""


class Objective(Protocol):
    """Owns its forward pass: the loop knows neither the model nor the batch."""

    def __call__(self, model: nn.Module, batch: Any, *, epoch: float = math.inf) -> Losses:
        """The losses of one batch, as the stage's view has it.

        epoch: of the stage, with the part of it that is done (2.5: in the middle of the third), for terms that set
        in gradually; infinite in validation.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One row of a method: how a case is shown, what moves, what is minimised."""

    name: str
    """Also that of its folder in the run folder."""
    view: View
    """How a case is shown."""
    trains: tuple[str, ...]
    """Prefixes of the names of the parameters that move; all others are frozen ("": all move)."""
    objective: Objective
    """What is minimised."""
    criterion: str
    """Which of the objective's metrics, lower being better, the best weights of the stage have on validation cases."""
    epochs: int
    """At most so many."""
    learning_rate: float
    """Of AdamW, before schedule and factors."""
    lr_factors: Mapping[str, float] = field(default_factory=dict)
    """Prefix of parameter names -> factor on the learning rate (the longest matching prefix wins; default 1)."""
    starts_as: Mapping[str, str] = field(default_factory=dict)
    """Child of the model -> child whose weights it takes over when the stage begins."""


# ------------------------------------------------------------------------------------- evaluation
LENGTH = "length"
"""Unit of a metric that is in mm, or in px where the image has no scale."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One row of the table of metrics (``medseg.evaluation.metrics``): what a reader needs to read a number."""

    name: str
    """As in the column ``metric`` of scores.csv."""
    meaning: str
    """One sentence: of what, against what."""
    direction: str
    """Which way a value is better: ``higher``, ``lower``, ``near 1``, ``neither``; of a metric that is 0 or 1 for each
    object ``mean near 0.8``, because only its mean can be judged."""
    level: Literal["object", "case", "run"]
    """What one value belongs to, and therefore what values may be averaged over."""
    empty: str
    """What masks without a voxel do to the value."""
    unit: str = "1"
    """``1`` of a pure number, LENGTH of a length, or as it is written."""
    overview: str = ""
    """The heading under which recipes are shown side by side; "" for a metric of the details, or of the data alone."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One row of scores.csv, made by ``medseg.evaluation.metrics.score_of``, which knows all metrics."""

    case: str
    """Case, or ``<case>/<object>``; "" for a score of the whole run."""
    annotator: str
    """Whom it is about; "" for all of them, or for none."""
    label: str
    """Name of the class; "" for all of them."""
    metric: str
    """Name in the table of metrics."""
    value: float
    """nan where empty masks leave the metric undefined; such a row is never left out."""
    unit: str
    """As in the table of metrics; of a length mm or px."""
    direction: str
    """Which way it is better, as in the table of metrics."""


# ---------------------------------------------------------------------------------------- methods
class Signature(Protocol):
    """What a network was built for; written beside its weights, and all that prediction needs of the cohort."""

    def write(self, path: Path) -> None:
        """As JSON."""
        ...


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a method hands to the loop."""

    signature: Signature
    """Written into the run folder as model.json."""
    model: nn.Module
    """Its weights a function of the seed alone."""
    stages: tuple[Stage, ...]
    """In their order."""
    source: Any
    """``training.loop.Source``: batches of every view as functions of (epoch, step, rank)."""
    case_names: Sequence[str]
    """By the batches' ``case_index``."""


class Report(Protocol):
    """What reading every file of a cohort brought to light; ``str`` gives what the user reads."""

    @property
    def errors(self) -> tuple[str, ...]:
        """What stops a training."""
        ...


class Evaluation(Protocol):
    """What an evaluation found; ``str`` gives what the user reads."""

    @property
    def scores(self) -> Sequence[Score]:
        """The rows of scores.csv."""
        ...


class Method(Protocol):
    """What the verbs ask of a method: one folder, and one row of ``experiment.methods.METHODS``.

    A class that names this one as its base answers what has a body here as it stands here.
    """

    config: type[Any]
    """The pydantic section that a config file of the method is read into; its field ``recipe`` is a Literal."""

    def takes(self, cohort: Cohort) -> bool:
        """Whether cohorts of this kind are the method's."""
        ...

    def layouts(self) -> Mapping[str, Any]:
        """Folders that the method alone indexes: name -> ``cohorts.layouts.Layout``."""
        return {}

    def remarks(self, cohort: Cohort) -> Sequence[str]:
        """What an indexed cohort leaves for the user to decide, a line each."""
        return ()

    def check(self, cohort: Cohort) -> Report:
        """Read every file of a cohort that the method takes."""
        ...

    def draw_cohort(self, cohort: Cohort, page: Path) -> None:
        """Draw some of a cohort to a PNG. Raises Refused where the method has no such picture."""
        raise Refused([complaint("page", "a cohort of objects (cohort.yaml has objects)", cohort.name, str(page))])

    def unfit(self, config: Any, cohort: Cohort) -> Sequence[str]:
        """Complaints about a cohort that a config cannot be trained on, found without reading a voxel."""
        ...

    def assemble(self, config: Any, cohort: Cohort) -> Parts:
        """Model, stages and data of a run, every case in its split."""
        ...

    def finish(self, run: Path, cohort: Cohort) -> None:
        """What follows the last stage, by the first process alone."""

    def evaluate(self, run: Path, *, cohort: Path | None, stage: str | None, draw: bool) -> Evaluation:
        """Score a run's test cases, or all cases of another cohort, or the run as one of its stages left it."""
        ...

    def predict(self, run: Path, images: Path, out: Path) -> Sequence[Path]:
        """Maps of a folder of images, written to ``out``. Raises Refused where the method predicts nothing."""
        raise Refused([complaint("run folder", "a run with annotators", "one that predicts no images", str(run))])

    def metrics(self) -> Mapping[str, Metric]:
        """Rows that the method adds to ``evaluation.METRICS``."""
        return {}

    def comparison(self, scores: Any) -> Mapping[str, str]:
        """Heading -> table as text, below the overview of runs; ``scores``: the frame of ``reporting.load_runs``."""
        return {}
