"""M-FISH, MedMNIST3D, KINS and COCOA as they are downloaded, imitated in a few pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medseg.cohorts.cohort import load_cohort
from medseg.contracts import Refused
from medseg.experiment.cohorts import check_folder, index_folder, indexed
from medseg.images.files import read_labels


def square(x: int) -> list[float]:
    return [x, 2, x + 4, 2, x + 4, 6, x, 6]


def kins(path: Path, image: str) -> None:
    """One car half hidden, one whole, at another place in each file."""
    x = len(path.name) % 5
    half = [x, 2, x + 2, 2, x + 2, 6, x, 6]
    annotations = [
        {"id": 1, "image_id": 0, "category_id": 4, "a_segm": [square(x)], "i_segm": [half]},
        {"id": 2, "image_id": 0, "category_id": 4, "a_segm": [square(x + 6)], "i_segm": [square(x + 6)]},
    ]
    images = [{"id": 0, "file_name": image, "height": 10, "width": 16}]
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": images, "annotations": annotations, "categories": [{"id": 4, "name": "car"}]}
    path.write_text(json.dumps(content))


def test_kins_files_are_splits_and_equal_image_names_stay_apart(tmp_path: Path) -> None:
    for split in ("train", "test"):
        kins(tmp_path / f"in/update_{split}_2020.json", "000001.png")
    index_folder(tmp_path / "in", tmp_path / "out")
    cohort = load_cohort(tmp_path / "out")
    assert {case.name: case.split for case in cohort.cases} == {
        "train-000001-1": "",
        "train-000001-2": "",
        "test-000001-1": "test",
        "test-000001-2": "test",
    }
    assert check_folder(tmp_path / "out").errors == ()
    kins(tmp_path / "in/instances_train.json", "000001.png")
    with pytest.raises(Refused) as refused:
        indexed(tmp_path / "in", out=tmp_path / "other")
    assert refused.value.complaints == (
        "json files: expected one for each of train, val, test, got instances_train.json and update_train_2020.json "
        f"({tmp_path / 'in'})",
    )


def test_cocoa_annotations_in_a_folder_of_their_own(tmp_path: Path) -> None:
    for split in ("train", "val"):
        regions = [{"segmentation": square(2), "order": 1}, {"segmentation": square(4), "order": 2}]
        mask = np.zeros((10, 16), bool)
        mask[2:6, 4:6] = True
        ends = np.flatnonzero(np.diff(mask.ravel(order="F"))) + 1
        counts = np.diff([0, *ends, mask.size]).tolist()
        regions[1]["invisible_mask"] = {"size": [10, 16], "counts": counts}
        content = {
            "images": [{"id": 1, "file_name": f"COCO_{split}2014_1.jpg", "height": 10, "width": 16}],
            "annotations": [{"id": 9, "image_id": 1, "regions": regions}],
        }
        path = tmp_path / f"in/annotations/COCO_amodal_{split}2014.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    index_folder(tmp_path / "in", tmp_path / "out")
    cohort = load_cohort(tmp_path / "out")
    assert [case.split for case in cohort.cases] == ["train", "train", "val", "val"]
    occluded = cohort.cases[1].object_masks
    assert sorted(occluded) == ["full", "occluder", "visible"]
    assert read_labels(occluded["visible"]).array.sum() == 8


def test_mfish_maps_have_an_overlap_and_specimens(tmp_path: Path) -> None:
    for spread in ("A0101XY", "A0102XY", "B0501XY"):
        folder = tmp_path / f"in/MFISH_TIFF/{spread[:3]}__XY"
        folder.mkdir(parents=True, exist_ok=True)
        labels = np.zeros((12, 14), np.uint8)
        labels[1:9, 4:6], labels[4:6, 1:9], labels[4:6, 4:6] = 1, 24, 255
        labels[10, int(spread[4]) + int(spread[2])] = 2
        Image.fromarray(labels).save(folder / f"{spread}K.tif")
        Image.fromarray(labels).save(folder / f"{spread}D.tif")
    index_folder(tmp_path / "in", tmp_path / "out")
    cohort = load_cohort(tmp_path / "out")
    assert [case.patient for case in cohort.cases] == ["A01", "A01", "B05"]
    assert [label.name for label in cohort.classes] == ["background", "class_1", "class_2", "class_24"]
    assert cohort.rules.overlap == (255,)
    assert check_folder(tmp_path / "out").errors == ()


def test_medmnist3d_masks_keep_their_splits_and_intensities_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    arrays = {}
    for number, split in enumerate(("train", "val", "test")):
        masks = np.zeros((2, 8, 8, 8), np.uint8)
        masks[0, 2:5, 2:5, 2 : 5 + number], masks[1, 1:3, 1:4, 1 : 4 + number] = 255, 255
        arrays[f"{split}_images"] = masks
    np.savez(tmp_path / "in/adrenalmnist3d_64.npz", **arrays)
    index_folder(tmp_path / "in", tmp_path / "out")
    cohort = load_cohort(tmp_path / "out")
    assert [case.split for case in cohort.cases] == ["train", "train", "val", "val", "test", "test"]
    assert read_labels(cohort.cases[0].object_masks["full"]).array.sum() == 27
    arrays["val_images"][0, 0, 0, 0] = 7
    np.savez(tmp_path / "in/adrenalmnist3d_64.npz", **arrays)
    with pytest.raises(
        Refused, match="val_images: expected masks .N,X,Y,Z. of 0 and 255, got 4 axes, values .0, 7, 255"
    ):
        indexed(tmp_path / "in", out=tmp_path / "other")
