"""Method one as the verbs see it. Light to import: what is heavy is imported when it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from medseg.annotators.config import RunConfig
from medseg.contracts import (
    NO_MORE,
    AskedMaps,
    Cohort,
    Evaluation,
    Method,
    ObjectCohort,
    Parts,
    Plan,
    Refused,
    Report,
    Split,
    complaint,
)


class Annotators(Method):
    """A true-label network, and a confusion matrix per annotator on top of it."""

    config = RunConfig

    def takes(self, cohort: Cohort) -> bool:
        """Annotated images."""
        return not isinstance(cohort, ObjectCohort)

    def remarks(self, cohort: Cohort) -> Sequence[str]:
        """Values that often mean something else than a class."""
        from medseg.cohorts.layouts import markers

        means = "if it means that nobody labelled a voxel, index again with --ignore"
        return [f"value {each.value} ({each.name}): {means} {each.value}" for each in markers(cohort.classes)]

    def check(self, cohort: Cohort) -> Report:
        """Images and masks, compared with one another."""
        from medseg.cohorts.checking import check_images

        return replace(check_images(cohort), summary=tuple(self.describe(cohort)))

    def describe(self, cohort: Cohort) -> Sequence[str]:
        """See ``summary``."""
        from medseg.annotators.summary import described

        return described(cohort)

    def plan(self, cohort: Cohort, where: str) -> Plan:
        """See ``planning``."""
        from medseg.annotators.planning.plan import planned

        return planned(cohort, where)

    def unfit(self, config: RunConfig, cohort: Cohort) -> Sequence[str]:
        """A grid of other dimensions than the cohort's, channels that it has not, and label maps."""
        found, size, channels = [], config.data.grid.size, config.data.intensity.channels or ()
        if len(size) != cohort.spatial_dims:
            found.append(complaint("data.grid.size", f"{cohort.spatial_dims} numbers", list(size), cohort.name))
        if any(channel >= len(cohort.channels) for channel in channels):
            expected = f"0 to {len(cohort.channels) - 1} ({', '.join(cohort.channels)})"
            found.append(complaint("data.intensity.channels", expected, list(channels), cohort.name))
        if not self.takes(cohort):
            expected = f"annotated images for the recipe {config.recipe}"
            found.append(complaint("cohort", expected, "label maps", cohort.name))
        return found

    def cache(self, config: RunConfig) -> Path | None:
        """The section ``data`` says."""
        return None if config.data.cache is None else Path(config.data.cache)

    def assemble(self, config: RunConfig, cohort: Cohort) -> Parts:
        """See ``assembly``."""
        from medseg.annotators.assembly import assemble_annotators

        return assemble_annotators(config, cohort)

    def finish(self, run: Path, cohort: Cohort, parts: Parts) -> None:
        """How far the truth relies on whom (``reliance``); where that fails, the run is still one that is trained."""
        from medseg.annotators.reliance import write_reliance

        try:
            write_reliance(run, cohort, parts.source)
        except (Refused, OSError, MemoryError) as error:
            print(f"reliance.csv is not written: {error}", file=sys.stderr)

    def doubts(self, run: Path) -> Sequence[str]:
        """Whether it has converged, whether any style was learned, and what labels tell of truth; see ``alarms``."""
        from medseg.annotators.assembly import Signature
        from medseg.annotators.curve_alarms import doubts_of_training
        from medseg.annotators.fusion_file import truth_alarm
        from medseg.annotators.reliance import any_disputed

        of_curves = doubts_of_training(run, len(Signature.read(run).classes), disputed=any_disputed(run))
        return [*of_curves, *truth_alarm(run)]

    def evaluate(
        self, run: Path, *, cohort: Path | None, stage: str | None, draw: bool, split: Split = "test"
    ) -> Evaluation:
        """See ``evaluation``; a stage of a run is not scored apart."""
        from medseg.annotators.evaluation import evaluate_annotators

        if stage is not None:
            raise Refused([complaint("--stage", "none for a run with annotators", stage, str(run))])
        return evaluate_annotators(run, cohort, draw, split)

    def report(self, run: Path) -> Path:
        """See ``report``."""
        from medseg.annotators.report import write_report

        return write_report(run)

    def predict(self, run: Path, images: Path, out: Path, asked: AskedMaps = NO_MORE) -> Sequence[Path]:
        """See ``predicting``."""
        from medseg.annotators.predicting.further_maps import FurtherMaps
        from medseg.annotators.predicting.predicted_cases import predict

        return predict(
            run,
            images,
            out,
            FurtherMaps(asked=asked),
            ensemble=asked.ensemble,
            mirror=asked.mirror,
            learned=asked.learned,
            nobody=not asked.annotators,
            unseen=asked.unseen,
        )

    def export(self, run: Path, out: Path) -> Sequence[str]:
        """See ``exporting``."""
        from medseg.annotators.exporting import export_bundle

        return export_bundle(run, out)


METHOD = Annotators()
