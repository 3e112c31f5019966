"""The cases of a split are scored one by one: nothing of a case stays in memory but its numbers."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

from medseg.annotators import scored_cases
from medseg.annotators.assembly import Signature, build_annotator_model
from medseg.annotators.config import RunConfig
from medseg.annotators.predicting.predictor import Predictor
from medseg.annotators.simulation.samples import write_samples
from medseg.cohorts import load_cohort
from medseg.config import dump_config
from medseg.training.checkpoint import save_weights

CASES = 4


@pytest.mark.parametrize("draw", [True, False])
def test_the_arrays_of_a_case_are_gone_when_the_next_is_read(
    draw: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_samples(tmp_path / "cohort", seed=1, spatial_dims=2, size=24, cases=CASES, annotators=("good", "over"))
    cohort = load_cohort(tmp_path / "cohort")
    predictor = Predictor.load(run_of(tmp_path / "run", cohort))
    held: list[weakref.ref[Any]] = []
    alive: list[int] = []

    def watching(action: Any, names: tuple[str, ...]) -> Any:
        def watched(*arguments: Any, **named: Any) -> Any:
            found = action(*arguments, **named)
            held.extend(weakref.ref(getattr(found, name)) for name in names)
            return found

        return watched

    def read(*arguments: Any) -> Any:
        gc.collect()
        alive.append(sum(each() is not None for each in held))
        return reading(*arguments)

    reading = watching(scored_cases.read_record, ("image", "labels"))
    monkeypatch.setattr(scored_cases, "read_record", read)
    monkeypatch.setattr(Predictor, "__call__", watching(Predictor.__call__, ("truth_probs", "annotator_probs")))
    (tmp_path / "out" / "report" / "panels").mkdir(parents=True)
    pictures: Any = {} if draw else None
    found = scored_cases.score_cases(predictor, cohort, None, tmp_path / "out", pictures=pictures)
    assert alive == [0] * CASES and len(held) == 4 * CASES
    assert {score.case for score in found.scores} == {case.name for case in cohort.cases}
    assert pictures is None or len(pictures) == CASES


def run_of(folder: Path, cohort: Any) -> Path:
    values = {"experiment": "x", "recipe": "soft_mean",
              "data": {"cohort": str(cohort.root), "grid": {"size": (24, 24)}},
              "network": {"channels": [4, 8], "features": 4}, "training": {"accelerator": "cpu"}}  # fmt: skip
    config = RunConfig.model_validate(values)
    signature = Signature(annotators=cohort.annotators, classes=cohort.classes, channels=len(cohort.channels),
                          spatial_dims=2)  # fmt: skip
    folder.mkdir()
    (folder / "config.yaml").write_text(dump_config(config))
    signature.write(folder / "model.json")
    save_weights(folder / "weights.pt", build_annotator_model(config, signature))
    return folder
