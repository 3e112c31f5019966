"""What the verbs ask of a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from medseg.contracts.data import Cohort, Said, Split
from medseg.contracts.plans import Plan
from medseg.contracts.refusal import Refused, complaint
from medseg.contracts.scores import Metric, Score
from medseg.contracts.training import Draw, Stage

if TYPE_CHECKING:  # torch takes seconds to import, and half of the rooms do not need it
    from torch import nn


RUN_VERSION = 1
"""Of what a run folder holds, in model.json and in every checkpoint; a later program reads what an earlier one has
written. It grows when an earlier program could not read what this one writes. Without one, a file is of version 1."""


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
    """``training.loop.Source``: batches of every target as functions of (epoch, step, rank)."""
    case_names: Sequence[str]
    """By the batches' ``case_index``."""
    draw: Draw | None = None
    """What is shown of validation while it is trained, where W&B is on."""


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


@dataclass(frozen=True, kw_only=True)
class AskedMaps:
    """What `medseg predict` writes beside the maps that it always writes, and what it asks."""

    annotator_probabilities: bool = False
    """Those of each annotator's labels."""
    confusion: bool = False
    """Each annotator's matrix at every voxel."""
    samples: int | None = None
    """So many plausible segmentations."""
    novelty: bool = False
    """How unlike those of the training each image looks."""
    annotators: bool = True
    """Each annotator's labels."""
    ensemble: tuple[Path, ...] = ()
    """Further runs: the maps are the mean of what all of them say."""
    mirror: bool | None = None
    """The mean over mirror images too; None: as the run's config says."""
    learned: int | None = None
    """The mean over so many changes of the image, those that the run has learned to be best; None: as its config."""
    unseen: Mapping[str, Said] = field(default_factory=dict)
    """Name -> what is said of an annotator of whom the run has no label: his maps stand beside those of the others."""


NO_MORE = AskedMaps()


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

    def describe(self, cohort: Cohort) -> Sequence[str]:
        """What a user needs to know of an indexed cohort to choose by, a line each; files that are broken left out."""
        return ()

    def check(self, cohort: Cohort) -> Report:
        """Read every file of a cohort that the method takes."""
        ...

    def cache(self, config: Any) -> Path | None:
        """The folder in which a run of this config keeps what was made of its files, None: there is none."""
        return None

    def draw_cohort(self, cohort: Cohort, page: Path) -> None:
        """Draw some of a cohort to a PNG. Raises Refused where the method has no such picture."""
        raise Refused([complaint("page", "a cohort of objects (cohort.yaml has objects)", cohort.name, str(page))])

    def plan(self, cohort: Cohort, where: str) -> Plan:
        """A config for a first model of a cohort, which lies at ``where``. Raises Refused where none is planned."""
        expected = "images that annotators have labelled"
        raise Refused([complaint("cohort to plan for", expected, "another", where)])

    def unfit(self, config: Any, cohort: Cohort) -> Sequence[str]:
        """Complaints about a cohort that a config cannot be trained on, found without reading a voxel."""
        ...

    def assemble(self, config: Any, cohort: Cohort) -> Parts:
        """Model, stages and data of a run, every case in its split."""
        ...

    def doubts(self, run: Path) -> Sequence[str]:
        """What a trained run leaves in doubt of itself, a sentence each."""
        return ()

    def finish(self, run: Path, cohort: Cohort, parts: Parts) -> None:
        """What follows the last stage, by the first process alone."""

    def evaluate(
        self, run: Path, *, cohort: Path | None, stage: str | None, draw: bool, split: Split = "test"
    ) -> Evaluation:
        """Score the cases of a split of a run, or all of another cohort, or the run as one of its stages left it."""
        ...

    def report(self, run: Path) -> Path:
        """Write the page of an evaluated run, from what lies in its folder. Raises Refused where there is no page."""
        raise Refused([complaint("run folder", "a run of a method that has a page", "one without", str(run))])

    def predict(self, run: Path, images: Path, out: Path, asked: AskedMaps = NO_MORE) -> Sequence[Path]:
        """Maps of an image, or of a folder of them, written to ``out``. Raises Refused where it predicts nothing."""
        raise Refused([complaint("run folder", "a run with annotators", "one that predicts no images", str(run))])

    def export(self, run: Path, out: Path) -> Sequence[str]:
        """A trained run for those without medseg; what lies in ``out``/models. Raises Refused where nothing does."""
        raise Refused([complaint("run folder", "a run of a method that can be exported", "another", str(run))])

    def metrics(self) -> Mapping[str, Metric]:
        """Rows that the method adds to ``evaluation.METRICS``."""
        return {}

    def comparison(self, scores: Any) -> Mapping[str, str]:
        """Heading -> table as text, below the overview of runs; ``scores``: the frame of ``reporting.load_runs``."""
        return {}
