"""The walk of method two: index, check, train, evaluate, complete, compare; and what it says to bad input."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from typer.testing import CliRunner, Result

from medseg.__main__ import app
from medseg.amodal.completion.label_maps import complete_map
from medseg.amodal.shapes import render_map, write_shapes
from medseg.annotators.simulation.samples import write_samples
from medseg.contracts import Volume
from medseg.experiment.evaluate import evaluate_run
from medseg.images.files import read_image, read_labels, write_labels
from medseg.training.checkpoint import load_weights

from .run_folder_page import unexplained

CONFIG = """\
experiment: walk
recipe: three_stages
data:
  cohort: {cohort}
  split: {{val: 0.2, test: 0.2}}
  frame: {{size: {size}, spacing: {spacing}}}
network: {{channels: [8, 8], coarse: 4, fine: 2}}
training:
  batch_size: 8
  epochs: {{complete: 1, occluded: 1, visible: 1}}
  learning_rate: 0.01
"""
WRITTEN = (
    "config.yaml", "environment.json", "model.json", "splits.json", "weights.pt", "metrics.jsonl", "calibration.json",
    "complete/best.ckpt", "occluded/best.ckpt", "visible/best.ckpt", "scores.csv", "rivals.csv", "report/index.html",
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def medseg(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def works(*words: object) -> str:
    done = medseg(*words)
    assert done.exit_code == 0, done.output
    return done.output


def refused(*words: object) -> list[str]:
    """What is said on the way out: one line per complaint, and no traceback."""
    done = medseg(*words)
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit), done.output
    assert "Traceback" not in done.output
    return done.output.splitlines()


def write_config(folder: Path, cohort: Path, size: str = "[32, 32]", spacing: float = 1.0) -> Path:
    path = folder / "walk.yaml"
    path.write_text(CONFIG.format(cohort=cohort, size=size, spacing=spacing))
    return path


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def write_map(folder: Path, name: str, labels: np.ndarray, affine: np.ndarray | None = None) -> Path:
    return write_labels(
        folder / "labels" / name, Volume(array=labels, affine=np.eye(4) if affine is None else affine, spacing_mm=None)
    )


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but labels/: eight pictures of crossing shapes."""
    folder = tmp_path_factory.mktemp("maps")
    for number in range(8):
        write_map(folder, f"m{number}.png", render_map(0, number, 2, 80))
    return folder


@pytest.fixture(scope="module")
def walked(maps: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cohort whose rules were written by hand, and a trained, evaluated run."""
    root = tmp_path_factory.mktemp("walk")
    said = works("index", maps, "--out", root / "cohort")
    assert "value 255 in 8 of 8 maps: if it means overlap or unknown, take class_255 out of the classes" in said
    cohort_yaml = yaml.safe_load((root / "cohort/cohort.yaml").read_text())
    del cohort_yaml["classes"]["class_255"]
    cohort_yaml["objects"] |= {"overlap": [255], "smallest": 20, "smallest_occluded": 5}
    (root / "cohort/cohort.yaml").write_text(yaml.safe_dump(cohort_yaml))
    checked = works("check", root / "cohort", "--page", root / "objects.png")
    assert "no errors" in checked and "occluded, amodal known" in checked and (root / "objects.png").stat().st_size > 0
    config = write_config(root, root / "cohort")
    works("train", config, "--out", root / "run")
    said = works("evaluate", root / "run")
    assert "really occluded objects of 2 test cases" in said and "amodal_iou" in said
    return root


# ----------------------------------------------------------------------------------------- the walk
def test_the_run_folder_repeats_the_walk(walked: Path):
    for name in WRITTEN:
        assert (walked / "run" / name).stat().st_size > 0, name
    rows = [json.loads(line) for line in (walked / "run/metrics.jsonl").read_text().splitlines()]
    assert [row["stage"] for row in rows] == ["complete", "occluded", "visible"]
    assert json.loads((walked / "run/calibration.json").read_text())["misfit_limit"] > 0


def test_every_file_of_the_run_folder_is_explained(walked: Path):
    assert unexplained(walked / "run") == set()


def test_the_page_shows_every_picture_that_was_drawn(walked: Path):
    page = (walked / "run/report/index.html").read_text()
    drawn = {path.name for path in (walked / "run/report").glob("*.png")}
    assert len(drawn) == 5 and page.count('<img src="data:image/png') == 5, drawn
    assert page.count('<img src="data:image/webp') >= page.count("<figure") > 0 and "by occluded_iou" in page


def test_scores_have_a_row_per_object_and_metric_and_the_rivals_have_the_same_objects(walked: Path):
    scores, rivals = table(walked / "run/scores.csv"), table(walked / "run/rivals.csv")
    objects = {row["case"] for row in scores} - {""}
    cases = json.loads((walked / "run/splits.json").read_text())["splits"]["test"]
    assert len(cases) == 2 and {name.split("/")[0] for name in objects} == set(cases)
    for metric in ("amodal_iou", "occluded_iou", "area_ratio", "amodal_hd95", "covered_80", "diversity", "novelty"):
        assert {row["case"] for row in scores if row["metric"] == metric} == objects, metric
    assert [row["case"] for row in scores if row["metric"] == "occluded_ece"] == [""]
    names = ("visible", "hull", "hull_in_occluder", "nearest_shape")
    assert tuple(dict.fromkeys(row["rival"] for row in rivals)) == names
    assert {row["case"] for row in rivals} == objects
    nothing = [row["value"] for row in rivals if row["rival"] == "visible" and row["metric"] == "occluded_iou"]
    assert set(nothing) == {"0.0"}


def test_the_stages_are_scored_apart(walked: Path, undrawn: None):
    before = (walked / "run/scores.csv").read_bytes()
    works("evaluate", walked / "run", "--stage", "occluded")
    apart = table(walked / "run/occluded/scores.csv")
    assert {row["case"] for row in apart} == {row["case"] for row in table(walked / "run/scores.csv")}
    assert (walked / "run/scores.csv").read_bytes() == before


def test_completions_lie_on_the_grid_of_their_map(walked: Path, maps: Path):
    out = walked / "completed"
    said = works("complete", walked / "run", "--labels", maps / "labels", "--out", out, "--samples", 5)
    assert said.startswith("8 label maps: ")
    rows = table(out / "objects.csv")
    assert {row["case"] for row in rows} == {f"m{number}" for number in range(8)}
    completed = [row for row in rows if row["status"] == "completed"]
    assert completed
    for row in completed[:3]:
        labels = read_labels(maps / f"labels/{row['case']}.png").array
        amodal = read_labels(out / f"objects/{row['object']}.png").array
        probs = read_image(out / f"probabilities/{row['object']}.tif").array[0]
        assert amodal.shape == probs.shape == labels.shape == (80, 80)
        assert set(np.unique(labels[amodal > 0])) <= {0, 1, 2, 3, 255} and amodal.sum() == float(row["completed"])
        number = int(row["label"].removeprefix("class_"))
        assert (labels[amodal > 0] == number).sum() == float(row["visible"])  # every visible voxel is kept
        assert float(row["low_90"]) <= float(row["low_50"]) <= float(row["high_50"]) <= float(row["high_90"])
    assert (out / "completed/m0.png").is_file() and table(out / "order.csv")[0].keys() >= {"a", "b", "front"}


def test_the_same_from_python(walked: Path, maps: Path):
    labels = read_labels(maps / "labels/m0.png").array
    done = complete_map(labels, None, walked / "run", samples=5)
    rows = {row.object.split("/")[1]: row for row in done.rows}
    for row in table(walked / "completed/objects.csv"):
        if row["case"] == "m0":
            assert rows[row["object"].split("/")[1]].visible == float(row["visible"])
    assert done.labels.shape == labels.shape


@pytest.mark.parametrize("recipe", ["without_occluded", "without_visible", "pcnet"])
def test_every_recipe_walks_and_is_compared(walked: Path, recipe: str):
    run = walked / recipe
    works("train", walked / "walk.yaml", f"recipe={recipe}", "--out", run)
    evaluate_run(run, draw=False)
    said = works("compare", walked / "run", run, "--reference", "three_stages")
    for name in ("three_stages", recipe, "visible", "hull", "hull_in_occluder", "nearest_shape"):
        assert f"| {name} " in said, name
    assert "amodal / occluded IoU" in said and "area_ratio (near 1 is better)" in said
    sampled = {row["metric"] for row in table(run / "scores.csv")} & {"covered_80", "best_of_10_iou"}
    assert bool(sampled) == (recipe != "pcnet")


def test_a_prior_by_pixels_walks_draws_and_judges_by_nats(walked: Path, maps: Path, tmp_path: Path):
    pixels = ("prior.kind=pixelcnn", "prior.novelty=nats", "prior.channels=4", "prior.layers=2")
    works("train", walked / "walk.yaml", *pixels, "training.epochs.prior=1", "--out", tmp_path / "run")
    works("evaluate", tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [row["stage"] for row in rows] == ["complete", "prior", "occluded", "visible"]
    limit = json.loads((tmp_path / "run/calibration.json").read_text())["misfit_limit"]
    assert limit > 1  # an IoU could not be
    assert "Shapes drawn from both priors" in (tmp_path / "run/report/index.html").read_text()
    found = [float(row["value"]) for row in table(tmp_path / "run/scores.csv") if row["metric"] == "novelty"]
    assert found and all(0 < value < 100 for value in found)
    works("complete", tmp_path / "run", "--labels", maps / "labels", "--out", tmp_path / "completed")
    assert (tmp_path / "completed/objects.csv").stat().st_size > 0


@pytest.mark.parametrize("stage", ["complete", "occluded", "visible"])
def test_a_run_goes_on_from_any_stage(walked: Path, tmp_path: Path, stage: str):
    """What a kill at the beginning of the stage after this one leaves behind."""
    run = tmp_path / "run"
    shutil.copytree(walked / "run", run)
    for later in ["complete", "occluded", "visible"][["complete", "occluded", "visible"].index(stage) + 1 :]:
        shutil.rmtree(run / later)
    for name in ("weights.pt", "weights.pt.sha256", "calibration.json"):
        (run / name).unlink()
    works("train", walked / "walk.yaml", "--out", run, "--resume")
    expected, got = load_weights(walked / "run/weights.pt"), load_weights(run / "weights.pt")
    assert expected.keys() == got.keys() and all(torch.equal(expected[name], got[name]) for name in expected)
    assert (run / "calibration.json").read_bytes() == (walked / "run/calibration.json").read_bytes()


def test_volumes_are_completed_in_ml(tmp_path: Path):
    cohort = write_shapes(tmp_path / "cohort", seed=0, spatial_dims=3, cases=5, size=40)
    config = write_config(tmp_path, cohort, "[16, 16, 16]", 1.6)
    run = tmp_path / "run"
    next_line = works("check", cohort).splitlines()[-1]
    assert next_line == "next: medseg train CONFIG, a file of configs/amodal with this folder as data.cohort"
    works("train", config, "--out", run)
    works("evaluate", run)
    assert {row["unit"] for row in table(run / "scores.csv") if row["metric"] == "amodal_hd95"} == {"mm"}
    path = cohort / "labels/shapes_000.nii.gz"
    works("complete", run, "--labels", path, "--out", tmp_path / "out", "--samples", 3)
    rows = [row for row in table(tmp_path / "out/objects.csv") if row["status"] == "completed"]
    amodal, labels = read_labels(tmp_path / f"out/objects/{rows[0]['object']}.nii.gz"), read_labels(path)
    np.testing.assert_allclose(amodal.affine, labels.affine, atol=1e-6)
    assert rows[0]["unit"] == "ml"
    assert float(rows[0]["completed"]) == pytest.approx(amodal.array.sum() * 0.8**3 / 1000, rel=1e-4)
    assert (run / "report/completions.png").stat().st_size > 0


# ---------------------------------------------------------------------------------------- bad input
def spoiled(walked: Path, tmp_path: Path, name: str, labels: np.ndarray) -> Path:
    """The cohort with other pixels in one of its maps; returns its config."""
    cohort = write_shapes(tmp_path / "cohort", seed=0, spatial_dims=2, cases=5, size=80)
    write_labels(cohort / "labels" / name, Volume(array=labels, affine=np.eye(4), spacing_mm=None))
    return write_config(tmp_path, cohort)


def test_an_empty_label_map(walked: Path, tmp_path: Path):
    config = spoiled(walked, tmp_path, "shapes_002.png", np.zeros((80, 80), np.uint8))
    line = "label map: expected at least one object, got background alone (shapes_002)"
    assert refused("train", config, "--out", tmp_path / "run") == [f"error: {line}"]
    assert not (tmp_path / "run/weights.pt").exists()
    assert line in medseg("check", tmp_path / "cohort").output
    empty = write_map(tmp_path, "empty.png", np.zeros((80, 80), np.uint8))
    said = refused("complete", walked / "run", "--labels", empty, "--out", tmp_path / "out")
    assert said == ["error: label map: expected at least one object, got background alone (empty)"]
    assert not (tmp_path / "out").exists()


def test_a_value_without_a_rule(walked: Path, tmp_path: Path):
    labels = render_map(0, 2, 2, 80)
    labels[40:42, 40:45] = 9
    config = spoiled(walked, tmp_path, "shapes_002.png", labels)
    line = (
        "label values: expected 0, 1, 2, 3, 255, got 9 in 10 voxels; cohort.yaml should read class_9: 9 among its "
        "classes, or objects: {overlap: [255, 9]}, or objects: {unknown: [9]} (shapes_002)"
    )
    assert refused("train", config, "--out", tmp_path / "run") == [f"error: {line}"]
    path = write_map(tmp_path, "odd.png", labels)
    said = refused("complete", walked / "run", "--labels", path, "--out", tmp_path / "out")
    assert said == [f"error: {line.replace('shapes_002', 'odd')}"]


def test_no_unoccluded_object_to_train_on(tmp_path: Path):
    cohort = write_shapes(tmp_path / "cohort", seed=0, spatial_dims=2, cases=3, size=80)
    for number in range(3):
        crossed = np.zeros((80, 80), np.uint8)
        crossed[10:60, 20 + number : 26], crossed[30:36, 5:50] = 1, 2
        crossed[30:36, 20 + number : 26] = 255
        write_labels(cohort / f"labels/shapes_00{number}.png", Volume(array=crossed, affine=np.eye(4), spacing_mm=None))
    line = "error: unoccluded objects: expected at least one to train on, got none; complete: known would learn from"
    (said,) = refused("train", write_config(tmp_path, cohort), "--out", tmp_path / "run")
    assert said.startswith(line) and said.endswith("whose amodal mask is known (shapes_2d)")


def test_an_object_larger_than_the_frame_allows(walked: Path, tmp_path: Path):
    said = refused("train", walked / "walk.yaml", "data.frame.spacing=0.2", "--out", tmp_path / "run")
    start = "error: object size: expected one that fits the frame when shown at most 2 times smaller (data.frame), got "
    assert said and all(line.startswith(start) and " times" in line and "(m" in line for line in said)


def test_a_time_series_and_mixed_spacing(walked: Path, tmp_path: Path):
    cohort = write_shapes(tmp_path / "cohort", seed=0, spatial_dims=3, cases=5, size=40)
    path = cohort / "labels/shapes_001.nii.gz"
    labels = read_labels(path).array
    write_labels(path, Volume(array=labels, affine=np.diag([0.8, 0.8, 3.0, 1]), spacing_mm=None))
    config = write_config(tmp_path, cohort, "[16, 16, 16]", 1.6)
    said = works("check", cohort)
    assert "voxel sizes: expected one in all cases, got 0.8x0.8x0.8 mm in 4" in said
    assert "0.8x0.8x3 mm in 1 (shapes_001) (shapes_3d)" in said

    import nibabel

    nibabel.save(nibabel.Nifti1Image(np.stack([labels] * 2, -1), np.eye(4)), path)  # type: ignore[attr-defined]
    assert refused("train", config, "--out", tmp_path / "run") == [
        "error: dimensions: expected 2 or 3, got 40x40x40x2; 4-D: pick a volume or list channels "
        "(shapes_001, labels/shapes_001.nii.gz)"
    ]


def test_a_command_of_the_other_method(walked: Path, maps: Path, tmp_path: Path):
    for words, line in [
        (("predict", walked / "run", "--images", maps / "labels", "--out", tmp_path / "o"),
         f"run folder: expected a run with annotators, got recipe three_stages ({walked / 'run'})"),
        (("evaluate", walked / "run", "--cohort", walked / "cohort", "--stage", "occluded"),
         f"--stage: expected none beside --cohort, got occluded ({walked / 'run'})"),
        (("complete", tmp_path, "--labels", maps / "labels", "--out", tmp_path / "o"),
         f"run folder: expected config.yaml of a trained run, got none ({tmp_path})"),
    ]:  # fmt: skip
        assert refused(*words) == [f"error: {line}"]
    images = write_samples(tmp_path / "images", seed=1, spatial_dims=2, size=24, cases=3, annotators=("good",))
    assert refused("train", write_config(tmp_path, images), "--out", tmp_path / "run") == [
        "error: cohort: expected label maps, with objects: in cohort.yaml, got annotated images (samples_2d)"
    ]


def test_a_frame_of_other_dimensions_than_the_maps(walked: Path, maps: Path, tmp_path: Path):
    said = refused("train", walked / "walk.yaml", "data.frame.size=[16,16,16]", "--out", tmp_path / "run")
    assert said == [f"error: data.frame.size: expected 2 numbers, got [16, 16, 16] ({maps.name})"]


def test_nothing_is_overwritten(walked: Path, maps: Path):
    (line,) = refused("train", walked / "walk.yaml", "--out", walked / "run")
    assert line.startswith("error: run folder: expected a new folder (or --resume), got one that holds a run")
    (line,) = refused("complete", walked / "run", "--labels", maps / "labels", "--out", walked / "completed")
    assert line == f"error: output folder: expected no completions yet, got a file objects.csv ({walked / 'completed'})"


def test_another_cohort_is_completed_whole_and_what_was_trained_on_is_marked(walked: Path, tmp_path: Path) -> None:
    """Two of the run's own maps under other names, and two that it has never seen."""
    split = json.loads((walked / "run/splits.json").read_text())["splits"]
    labels = {row["case"]: row["mask"] for row in table(walked / "cohort/manifest.csv")}
    for name, case in (("a", split["train"][0]), ("b", split["val"][0])):
        write_map(tmp_path, f"{name}.png", read_labels(walked / "cohort" / labels[case]).array)
        (tmp_path / f"labels/{name}.png").write_bytes((walked / "cohort" / labels[case]).read_bytes())
    for number in (90, 91):
        write_map(tmp_path, f"new{number}.png", render_map(0, number, 2, 80))
    rules = yaml.safe_load((walked / "cohort/cohort.yaml").read_text())
    works("index", tmp_path, "--out", tmp_path / "others")
    (tmp_path / "others/cohort.yaml").write_text(yaml.safe_dump(rules | {"name": "others"}))
    before = (walked / "run/scores.csv").read_bytes()
    said = works("evaluate", walked / "run", "--cohort", tmp_path / "others")
    assert "cases of others" in said and "warning: 2 cases were seen in training: no test (a, b)" in said
    rows = table(walked / "run/cohorts/others/scores.csv")
    assert {(row["case"].partition("/")[0], row["seen"]) for row in rows} == {
        ("a", "train"), ("b", "validation"), ("new90", "no"), ("new91", "no"), ("", "")}  # fmt: skip
    rivals = {row["rival"] for row in table(walked / "run/cohorts/others/rivals.csv")}
    assert rivals == {"visible", "hull", "hull_in_occluder", "nearest_shape"}
    assert "2 cases were seen" in (walked / "run/cohorts/others/report/index.html").read_text()
    assert (walked / "run/scores.csv").read_bytes() == before
    (tmp_path / "others/cohort.yaml").write_text(
        yaml.safe_dump(rules | {"name": "others", "classes": {"no": 0, "x": 1}})
    )
    (line,) = refused("evaluate", walked / "run", "--cohort", tmp_path / "others")
    assert line.startswith("error: classes: expected ") and line.endswith("got x (others)")
