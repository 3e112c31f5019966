"""Label maps in, completions out: on the maps' own grid, and nothing at all where the input is bad."""

from __future__ import annotations

import csv
import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

from medseg.amodal.assembly import AmodalSignature
from medseg.amodal.completion import given_maps
from medseg.amodal.completion.calibration import Calibration
from medseg.amodal.completion.completer import Completer
from medseg.amodal.completion.cores import in_order
from medseg.amodal.completion.label_maps import complete, complete_map
from medseg.amodal.completion.maps import MapCompleter, completed_scheme
from medseg.amodal.completion.rows import ObjectRow
from medseg.amodal.shapes import CLASSES as SHAPES, RULES as SHAPE_RULES, write_shapes
from medseg.annotators.assembly import Signature
from medseg.annotators.nouns import Prediction
from medseg.annotators.predicting.predicted_maps import write_prediction
from medseg.contracts import ClassLabel, ObjectRules, Refused, Volume
from medseg.images.files import read_image, read_labels, write_labels

from .conftest import CLASSES, Known, completer, crossing, write_run

AFFINE = np.array([[-0.5, 0, 0, 10], [0, 0.5, 0, -20], [0, 0, 2, 5], [0, 0, 0, 1]], float)


def table(path: Path) -> dict[str, dict[str, str]]:
    with path.open() as file:
        return {row["object"]: row for row in csv.DictReader(file)}


# ---------------------------------------------------------------------------------------- by files
@pytest.mark.parametrize(("dims", "suffix"), [(2, ".png"), (2, ".tif"), (3, ".nii.gz"), (3, ".nrrd")])
def test_every_file_lies_on_the_grid_of_its_map(tmp_path: Path, known: Known, dims: int, suffix: str):
    spacing = (0.5, 2.0) if suffix == ".tif" else None
    source = write_labels(
        tmp_path / f"maps/c01{suffix}", Volume(array=crossing(dims), affine=AFFINE, spacing_mm=spacing)
    )
    said = complete(completer(dims), tmp_path / "maps", tmp_path / "out", samples=2)
    assert said == f"1 label map: 2 objects completed, 2 unoccluded, 0 left as they are; written to {tmp_path / 'out'}"
    given = read_labels(source)
    soft = ".tif" if suffix == ".png" else suffix
    for path in (f"completed/c01{suffix}", f"objects/c01/rod-1{suffix}", f"objects/c01/bar-1{suffix}",
                 f"probabilities/c01/rod-2{soft}", f"entropy/c01/rod-2{soft}"):  # fmt: skip
        written = read_image(tmp_path / "out" / path)
        assert written.array.shape[1:] == crossing(dims).shape
        np.testing.assert_allclose(written.affine, given.affine, atol=1e-5)
        assert written.spacing_mm == pytest.approx(given.spacing_mm) if given.spacing_mm else not written.spacing_mm
    amodal = read_labels(tmp_path / f"out/objects/c01/rod-2{suffix}").array
    rod = np.zeros_like(amodal)
    rod[10:14, 4:12] = 1
    rod[6:18, 12:16] = 1
    np.testing.assert_array_equal(amodal, rod if dims == 2 else rod * (crossing(3).max((0, 1)) > 0))
    assert not (tmp_path / f"out/entropy/c01/rod-1{soft}").exists()
    entropy = read_image(tmp_path / f"out/entropy/c01/rod-2{soft}").array
    assert entropy.max() == pytest.approx(-0.9 * np.log(0.9) - 0.1 * np.log(0.1), abs=1e-5)
    row = table(tmp_path / "out/objects.csv")["c01/rod-2"]
    unit = {".png": "px", ".tif": "mm2"}.get(suffix, "ml")
    scale = {"px": 1, "mm2": 1, "ml": 4 * 0.0005}[unit]  # four slices of voxels of 0.5 mm3
    assert (row["unit"], float(row["visible"])) == (unit, pytest.approx(32 * scale))


def test_maps_of_another_cohort_are_read_by_its_rules(tmp_path: Path, known: Known):
    write_labels(
        tmp_path / "c01.png",
        Volume(array=np.choose(crossing(), [0, 20, 10]).astype(np.uint8), affine=np.eye(4), spacing_mm=None),
    )
    other = tmp_path / "cohort.yaml"
    content = {
        "spatial_dims": 2,
        "classes": {"nothing": 0, "bar": 10, "rod": 20},
        "objects": {"hides": {"bar": ["rod"]}},
    }
    other.write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(Refused, match="label values: expected 0, 1, 2, 255, 9, got 10"):
        complete(completer(), tmp_path / "c01.png", tmp_path / "out")
    complete(completer(), tmp_path / "c01.png", tmp_path / "out", rules=other)
    assert table(tmp_path / "out/objects.csv")["c01/rod-2"]["status"] == "completed"
    done = read_labels(tmp_path / "out/completed/c01.png").array
    assert set(np.unique(done)) == {0, 10, 20}
    content |= {"spatial_dims": 3, "classes": {"nothing": 0, "rib": 1, "rod": 2}, "objects": {}}
    other.write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(Refused) as refused:
        complete(completer(), tmp_path / "c01.png", tmp_path / "new", rules=other)
    assert refused.value.complaints == (
        f"class: expected one that the run knows: rod, bar, got rib ({other})",
        f"spatial_dims: expected 2, got 3 ({other})",
    )


def test_rules_are_laid_over_the_runs_and_instances_are_of_its_one_class(tmp_path: Path, known: Known):
    cells = np.array([0, 31, 32], np.uint8)[crossing()]
    cells[10:14, 16:24] = 33  # the rod below the bar is two cells
    write_labels(tmp_path / "c01.png", Volume(array=cells, affine=np.eye(4), spacing_mm=None))
    signature = AmodalSignature(classes=CLASSES[:2], rules=ObjectRules(), spatial_dims=2)
    judge = replace(completer(), signature=signature)
    with pytest.raises(Refused, match=r"got 31 in 41 voxels; .* \(c01\)"):
        complete(judge, tmp_path / "c01.png", tmp_path / "out")
    said = complete(judge, tmp_path / "c01.png", tmp_path / "free", rules="instances: true")
    assert said.splitlines()[1:] == [
        "  2 pairs of objects touch, and no rule says which may hide which: --rules '{hides: all}'"
    ]
    complete(judge, tmp_path / "c01.png", tmp_path / "out", rules="{instances: true, hides: all}")
    status = {name: row["status"] for name, row in table(tmp_path / "out/objects.csv").items()}
    assert status == {"c01/rod-31": "completed", "c01/rod-32": "completed", "c01/rod-33": "completed"}


def test_instances_for_a_run_of_several_classes_need_one_of_them(tmp_path: Path, known: Known):
    cells = np.array([0, 31, 32], np.uint8)[crossing()]
    write_labels(tmp_path / "c01.png", Volume(array=cells, affine=np.eye(4), spacing_mm=None))
    with pytest.raises(Refused) as refused:
        complete(completer(), tmp_path / "c01.png", tmp_path / "out", rules="{instances: true, hides: all}")
    assert refused.value.complaints == (
        "class of the instances: expected one that the run knows: rod, bar, as cohort.yaml says it by classes: "
        "{background: 0, rod: 1}, got object (--rules)",
    )
    file = tmp_path / "cohort.yaml"
    file.write_text("spatial_dims: 2\nclasses: {background: 0, rod: 1}\nobjects: {instances: true, hides: all}\n")
    complete(completer(), tmp_path / "c01.png", tmp_path / "out", rules=str(file))
    assert table(tmp_path / "out/objects.csv")["c01/rod-31"]["status"] == "completed"
    for text, sentence in (
        ("{instances: 1", "rules: expected YAML"),
        ("smallest: none", "smallest: expected a number"),
    ):
        with pytest.raises(Refused, match=sentence):
            complete(completer(), tmp_path / "c01.png", tmp_path / "new", rules=text)


def test_all_bad_maps_are_named_and_nothing_is_written(tmp_path: Path, known: Known):
    maps, out = tmp_path / "maps", tmp_path / "out"
    write_labels(maps / "good.png", Volume(array=crossing(), affine=np.eye(4), spacing_mm=None))
    write_labels(maps / "empty.png", Volume(array=np.zeros((8, 8), np.uint8), affine=np.eye(4), spacing_mm=None))
    write_labels(maps / "volume.nii.gz", Volume(array=crossing(3), affine=AFFINE, spacing_mm=None))
    (maps / "broken.png").write_bytes(b"")
    with pytest.raises(Refused) as refused:
        complete(completer(), maps, out)
    assert refused.value.complaints == (
        f"file: expected an image, got 0 bytes ({maps / 'broken.png'})",
        "label map: expected at least one object, got background alone (empty)",
        "spatial dims: expected 2 (cohort.yaml), got 3: 24x32x8 (volume)",
    )
    assert not out.exists()


def test_nothing_is_overwritten_and_a_folder_without_maps_is_refused(tmp_path: Path, known: Known):
    write_labels(tmp_path / "c01.png", Volume(array=crossing(), affine=np.eye(4), spacing_mm=None))
    complete(completer(), tmp_path / "c01.png", tmp_path / "out")
    before = (tmp_path / "out/objects.csv").read_bytes()
    with pytest.raises(Refused, match=r"output folder: expected no completions yet, got a file objects.csv"):
        complete(completer(), tmp_path / "c01.png", tmp_path / "out")
    assert (tmp_path / "out/objects.csv").read_bytes() == before
    (tmp_path / "none").mkdir()
    with pytest.raises(Refused, match=r"label maps: expected files ending in .*, got none"):
        complete(completer(), tmp_path / "none", tmp_path / "new")
    write_labels(tmp_path / "c01.tif", Volume(array=crossing(), affine=np.eye(4), spacing_mm=None))
    with pytest.raises(Refused, match=r"label maps: expected one file, got 2 \(c01\)"):
        complete(completer(), tmp_path, tmp_path / "new")


def test_what_is_left_alone_is_listed_with_its_reason(tmp_path: Path, known: Known):
    known.visible_misfit = lambda number: 0.9 - 0.6 * number
    labels = crossing()
    labels[0, 0:3] = 1
    write_labels(tmp_path / "c01.png", Volume(array=labels, affine=np.eye(4), spacing_mm=None))
    judge = replace(completer(), calibration=Calibration(misfit_limit=0.5))
    said = complete(judge, tmp_path / "c01.png", tmp_path / "out", samples=2)
    assert said.splitlines()[1:] == ["  left: 1 looks like nothing seen in training", "  left: 1 touches the border"]
    rows = table(tmp_path / "out/objects.csv")
    novel = next(row for row in rows.values() if row["reason"].startswith("looks"))
    assert novel["reason"] == "looks like nothing seen in training (novelty 1.8, limit 1)"
    assert novel["visible"] == novel["completed"] and novel["low_50"] == "nan"
    border = next(row for row in rows.values() if row["reason"] == "touches the border")
    assert (border["status"], border["visible"], border["completed"]) == ("left", "3", "3")
    with (tmp_path / "out/order.csv").open() as file:
        assert novel["object"] not in {name for row in csv.DictReader(file) for name in (row["a"], row["b"])}


def test_the_truth_that_method_one_recovers_is_completed(tmp_path: Path, known: Known):
    probs = np.eye(3, dtype=np.float32)[crossing()].transpose(2, 0, 1)
    prediction = Prediction(
        case="c01",
        truth_probs=probs,
        annotator_probs=probs[None],
        joint_probs=np.zeros((1, 3, 3), np.float32),
        affine=np.eye(4),
        spacing_mm=None,
    )
    write_prediction(
        prediction,
        Signature(annotators=("ann",), classes=CLASSES, channels=1, spatial_dims=2),
        tmp_path / "maps",
        ".png",
    )
    complete(completer(), tmp_path / "maps/truth", tmp_path / "out")
    assert table(tmp_path / "out/objects.csv")["c01/rod-2"]["status"] == "completed"


# ------------------------------------------------------------------------------- with a run folder
@pytest.mark.parametrize(("dims", "size", "frame"), [(2, 120, [16, 16]), (3, 48, [8, 8, 8])])
def test_a_run_folder_completes_crossing_shapes(tmp_path: Path, dims: int, size: int, frame: list[int]):
    cohort = write_shapes(tmp_path / "cohort", seed=0, spatial_dims=dims, cases=1, size=size)
    run = write_run(tmp_path / "run", frame, SHAPES, SHAPE_RULES)
    complete(run, cohort / "labels", tmp_path / "out", samples=3)
    rows = table(tmp_path / "out/objects.csv")
    assert {row["status"] for row in rows.values()} == {"unoccluded", "completed"}
    given = read_labels(next((cohort / "labels").iterdir()))
    masks = {path.name.split(".")[0]: read_labels(path).array > 0 for path in (tmp_path / "out/objects").rglob("*.*")}
    assert {f"shapes_000/{name}" for name in masks} == set(rows)
    shown = np.isin(given.array, [0, 255], invert=True)
    assert (np.any(list(masks.values()), axis=0) & shown == shown).all()
    completed = read_labels(next((tmp_path / "out/completed").iterdir())).array
    assert (completed[shown] == given.array[shown]).all() and not completed[given.array == 0].any()
    again = complete_map(given.array, given.spacing_mm, run, samples=3)
    assert [row.completed for row in again.rows] == pytest.approx([float(row["completed"]) for row in rows.values()])


@pytest.mark.data
def test_crossing_chromosomes_keep_what_is_seen_of_them(known: Known):
    if "MEDSEG_DATA" not in os.environ:
        pytest.skip("MEDSEG_DATA is not set: the folder that holds mfish")
    maps = sorted((Path(os.environ["MEDSEG_DATA"]) / "mfish/labels").iterdir())[:6]
    classes = (
        ClassLabel(name="background", value=0),
        *(ClassLabel(name=f"chromosome {n}", value=n) for n in range(1, 25)),
    )
    signature = AmodalSignature(classes=classes, rules=ObjectRules(overlap=(255,), smallest=60), spatial_dims=2)
    judge = replace(completer(size=64), signature=signature)
    crossing_rows = []
    for path in maps:
        given = read_labels(path).array
        done = complete_map(given, None, judge, samples=2)
        assert (done.labels[given != 255] == given[given != 255]).all() and len(done.rows) > 40
        for amodal_object, completion in zip(done.objects, done.completions, strict=True):
            assert completion.amodal[amodal_object.visible].all()
        crossing_rows += [row for row in done.rows if row.status == "completed"]
    assert len(crossing_rows) > 10 and all(row.completed > row.visible for row in crossing_rows)


def test_a_folder_that_is_no_run_of_this_method_is_refused(tmp_path: Path):
    with pytest.raises(Refused, match=r"run folder: expected config.yaml of a trained run, got none"):
        complete(tmp_path, tmp_path, tmp_path / "out")


# ---------------------------------------------------------------------------------- on several cores
def five_maps(folder: Path) -> Path:
    """Crossings, each shifted by a row more, so that no two maps have the same rows."""
    for number in range(5):
        shifted = np.roll(crossing(), number - 2, axis=0)
        write_labels(folder / f"c{number}.png", Volume(array=shifted, affine=np.eye(4), spacing_mm=None))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_workers_change_nothing_and_each_map_is_read_once(
    tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch
):
    maps, read = five_maps(tmp_path / "maps"), tmp_path / "read"

    def counted(path: Path) -> Volume:
        with read.open("a") as file:
            file.write(f"{path.name}\n")
        return read_labels(path)

    monkeypatch.setattr(given_maps, "read_labels", counted)
    for workers in (1, 3):
        complete(completer(), maps, tmp_path / f"out{workers}", samples=3, workers=workers)
    assert contents(tmp_path / "out1") == contents(tmp_path / "out3")
    assert list(dict.fromkeys(name.split("/")[0] for name in table(tmp_path / "out3/objects.csv"))) == [
        f"c{number}" for number in range(5)
    ]
    assert sorted(read.read_text().split()) == sorted(2 * [f"c{number}.png" for number in range(5)])


@pytest.mark.parametrize("workers", [1, 2])
def test_bad_maps_among_good_ones_leave_nothing_behind(tmp_path: Path, known: Known, workers: int):
    maps, out = five_maps(tmp_path / "maps"), tmp_path / "out"
    for name in ("c1", "c3"):
        (maps / f"{name}.png").write_bytes(b"")
    with pytest.raises(Refused) as refused:
        complete(completer(), maps, out, workers=workers)
    assert refused.value.complaints == tuple(
        f"file: expected an image, got 0 bytes ({maps / name}.png)" for name in ("c1", "c3")
    )
    assert not out.exists()


def test_a_worker_that_is_killed_is_one_sentence(tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch):
    parent = os.getpid()

    def killed(path: Path) -> Volume:
        assert os.getpid() != parent
        os.kill(os.getpid(), signal.SIGKILL)
        return read_labels(path)

    monkeypatch.setattr(given_maps, "read_labels", killed)
    with pytest.raises(Refused, match="worker: expected one that ends its label maps, got one that was killed"):
        complete(completer(), five_maps(tmp_path / "maps"), tmp_path / "out", workers=2)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow  # new processes import torch
def test_where_processes_are_not_forked_the_model_goes_to_them(tmp_path: Path):
    run = write_run(tmp_path / "run", [16, 16], CLASSES, completer().signature.rules)
    maps, judge = five_maps(tmp_path / "maps"), Completer.load(run)
    complete(judge, maps, tmp_path / "here", samples=2)
    job = MapCompleter(completer=judge, scheme=completed_scheme(judge.signature), samples=2, gap=0, anywhere=False)
    rows = in_order(partial(read_and_complete, job), sorted(maps.glob("*")), 2, "a GPU")
    assert [row.object for some in rows for row in some] == list(table(tmp_path / "here/objects.csv"))


def read_and_complete(job: MapCompleter, path: Path) -> tuple[ObjectRow, ...]:
    return job(path.stem, read_labels(path)).rows
