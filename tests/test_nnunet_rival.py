"""benchmarks/nnunet.py: what nnU-Net is given, how its answer is scored, and that it stands in the table of runs."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

from medseg.experiment.compare import compare_runs
from medseg.experiment.methods import load_config
from medseg.images import read_image, read_labels

from .conftest import AFFINE, Folder

CONFIG = """experiment: tiny
recipe: fused
data:
  cohort: {cohort}
  split: {{val: 0.25, test: 0.25}}
  grid: {{mode: resize, size: {size}}}
network: {{channels: [4, 8]}}
"""


@pytest.fixture
def nnunet(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    return importlib.import_module("nnunet")


@pytest.fixture
def cohort(tmp_path: Path) -> Folder:
    """Four pictures; ann and bob draw the same quarter, cat nothing."""
    return filled(Folder(tmp_path / "cohort", ".png", (8, 10), 255))


def filled(folder: Folder) -> Folder:
    for case in ("c01", "c02", "c03", "c04"):
        folder.add(case, ("ann", "bob", "cat"))
        folder.write(folder.mask_path(case, "cat"), np.zeros_like(folder.mask()))
    folder.tables()
    return folder


def rival_of(nnunet: ModuleType, folder: Folder, size: str = "[8, 8]", target: str = "majority_vote") -> Any:
    path = folder.root.parent / "config.yaml"
    path.write_text(CONFIG.format(cohort=folder.root, size=size))
    return nnunet.Rival.of(load_config(path), target)


def test_pictures_are_given_whole_with_the_vote_in_our_split(nnunet: ModuleType, cohort: Folder, tmp_path: Path):
    rival, out = rival_of(nnunet, cohort), tmp_path / "out"
    nnunet.convert(rival, out)
    raw = out / "raw" / "Dataset001_medseg"
    (split,) = json.loads((out / "splits_final.json").read_text())
    of = {part: [case.name for case in rival.cohort.split(part)] for part in ("train", "val", "test")}
    assert split == {"train": of["train"], "val": of["val"]} and len(of["test"]) == len(of["val"]) == 1
    assert {path.name for path in (raw / "imagesTr").iterdir()} == {
        f"{name}_0000.tif" for name in split["train"] + split["val"]
    }
    assert [path.name for path in (raw / "imagesTs").iterdir()] == [f"{of['test'][0]}_0000.tif"]
    first = split["train"][0]
    np.testing.assert_array_equal(tifffile.imread(raw / "imagesTr" / f"{first}_0000.tif"), cohort.image(first))
    # two of three drew the quarter
    np.testing.assert_array_equal(tifffile.imread(raw / "labelsTr" / f"{first}.tif"), cohort.mask() // 255)
    dataset = json.loads((raw / "dataset.json").read_text())
    assert dataset["labels"] == {"background": 0, "object": 1} and dataset["numTraining"] == 3


def test_volumes_keep_their_place_and_unlabelled_voxels_are_ignored(nnunet: ModuleType, tmp_path: Path):
    folder = filled(Folder(tmp_path / "cohort", ".nii.gz", (6, 8, 4), 1))
    hole = folder.mask()
    hole[5] = 9  # a row about which all three say nothing
    for case in ("c01", "c02", "c03", "c04"):
        for name in ("ann", "bob", "cat"):
            folder.write(folder.mask_path(case, name), hole)
    folder.yaml += "ignore: [9]\n"
    folder.tables()
    rival = rival_of(nnunet, folder, "[8, 8, 8]", "staple")
    nnunet.convert(rival, tmp_path / "out")
    raw, case = tmp_path / "out" / "raw" / "Dataset001_medseg", rival.cohort.split("train")[0].name
    image, labels = (
        read_image(raw / "imagesTr" / f"{case}_0000.nii.gz"),
        read_labels(raw / "labelsTr" / f"{case}.nii.gz"),
    )
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-6)
    np.testing.assert_array_equal(image.array[0], folder.image(case))
    np.testing.assert_array_equal(labels.array, np.where(hole == 9, 2, hole))
    assert json.loads((raw / "dataset.json").read_text())["labels"]["ignore"] == 2


def answered(nnunet: ModuleType, rival: Any, out: Path, volume: bool) -> None:
    """As if nnU-Net had found the upper half of what the annotators drew (the vote is a quarter)."""
    out.mkdir()
    (out / "predicted").mkdir()
    for case in rival.cohort.split("test"):
        record = rival.record(case, ("ann",))
        found = record.labels[0] * (
            np.arange(record.labels.shape[1])[(slice(None), *[None] * (record.labels.ndim - 2))] < 2
        )
        probs = np.stack([1 - 0.9 * found, 0.9 * found])
        saved = probs.transpose(0, 3, 2, 1) if volume else probs[:, None]
        np.savez(out / "predicted" / f"{case.name}.npz", probabilities=saved.astype(np.float16))
    nnunet.evaluate(rival, out)


@pytest.mark.parametrize("suffix, shape, size", [(".png", (8, 10), "[8, 8]"), (".nii.gz", (8, 6, 4), "[8, 8, 8]")])
def test_an_answer_is_scored_as_a_run_is(
    nnunet: ModuleType, tmp_path: Path, suffix: str, shape: tuple[int, ...], size: str
):
    folder = filled(Folder(tmp_path / "cohort", suffix, shape, 1))
    rival = rival_of(nnunet, folder, size)
    answered(nnunet, rival, tmp_path / "out", volume=len(shape) == 3)
    scores = pd.read_csv(tmp_path / "out" / "scores.csv", keep_default_na=False)
    (dice,) = scores.loc[scores["metric"] == "vote_dice", "value"].astype(float)
    assert dice == pytest.approx(2 / 3)  # half of the quarter: 2 * 1 / (1 + 2)
    # ann and bob get the same, cat drew nothing and something is found
    by_annotator = scores[scores["metric"] == "annotator_dice"].set_index("annotator")["value"].astype(float)
    assert by_annotator.to_dict() == pytest.approx({"ann": 2 / 3, "bob": 2 / 3, "cat": 0})
    dice, hd95, assd, unit = nnunet.distances(rival, tmp_path / "out")
    assert dice == pytest.approx(2 / 3) and 0 < assd < hd95 and unit == ("px" if suffix == ".png" else "mm")


def test_it_is_paired_with_a_run_over_cases(nnunet: ModuleType, cohort: Folder, tmp_path: Path):
    rival = rival_of(nnunet, cohort)
    answered(nnunet, rival, tmp_path / "rival", volume=False)
    shutil.copytree(tmp_path / "rival", tmp_path / "run")
    config = (tmp_path / "run" / "config.yaml").read_text()
    (tmp_path / "run" / "config.yaml").write_text(config.replace("nnunet_majority_vote", "fused"))
    table = tmp_path / "table.csv"
    said = compare_runs([tmp_path / "run", tmp_path / "rival"], reference="fused", out=table)
    rows = pd.read_csv(table)
    assert "nnunet_majority_vote" in said
    assert set(rows.loc[rows["metric"] == "vote_dice", "recipe"]) == {"fused", "nnunet_majority_vote"}


def test_its_process_trains_and_predicts(nnunet: ModuleType, cohort: Folder, tmp_path: Path):
    pytest.importorskip("nnunetv2")
    import sys

    out = tmp_path / "out"
    out.mkdir()
    rival = rival_of(nnunet, cohort)
    nnunet.convert(rival, out)
    nnunet.run_process(rival, out, sys.executable, ["--steps", "2"], threads=1)
    nnunet.evaluate(rival, out)
    assert json.loads((out / "spent.json").read_text())["steps"] == 2
