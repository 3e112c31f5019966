"""What an evaluation of method two scores beside the objects: the order that the rules state, a stage on its own."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from medseg.amodal.completion.calibration import CALIBRATION, Calibration
from medseg.amodal.completion.completer import Completer
from medseg.amodal.evaluation import evaluate_amodal
from medseg.cohorts.cohort import load_cohort, write_cohort
from medseg.cohorts.snapshots import fingerprint
from medseg.contracts import Case, ClassLabel, ObjectCohort, ObjectRules, Refused, Volume
from medseg.images.files import write_labels
from medseg.training.checkpoint import BEST, load_weights, save

from .completion.conftest import Known, known as known, write_run

CLASSES = (ClassLabel(name="background", value=0), ClassLabel(name="bowl", value=1), ClassLabel(name="lid", value=2))


def table_map() -> np.ndarray:
    """Two lids over two bowls, and a bowl and a lid that stand free."""
    labels = np.zeros((60, 60), np.uint8)
    for top in (3, 23):
        labels[top : top + 12, 3:15], labels[top + 2 : top + 10, 10:20] = 1, 2
    labels[43:55, 3:15], labels[43:51, 30:40] = 1, 2
    return labels


def evaluated_run(root: Path, rules: ObjectRules, labels: np.ndarray | None = None) -> Path:
    """A run with its first weights, on a cohort of three equal maps, one for each split."""
    labels = table_map() if labels is None else labels
    cases = []
    for split in ("train", "val", "test"):
        path = write_labels(root / f"cohort/{split}.png", Volume(array=labels, affine=np.eye(4), spacing_mm=None))
        cases.append(Case(name=split, patient=split, split=split, object_masks={"full": path}))
    cohort = ObjectCohort(
        root=root / "cohort", name="table", classes=CLASSES, spatial_dims=2, cases=tuple(cases), rules=rules
    )
    write_cohort(cohort)
    assert fingerprint(load_cohort(root / "cohort"))
    run = write_run(root / "run", [16, 16], CLASSES, rules, cohort=root / "cohort")
    splits = {"train": ["train"], "val": ["val"], "test": ["test"], "unused": []}
    content = {"splits": splits, "seed": 0, "by": "patient", "folds": None, "fold": 0}
    (run / "splits.json").write_text(json.dumps(content))
    return run


def rows(path: Path, metric: str) -> dict[str, float]:
    with path.open() as file:
        return {row["case"]: float(row["value"]) for row in csv.DictReader(file) if row["metric"] == metric}


def test_the_order_that_the_rules_state_is_scored(tmp_path: Path, known: Known):
    run = evaluated_run(tmp_path, ObjectRules(hides={"lid": ("bowl",)}))
    evaluate_amodal(run, draw=False)  # what is 90 % probable everywhere is grown into: the bowls into their lids
    assert rows(run / "scores.csv", "order_correct") == {"test/bowl-1+lid-1": 1, "test/bowl-2+lid-2": 1}
    known.prob = 0.1
    evaluate_amodal(run, draw=False)  # nothing grows, and nothing is decided
    assert rows(run / "scores.csv", "order_correct") == {"test/bowl-1+lid-1": 0, "test/bowl-2+lid-2": 0}


@pytest.mark.parametrize("hides", [{}, {"lid": ("bowl",), "bowl": ("lid",)}])
def test_where_no_rule_states_an_order_none_is_scored(tmp_path: Path, known: Known, hides: dict[str, tuple[str, ...]]):
    run = evaluated_run(tmp_path, ObjectRules(hides=hides))
    evaluate_amodal(run, draw=False)
    assert rows(run / "scores.csv", "amodal_iou") and not rows(run / "scores.csv", "order_correct")


def test_a_stage_is_evaluated_with_a_calibration_of_its_own(tmp_path: Path):
    run = evaluated_run(tmp_path, ObjectRules())
    (run / "occluded").mkdir()
    save(run / "occluded" / BEST, load_weights(run / "weights.pt"))
    Calibration(misfit_limit=1e-3).write(run)  # of the last stage: by it every object is novel
    evaluate_amodal(run, "occluded", draw=False)
    own = Calibration.read(run / "occluded")
    assert (run / "occluded" / CALIBRATION).is_file() and own.misfit_limit is not None and own.misfit_limit > 0.05
    assert Completer.load(run, "occluded").calibration == own != Completer.load(run).calibration
    assert max(rows(run / "occluded/scores.csv", "novelty").values()) < 20
    kept = Calibration(spread=2.0, misfit_limit=0.5)
    kept.write(run / "occluded")  # what is there is not made anew
    evaluate_amodal(run, "occluded", draw=False)
    assert Calibration.read(run / "occluded") == kept


def crossings() -> np.ndarray:
    """A bowl below a lid, 2 x 4 voxels of both; another pair that shares 1 voxel; a bowl and a lid that stand free."""
    labels = np.zeros((60, 60), np.uint8)
    labels[3:15, 3:7], labels[7:9, 1:12], labels[7:9, 3:7] = 1, 2, 255
    labels[23:35, 3:15], labels[34:44, 14:24], labels[34, 14] = 1, 2, 255
    labels[43:55, 3:11], labels[43:51, 40:50] = 1, 2
    return labels


def test_contacts_are_judged_beside_overlaps_and_told_apart(tmp_path: Path, known: Known):
    """The training leaves out what shares fewer than 8 voxels; `medseg complete` does not."""
    run = evaluated_run(tmp_path, ObjectRules(overlap=(255,), smallest_occluded=8), crossings())
    said = str(evaluate_amodal(run, draw=False))
    contact = rows(run / "scores.csv", "contact")
    assert contact == {"test/bowl-1": 0, "test/lid-1": 0, "test/bowl-2": 1, "test/lid-2": 1}
    assert rows(run / "scores.csv", "pieces") == {"test/bowl-1": 2, "test/lid-1": 2, "test/bowl-2": 1, "test/lid-2": 1}
    assert said.startswith("4 really occluded objects of 1 test cases")
    head, _, counts, *recipes = said.partition("By kind of object\n")[2].partition("\n\n")[0].splitlines()
    assert [cell.strip() for cell in head.split("|")[2:-1]] == ["all", "overlap", "contact", "back", "front"]
    assert [cell.strip() for cell in counts.split("|")[1:-1]] == ["objects", "4", "2", "2", "1", "1"]
    assert [line.split("|")[1].strip() for line in recipes][:2] == ["three_stages", "visible"]


def test_where_nothing_is_more_than_a_contact_free_objects_are_hidden_synthetically_beside_them(
    tmp_path: Path, known: Known
):
    run = evaluated_run(tmp_path, ObjectRules(overlap=(255,), smallest_occluded=9), crossings())
    said = evaluate_amodal(run, draw=False).objects
    judged = [name.removeprefix("test/") for name in rows(run / "scores.csv", "contact")]
    drawn = [name for name in judged if name.endswith("~object")]
    assert judged == [*drawn, "bowl-1", "lid-1", "bowl-2", "lid-2"] and drawn
    assert said == f"{len(judged)} occluded (of which {len(drawn)} synthetically) objects of 1 test cases"


@pytest.mark.parametrize("smallest", [1, 5])
def test_the_same_maps_are_judged_as_ordinary_ones_where_the_overlap_belongs_to_the_front(
    tmp_path: Path, known: Known, smallest: int
):
    """The bowl has 48 pixels, the lid 22, 8 of them shared; what lies behind is cut into two pieces, of the lid one
    of 4 pixels, which are its own whether a piece of that size is taken for an object or not."""
    rules = ObjectRules(overlap=(255,), smallest=smallest, smallest_occluded=8)
    run = evaluated_run(tmp_path, rules, crossings())
    ordinary = run / "ordinary/scores.csv"
    known.prob = 0.1
    evaluate_amodal(run, draw=False)  # nothing grows
    front = rows(ordinary, "front")
    (before,), (behind,) = ([name for name, value in front.items() if value == wanted] for wanted in (1, 0))
    assert {before, behind} in ({"test/bowl-1~front", "test/lid-1~back"}, {"test/lid-1~front", "test/bowl-1~back"})
    whole = 48 if "bowl" in behind else 22
    assert rows(ordinary, "amodal_iou") == {before: 1, behind: pytest.approx((whole - 8) / whole)}
    assert rows(ordinary, "pieces") == {before: 1, behind: 2}
    assert list(rows(ordinary, "order_correct")) == [f"{before}+{behind.partition('/')[2]}"]
    known.prob = 0.9
    evaluate_amodal(run, draw=False)  # as far as its frame shows, an object grows into the other
    ious = rows(ordinary, "amodal_iou")
    assert rows(ordinary, "occluded_iou")[behind] > 0
    assert ious[before] == pytest.approx(1 / rows(ordinary, "area_ratio")[before]) and ious[before] < 1
    with (run / "ordinary/rivals.csv").open() as file:
        assert {row["case"] for row in csv.DictReader(file)} == {before, behind}
    assert "~" not in (run / "scores.csv").read_text()


@pytest.mark.parametrize("split", ["val", "train"])
def test_another_split_is_scored_by_name_and_marked_as_seen_in_training(
    tmp_path: Path, known: Known, split: Literal["val", "train"]
):
    run = evaluated_run(tmp_path, ObjectRules(overlap=(255,), smallest_occluded=8), crossings())
    evaluate_amodal(run, draw=False)
    before = (run / "scores.csv").read_bytes()
    found = evaluate_amodal(run, draw=False, split=split)
    assert found.out == run / split and found.objects == f"4 really occluded objects of 1 {split} cases"
    assert found.warnings == (f"warning: 1 cases were seen in training: no test ({split})",)
    assert set(rows(run / split / "scores.csv", "contact")) == {
        f"{split}/{name}-{n}" for name in ("bowl", "lid") for n in (1, 2)
    }
    assert all(name.startswith(f"{split}/") for name in rows(run / split / "ordinary/scores.csv", "front"))
    assert {score.seen for score in found.scores if score.case} == {{"val": "validation", "train": "train"}[split]}
    assert (run / "scores.csv").read_bytes() == before


def test_the_order_is_that_of_the_maps_of_the_split(tmp_path: Path, known: Known):
    run = evaluated_run(tmp_path, ObjectRules(hides={"lid": ("bowl",)}))
    evaluate_amodal(run, draw=False, split="val")
    assert rows(run / "val/scores.csv", "order_correct") == {"val/bowl-1+lid-1": 1, "val/bowl-2+lid-2": 1}
    assert not (run / "scores.csv").exists()


def test_a_split_without_occluded_objects_is_named(tmp_path: Path, known: Known):
    run = evaluated_run(tmp_path, ObjectRules())
    content = json.loads((run / "splits.json").read_text())
    content["splits"] |= {"val": [], "unused": ["val"]}
    (run / "splits.json").write_text(json.dumps(content))
    with pytest.raises(
        Refused, match="^val objects: expected at least one with an occluded part, got none \\(table\\)$"
    ):
        evaluate_amodal(run, draw=False, split="val")
