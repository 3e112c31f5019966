"""The walk through the public command: check, train, evaluate, predict, compare; and what it says to bad input."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from medseg.__main__ import app
from medseg.annotators.simulation.samples import write_samples
from medseg.images.files import read_image, read_labels

from .run_folder_page import unexplained

CONFIG = """\
experiment: walk
recipe: shared_truth_pixel
data:
  cohort: {cohort}
  split: {{val: 0.2, test: 0.25}}
  grid: {{mode: {mode}, size: {size}}}
network: {{channels: [4, 8], features: 4, residual_units: 1}}
confusion: {{trunk: 4}}
training:
  batch_size: 4
  steps: {{warmup: 1, joint: 1}}
"""


def medseg(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def write_config(folder: Path, cohort: Path, mode: str, size: list[int]) -> Path:
    path = folder / "walk.yaml"
    path.write_text(CONFIG.format(cohort=cohort, mode=mode, size=size))
    return path


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cohort of eight slices and a trained, evaluated run."""
    root = tmp_path_factory.mktemp("walk")
    write_samples(root / "cohort", seed=1, spatial_dims=2, size=40, cases=8, annotators=("good", "over", "blank"))
    config = write_config(root, root / "cohort", "resize", [32, 32])
    for words in (
        ("check", root / "cohort"),
        ("train", config, "--out", root / "run"),
        ("evaluate", root / "run"),
    ):
        done = medseg(*words)
        assert done.exit_code == 0, done.output
    return root


def test_the_run_folder_repeats_the_walk(walked: Path) -> None:
    run = walked / "run"
    for name in ("config.yaml", "environment.json", "model.json", "splits.json", "weights.pt", "metrics.jsonl",
                 "confusion.csv", "scores.csv", "report/index.html"):  # fmt: skip
        assert (run / name).stat().st_size > 0, name
    stages = {json.loads(line).get("stage") for line in (run / "metrics.jsonl").read_text().splitlines()}
    assert {"warmup", "joint"} <= stages


def test_a_check_without_errors_says_what_comes_next(walked: Path) -> None:
    assert medseg("check", walked / "cohort").output.splitlines()[-1] == f"next: medseg train {walked / 'cohort'}"


def test_every_file_of_the_run_folder_is_explained(walked: Path) -> None:
    assert unexplained(walked / "run") == set()


def test_scores_have_a_row_per_case_annotator_and_metric(walked: Path) -> None:
    with (walked / "run" / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    test_cases = json.loads((walked / "run" / "splits.json").read_text())["splits"]["test"]
    assert len(test_cases) == 2
    assert {row["case"] for row in rows} == {*test_cases, ""}
    assert len([row for row in rows if row["metric"] == "annotator_nll"]) == 2 * 3
    assert {row["annotator"] for row in rows if row["metric"] == "confusion_rmse"} == {
        "good",
        "over",
        "blank",
    }


def test_a_prediction_lies_on_the_grid_of_its_image(walked: Path) -> None:
    done = medseg("predict", walked / "run", "--images", walked / "cohort/images", "--out", walked / "maps")
    assert done.exit_code == 0, done.output
    images = sorted((walked / "cohort/images").iterdir())
    assert len(list((walked / "maps/truth").iterdir())) == len(images) == 8
    name = images[0].stem
    shape = read_image(images[0]).array.shape[1:]
    truth = read_labels(walked / f"maps/truth/{name}.png").array
    probs = [read_image(walked / f"maps/probabilities/{c}/{name}.tif").array[0]
             for c in ("background", "liver", "kidney", "lesion")]  # fmt: skip
    assert truth.shape == shape
    np.testing.assert_allclose(np.sum(probs, axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(np.argmax(probs, axis=0), truth)
    assert read_labels(walked / f"maps/annotators/blank/{name}.png").array.shape == shape
    entropy = read_image(walked / f"maps/entropy/{name}.tif").array
    assert entropy.min() >= 0 and entropy.max() <= np.log(4) + 1e-6


def test_another_cohort_is_scored_whole_and_beside_the_run(walked: Path, undrawn: None) -> None:
    before = (walked / "run/scores.csv").read_bytes()
    done = medseg("evaluate", walked / "run", "--cohort", walked / "cohort")
    assert done.exit_code == 0, done.output
    (scores,) = (walked / "run").glob("cohorts/*/scores.csv")
    with scores.open() as file:
        rows = list(csv.DictReader(file))
    assert len({row["case"] for row in rows} - {""}) == 8
    splits = json.loads((walked / "run" / "splits.json").read_text())["splits"]
    words = {"train": "train", "val": "validation", "test": "no"}
    own = {case: word for split, word in words.items() for case in splits[split]}
    assert {row["case"]: row["seen"] for row in rows} == {**own, "": ""}
    compared = medseg("compare", scores.parent)
    assert f"warning: 6 cases of {scores.parent} were seen in training: no test" in compared.output
    assert (walked / "run/scores.csv").read_bytes() == before


def test_a_split_is_scored_by_name_and_cases_of_the_training_are_marked(
    walked: Path, tmp_path: Path, undrawn: None
) -> None:
    run = shutil.copytree(walked / "run", tmp_path / "run")
    before = (run / "scores.csv").read_bytes()
    splits = json.loads((run / "splits.json").read_text())["splits"]
    done = medseg("evaluate", run, "--split", "val")
    assert done.exit_code == 0, done.output
    assert f"warning: {len(splits['val'])} cases were seen in training: no test ({splits['val'][0]}" in done.output
    assert (run / "scores.csv").read_bytes() == before
    with (run / "val/scores.csv").open() as file:
        assert {row["case"] for row in csv.DictReader(file)} - {""} == {*splits["val"]}
    done = medseg("evaluate", run, "--cohort", walked / "cohort")
    assert f"warning: {len(splits['train']) + len(splits['val'])} cases were seen in training" in done.output
    done = medseg("evaluate", run)
    assert done.exit_code == 0 and "seen in training" not in done.output
    done = medseg("evaluate", run, "--split", "vla")
    assert (done.exit_code, "expected test, val, train, got vla; did you mean val?" in done.output) == (1, True)


def test_a_run_without_test_cases_is_scored_on_no_others_unless_they_are_named(walked: Path, tmp_path: Path) -> None:
    run = shutil.copytree(
        walked / "run", tmp_path / "run", ignore=shutil.ignore_patterns("scores.csv", "val", "cohorts")
    )
    content = json.loads((run / "splits.json").read_text())
    content["splits"] |= {"test": [], "unused": content["splits"]["test"]}
    (run / "splits.json").write_text(json.dumps(content))
    done = medseg("evaluate", run)
    expected = (
        "test split: expected at least one case with labels, got none; there are cases of val and train: --split val"
    )
    assert (done.exit_code, expected in done.output, (run / "scores.csv").exists()) == (1, True, False)
    done = medseg("evaluate", run, "--split", "train")
    seen = f"warning: {len(content['splits']['train'])} cases were seen in training: no test"
    assert done.exit_code == 0 and seen in done.output
    assert seen in (run / "train/report/index.html").read_text()
    assert f"cases of {run / 'train'} were seen in training: no test" in medseg("compare", run / "train").output


def test_nothing_is_overwritten(walked: Path) -> None:
    before = (walked / "run/weights.pt").read_bytes()
    again = medseg("train", walked / "walk.yaml", "--out", walked / "run")
    assert again.exit_code == 1
    assert (
        f"run folder: expected a new folder (or --resume), got one that holds a run ({walked / 'run'})" in again.output
    )
    assert (walked / "run/weights.pt").read_bytes() == before
    other = medseg("train", walked / "walk.yaml", "training.batch_size=2", "--out", walked / "run", "--resume")
    assert other.exit_code == 1 and "config training: expected" in other.output


def test_a_table_over_runs(walked: Path, undrawn: None) -> None:
    baseline = walked / "baseline"
    for words in (
        ("train", walked / "walk.yaml", "recipe=soft_mean", "--out", baseline),
        ("evaluate", baseline),
    ):
        assert medseg(*words).exit_code == 0
    table = medseg("compare", walked / "run", baseline, "--reference", "soft_mean")
    assert table.exit_code == 0, table.output
    assert "annotator_nll" in table.output and "shared_truth_pixel" in table.output
    unknown = medseg("compare", baseline, "--reference", "oracle")
    assert unknown.exit_code == 1
    assert "error: reference: expected one of soft_mean, got oracle (--reference)" in unknown.output


KINDS = ("fused", "anchored", "per_annotator_global", "staple", "separate", "oracle")


def trained(walked: Path, recipe: str) -> Path:
    """Its run, trained once."""
    run = walked / recipe
    if not run.exists():
        done = medseg("train", walked / "walk.yaml", f"recipe={recipe}", "--out", run)
        assert done.exit_code == 0, done.output
    return run


@pytest.mark.parametrize("recipe", KINDS)
def test_every_kind_of_recipe_walks(walked: Path, recipe: str, undrawn: None) -> None:
    done = medseg("evaluate", trained(walked, recipe))
    assert done.exit_code == 0, done.output
    assert "truth_dice" in done.output


@pytest.mark.slow  # with matrices and without them, pages are drawn by the tests beside this one too
@pytest.mark.parametrize("recipe", KINDS)
def test_every_kind_of_recipe_has_a_page(walked: Path, recipe: str) -> None:
    run = trained(walked, recipe)
    done = medseg("evaluate", run)
    assert done.exit_code == 0, done.output
    assert "truth_dice" in (run / "report/index.html").read_text()


def test_those_who_vote_for_the_truth_are_not_learned_from_and_scored_against(walked: Path) -> None:
    """The blank annotator's vote: against that truth there is background alone, and no class that somebody confuses."""
    run = walked / "judged"
    done = medseg("train", walked / "walk.yaml", "recipe=oracle", "data.truth=[blank]", "--out", run)
    assert done.exit_code == 0, done.output
    assert medseg("evaluate", run).exit_code == 0
    assert json.loads((run / "model.json").read_text())["annotators"] == ["good", "over"]
    with (run / "confusion.csv").open() as file:
        known = {row["true"] for row in csv.DictReader(file) if row["empirical"] != "nan"}
    assert known == {"background"}
    for words, sentence in [
        (["data.truth=[blank, good, over]"], "data.annotators: expected somebody beside data.truth"),
        (["data.truth=[blnak]"], "data.truth: expected one of good, over, blank, got blnak (samples_2d)"),
    ]:
        refused = medseg("train", walked / "walk.yaml", *words, "--out", walked / "refused")
        assert refused.exit_code == 1 and sentence in refused.output


def test_volumes_keep_their_geometry(tmp_path: Path) -> None:
    cohort = write_samples(tmp_path / "cohort", seed=1, spatial_dims=3, size=24, cases=5, annotators=("good", "under"))
    config = write_config(tmp_path, cohort, "patch", [16, 16, 8])
    run = tmp_path / "run"
    assert medseg("train", config, "--out", run).exit_code == 0
    done = medseg("evaluate", run)
    assert done.exit_code == 0, done.output
    image = next(iter(sorted((cohort / "images").iterdir())))
    case = json.loads((run / "splits.json").read_text())["splits"]["test"][0]
    truth = read_labels(next((run / "predictions/truth").glob(f"{case}*")))
    original = read_image(image.with_name(image.name.replace(image.name.split(".")[0], case)))
    assert truth.array.shape == original.array.shape[1:]
    np.testing.assert_allclose(truth.affine, original.affine, atol=1e-4)


def test_bad_input_gets_one_line_and_no_traceback(tmp_path: Path, walked: Path) -> None:
    (tmp_path / "empty").mkdir()
    for words, sentence in [
        (("check", tmp_path / "empty"), "manifest.csv"),
        (("train", tmp_path / "no.yaml"), "config: expected a YAML file, got nothing at this path"),
        (("evaluate", tmp_path / "empty"), "run folder: expected config.yaml of a trained run, got none"),
        (("predict", walked / "run", "--images", tmp_path / "empty", "--out", tmp_path / "o"),
         "images: expected files"),
        (("train", walked / "walk.yaml", "data.grid.size=[16,16,16]", "--out", tmp_path / "s"),
         "data.grid.size: expected 2 numbers, got [16, 16, 16]"),
        (("train", walked / "walk.yaml", "data.annotators=[god]", "--out", tmp_path / "r"),
         "data.annotators: expected one of"),
    ]:  # fmt: skip
        done = medseg(*words)
        assert done.exit_code == 1, done.output
        assert sentence in done.output and "Traceback" not in done.output
        assert isinstance(done.exception, SystemExit)
