"""How far the labels' truth relied on whom: numbers by hand, and what training and evaluation leave of them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from medseg.annotators.config import RunConfig
from medseg.annotators.fusion import Fusion
from medseg.annotators.loading.grid import Grid
from medseg.annotators.loading.records import Record
from medseg.annotators.method import METHOD
from medseg.annotators.pictures.relied import draw_reliance
from medseg.annotators.pictures.slices import panel_of, write_panel
from medseg.annotators.reliance import (
    overall_dice,
    reliance_scores,
    rely,
    rely_on_native,
)
from medseg.annotators.simulation.samples import write_samples
from medseg.contracts import Case, Refused
from medseg.experiment.evaluate import evaluate_run
from medseg.experiment.methods import load_config
from medseg.experiment.train import train

GOOD, POOR = np.log([[0.9, 0.1], [0.1, 0.9]]), np.log([[0.5, 0.5], [0.5, 0.5]])
EVEN = np.log([[0.5, 0.5]])
FUSION = Fusion(log_confusion=np.stack([GOOD, GOOD, POOR])[:, None], log_prior=EVEN, edges=np.zeros(0))
LABELS = np.zeros((3, 4, 5), np.int16)
LABELS[:2, 1:3, 1:4] = 1  # six voxels; the third annotator says that there is nothing
NAMES = ("ann", "ben", "cid")


def test_evidence_is_the_log_odds_of_a_label_over_disputed_voxels():
    found = rely(FUSION, LABELS)
    assert found.nats == pytest.approx([np.log(9), np.log(9), 0])
    assert found.share.tolist() == [1, 1, 0]
    assert found.evidence[0] == pytest.approx(np.log(9))


def test_who_is_overruled_has_evidence_below_zero():
    labels = LABELS.copy()
    labels[2, 0, 0] = 1
    labels[1] = 0
    better = np.log([[0.99, 0.01], [0.01, 0.99]])
    outvoted = Fusion(log_confusion=np.stack([GOOD, better, POOR])[:, None], log_prior=EVEN, edges=np.zeros(0))
    found = rely(outvoted, labels)  # seven disputed voxels; ben, the better one, has all of them
    assert found.nats == pytest.approx([(np.log(9) - 6 * np.log(9)) / 7, np.log(99), 0])
    assert found.share == pytest.approx([1 / 7, 1, 6 / 7])


def test_an_absent_annotator_and_voxels_without_a_label_are_not_counted():
    labels = LABELS.copy()
    labels[0] = -1
    labels[1, 1] = -1
    found = rely(FUSION, labels)
    assert np.isnan(found.nats[0]) and np.isnan(found.share[0])
    assert found.nats[1] == pytest.approx(np.log(9))  # of the three that ben labelled
    assert (found.evidence[0] == 0).all()


def test_nobody_is_judged_where_nobody_differs():
    assert np.isnan(rely(FUSION, np.zeros((3, 4, 5), np.int16)).nats).all()


def record_of(labels: np.ndarray) -> Record:
    case = Case(name="c1", patient="c1", images=(Path("c1.png"),))
    image = np.zeros((1, *labels.shape[1:]), np.float32)
    return Record(case=case, image=image, labels=labels, truth=None, affine=np.eye(4), spacing_mm=None)


def test_maps_come_back_to_the_case_s_own_grid_and_numbers_stay():
    labels = LABELS.repeat(2, axis=1).repeat(2, axis=2)  # 8 x 10, halved by the grid
    found = rely_on_native(FUSION, record_of(labels), Grid(size=(8, 5)))
    assert found.evidence.shape == labels.shape
    assert found.nats == pytest.approx([np.log(9), np.log(9), 0])


def test_only_who_saw_the_case_has_a_score():
    labels = LABELS.copy()
    labels[2] = -1
    scores = reliance_scores(record_of(labels), rely(FUSION, labels), LABELS[0], annotators=NAMES)
    assert [score.annotator for score in scores if score.metric == "reliance"] == ["ann", "ben"]
    assert {score.case for score in scores} == {"c1"}


def test_the_recovered_truth_and_the_annotators_are_set_beside_the_fused_one():
    """Fused: six voxels; recovered: those and three more; cid drew none of them."""
    recovered = LABELS[0].copy()
    recovered[3, 1:4] = 1
    scores = reliance_scores(record_of(LABELS), rely(FUSION, LABELS), recovered, annotators=NAMES)
    values = {(score.metric, score.annotator): score.value for score in scores}
    assert values["fused_dice", ""] == pytest.approx(2 * 6 / (9 + 6))
    assert values["fused_area_ratio", ""] == pytest.approx(9 / 6)
    assert [values["annotator_fused_dice", name] for name in NAMES] == [1, 1, 0]


def test_a_class_taken_for_another_is_wrong_and_nothing_at_all_is_undefined():
    assert overall_dice(np.array([1, 2, 2, -1]), np.array([1, 2, 1, 1])) == pytest.approx(2 * 2 / 6)
    assert np.isnan(overall_dice(np.zeros(3, int), np.zeros(3, int)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of few steps, with an annotator who is always blank."""
    root = tmp_path_factory.mktemp("reliance")
    write_samples(root / "cohort", seed=1, spatial_dims=2, size=40, cases=12, annotators=("good", "over", "blank"))
    (root / "run.yaml").write_text(
        f"""\
experiment: reliance
recipe: fused
data: {{cohort: {root}/cohort, split: {{val: 0.2, test: 0.25}}, grid: {{mode: resize, size: [32, 32]}}}}
network: {{channels: [4, 8], features: 4, residual_units: 1}}
training: {{batch_size: 4, steps: {{warmup: 1, joint: 1}}}}
"""
    )
    config = load_config(root / "run.yaml")
    assert isinstance(config, RunConfig)
    train(config, root / "run", progress=False)
    return root / "run"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_training_leaves_a_row_for_each_case_it_saw_and_a_summary(trained: Path):
    splits = json.loads((trained / "splits.json").read_text())["splits"]
    rows = rows_of(trained / "reliance.csv")
    assert {(row["case"], row["split"]) for row in rows} == {
        (case, split) for split in ("train", "val") for case in splits[split]
    }
    summary = {row["annotator"]: row for row in rows_of(trained / "annotators.csv")}
    assert 2 * float(summary["blank"]["skill"]) < float(summary["good"]["skill"])
    of_good = {row["case"]: float(row["nats"]) for row in rows if row["annotator"] == "good"}
    assert float(summary["good"]["nats"]) == pytest.approx(np.mean(list(of_good.values())))
    assert summary["good"]["worst_case"] == min(of_good, key=lambda case: of_good[case])
    assert int(summary["good"]["cases"]) == len(of_good)


def test_evaluation_adds_scores_maps_and_a_picture_of_the_test_cases(trained: Path):
    scores = [score for score in evaluate_run(trained).scores if score.metric == "reliance"]
    test = json.loads((trained / "splits.json").read_text())["splits"]["test"]
    assert {(score.case, score.annotator) for score in scores} == {
        (case, name) for case in test for name in ("good", "over", "blank")
    }
    for name in ("good", "over", "blank"):
        assert len(list((trained / "predictions" / "reliance" / name).iterdir())) == len(test)
    page = (trained / "report" / "index.html").read_text()
    assert "<h2>How far the labels&#39; truth relied on whom</h2>" in page
    assert "<h2>The annotators</h2>" in page and f"{len(test)} of {len(test)}, by truth_dice." in page


def test_a_run_of_before_is_evaluated_as_one_that_has_it(trained: Path):
    def reliance() -> list[str]:
        evaluate_run(trained, draw=False)
        return [line for line in (trained / "scores.csv").read_text().splitlines() if ",reliance," in line]

    expected = reliance()
    for name in ("fusion.json", "reliance.csv", "annotators.csv"):
        (trained / name).rename(trained / f"{name}.kept")
    assert expected and reliance() == expected
    assert not (trained / "reliance.csv").exists()
    for name in ("fusion.json", "reliance.csv", "annotators.csv"):
        (trained / f"{name}.kept").rename(trained / name)


def test_a_training_is_not_lost_where_reliance_cannot_be_written(trained: Path, monkeypatch, capsys):
    def refuse(run: Path, *_: object) -> None:
        raise Refused(["mask: expected a file, got none (c1)"])

    monkeypatch.setattr("medseg.annotators.reliance.write_reliance", refuse)
    METHOD.finish(trained, None, SimpleNamespace(source=None))  # pyright: ignore[reportArgumentType]
    assert "reliance.csv is not written: mask: expected a file, got none (c1)" in capsys.readouterr().err


def test_the_picture_has_a_column_per_annotator_and_none_without_evidence(tmp_path: Path):
    from .test_scores import CLASSES, TRUTH, predict

    record = record_of(np.stack([TRUTH, TRUTH, np.zeros_like(TRUTH)]))
    panel = panel_of(record, predict(), annotators=NAMES, classes=CLASSES,
                     evidence=np.ones((3, *TRUTH.shape)) * np.array([3.0, 0, -3])[:, None, None])  # fmt: skip
    write_panel(tmp_path / "report" / "panels", replace(panel, evidence=None))
    assert draw_reliance(tmp_path) == []
    write_panel(tmp_path / "report" / "panels", panel)
    (path,) = draw_reliance(tmp_path)
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    third = pixels.shape[1] // 3
    blue, red = (pixels[..., 2] - pixels[..., 0] > 60), (pixels[..., 0] - pixels[..., 2] > 60)
    assert blue[:, :third].sum() > 500 and red[:, 2 * third : 2 * third + third // 2].sum() > 500
    assert not blue[:, third : 2 * third].sum() > 500
