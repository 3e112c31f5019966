"""Method two as the verbs see it. Light to import: what is heavy is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medseg.amodal.config import AmodalConfig
from medseg.config import read_run_config
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


class Amodal(Method):
    """An auto-encoder of masks that completes what an occluder hides."""

    config = AmodalConfig

    def takes(self, cohort: Cohort) -> bool:
        """Label maps with rules."""
        return isinstance(cohort, ObjectCohort)

    def layouts(self) -> Mapping[str, Any]:
        """Folders of label maps, and COCO json."""
        from medseg.amodal.layouts import LAYOUTS

        return LAYOUTS

    def remarks(self, cohort: Cohort) -> Sequence[str]:
        """Values whose meaning only the user knows."""
        from medseg.amodal.layouts.label_maps import remarks

        return remarks(_objects(cohort))

    def check(self, cohort: Cohort) -> Report:
        """Label maps, taken apart into objects."""
        from medseg.amodal.objects.checking import check_objects

        return check_objects(_objects(cohort))

    def draw_cohort(self, cohort: Cohort, page: Path) -> None:
        """A sheet of objects, half of them occluded."""
        from medseg.amodal.pictures.objects import draw_cohort

        draw_cohort(_objects(cohort), page)

    def plan(self, cohort: Cohort, where: str) -> Plan:
        """None: what hides what in label maps, no header tells."""
        expected = "images that annotators have labelled (for label maps change a copy of a file of configs/amodal)"
        raise Refused([complaint("cohort to plan for", expected, "label maps", where)])

    def unfit(self, config: AmodalConfig, cohort: Cohort) -> Sequence[str]:
        """A frame of other dimensions than the cohort's, and annotated images."""
        found, size = [], config.data.frame.size
        if len(size) != cohort.spatial_dims:
            found.append(complaint("data.frame.size", f"{cohort.spatial_dims} numbers", list(size), cohort.name))
        if not self.takes(cohort):
            expected = "label maps, with objects: in cohort.yaml"
            found.append(complaint("cohort", expected, "annotated images", cohort.name))
        return found

    def assemble(self, config: AmodalConfig, cohort: Cohort) -> Parts:
        """See ``assembly``."""
        from medseg.amodal.assembly import assemble_amodal

        return assemble_amodal(config, _objects(cohort))

    def finish(self, run: Path, cohort: Cohort, parts: Parts) -> None:
        """The calibration of samples. Raises Refused where the label maps are others than those of the training."""
        from medseg.amodal.completion.calibrate import calibrate_run
        from medseg.cohorts import fingerprint
        from medseg.config import refuse_other_data

        refuse_other_data(run, fingerprint(cohort))
        calibrate_run(run, _objects(cohort))

    def evaluate(
        self, run: Path, *, cohort: Path | None, stage: str | None, draw: bool, split: Split = "test"
    ) -> Evaluation:
        """See ``evaluation``."""
        from medseg.amodal.evaluation import evaluate_amodal

        return evaluate_amodal(run, stage, draw, cohort, split=split)

    def report(self, run: Path) -> Path:
        """See ``report``."""
        from medseg.amodal.report import write_report

        return write_report(run)

    def predict(self, run: Path, images: Path, out: Path, asked: AskedMaps = NO_MORE) -> Sequence[Path]:
        """Images are not completed."""
        recipe = read_run_config(run, (AmodalConfig,)).recipe
        raise Refused([complaint("run folder", "a run with annotators", f"recipe {recipe}", str(run))])

    def export(self, run: Path, out: Path) -> Sequence[str]:
        """See ``exporting``."""
        from medseg.amodal.exporting import export_completion

        return export_completion(run, out)

    def comparison(self, scores: Any) -> Mapping[str, str]:
        """Recipes and rivals by kind of object, and by bins of the occluded fraction."""
        from medseg.amodal.by_kind import side_by_side

        return side_by_side(scores)


def _objects(cohort: Cohort) -> ObjectCohort:
    assert isinstance(cohort, ObjectCohort), cohort.name
    return cohort


METHOD = Amodal()
