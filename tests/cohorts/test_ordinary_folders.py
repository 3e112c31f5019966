"""Folders as people have them: built small, indexed, and compared with what was put there."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from PIL import Image

from medseg.cohorts.checking.images import check_images
from medseg.cohorts.cohort import load_cohort, write_cohort
from medseg.cohorts.layouts import index
from medseg.contracts import Cohort, Refused
from medseg.experiment.cohorts import index_folder
from medseg.images.files import read_labels

from .tiny_files import picture, scan

MASKS = {("c1", "rater1"), ("c1", "rater2"), ("c2", "rater1"), ("c2", "rater2")}


def complaints(root: Path, **choices: object) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        index(root, **choices)
    return refused.value.complaints


def masks_of(cohort: Cohort) -> set[tuple[str, str]]:
    return {(case.name, name) for case in cohort.cases for name in case.annotations}


def folder(root: Path, image: str, mask: str, write: Callable[..., None] = picture) -> Path:
    """Two cases of two annotators, at the places that two patterns name."""
    for case in ("c1", "c2"):
        write(root / image.format(case=case), int(case[1]))
        for annotator in ("rater1", "rater2"):
            write(root / mask.format(case=case, annotator=annotator), 1)
    return root


# ------------------------------------------------------------------------------------- where masks lie
@pytest.mark.parametrize(
    ("layout", "image", "mask"),
    [
        ("mask_folders", "images/{case}.png", "{annotator}/{case}.png"),
        ("mask_folders", "images/{case}.png", "{annotator}/{case}_seg.png"),
        ("mask_folders", "Images/{case}.png", "masks/{annotator}/{case}.png"),
        ("mask_folders", "imgs/{case}.png", "labels/{annotator}/{case}_mask.png"),
        ("mask_folders", "images/{case}.png", "masks/{case}_{annotator}.png"),
        ("mask_folders", "images/{case}_0000.png", "{annotator}/{case}.png"),
        ("mask_suffixes", "{case}.png", "{case}_{annotator}.png"),
        ("mask_suffixes", "{case}_image.png", "{case}_seg_{annotator}.png"),
        ("mask_suffixes", "train/{case}.png", "train/{case}-{annotator}.png"),
    ],
)
def test_annotators_are_found_where_people_put_them(tmp_path: Path, layout: str, image: str, mask: str) -> None:
    folder(tmp_path, image, mask)
    cohort = index(tmp_path)
    assert (masks_of(cohort), cohort.annotators) == (MASKS, ("rater1", "rater2"))
    assert index(tmp_path, layout=layout) == cohort
    for case in cohort.cases:
        assert case.images[0].name.startswith(case.name)
        assert all(path.name.startswith(case.name) for path in case.annotations.values())


def test_volumes_beside_their_masks(tmp_path: Path) -> None:
    cohort = index(folder(tmp_path, "{case}.nii.gz", "{case}_{annotator}.nii.gz", scan))
    assert (masks_of(cohort), cohort.spatial_dims) == (MASKS, 3)


def test_masks_that_name_nobody_are_those_of_reference_or_of_whom_the_user_names(tmp_path: Path) -> None:
    folder(tmp_path, "images/{case}.png", "masks/{case}.png")
    assert index(tmp_path).annotators == ("reference",)
    assert index(tmp_path, annotators="reference=anna").annotators == ("anna",)
    assert complaints(tmp_path, annotators="refrence=anna") == (
        "annotator: expected one of reference, got refrence; did you mean reference? (--annotators)",
    )


def test_a_folder_named_truth_is_the_known_truth_beside_annotators(tmp_path: Path) -> None:
    folder(tmp_path, "images/{case}.png", "{annotator}/{case}.png")
    picture(tmp_path / "truth/c1.png", 1)
    cohort = index(tmp_path)
    assert masks_of(cohort) == MASKS and cohort.cases[0].truth == tmp_path / "truth/c1.png"


def test_numbered_pictures_are_no_masks_of_one_another(tmp_path: Path) -> None:
    for name in ("scan", "scan_1", "scan_2"):
        picture(tmp_path / f"{name}.png", 9)
    assert complaints(tmp_path)[0].startswith("layout: expected one of those below, got files like scan.png;")


def test_an_image_name_that_begins_another_does_not_take_its_masks(tmp_path: Path) -> None:
    for case in ("a", "a_b"):
        picture(tmp_path / f"images/{case}.png", 9)
        picture(tmp_path / f"masks/{case}_rater1.png", 1)
    masks = {case.name: case.annotations["rater1"].name for case in index(tmp_path).cases}
    assert masks == {"a": "a_rater1.png", "a_b": "a_b_rater1.png"}


# ------------------------------------------------------------------------------------- patterns
def test_a_pattern_reads_any_folder(tmp_path: Path) -> None:
    for case, site in (("c1", "rome"), ("c2", "oslo")):
        picture(tmp_path / f"{site}/pics/pat_{case}/x_{case}.png", 9)
        for annotator in ("rater1", "rater2"):
            picture(tmp_path / f"{site}/by {annotator}/{case}_seg.png", 1)
    patterns = ("{site}/pics/{patient}/x_{case}.png", "{site}/by {annotator}/{case}_seg.png")
    cohort = index(tmp_path, pattern=patterns)
    assert masks_of(cohort) == MASKS
    assert [(case.patient, case.covariates) for case in cohort.cases] == [
        ("pat_c1", {"site": "rome"}),
        ("pat_c2", {"site": "oslo"}),
    ]


def test_a_pattern_names_channels_and_splits_and_a_star_is_any_text(tmp_path: Path) -> None:
    for split in ("train", "validate"):
        for channel in ("t2", "flair"):
            picture(tmp_path / f"{split}/{split}-case/{channel}_2024.png", 9)
        picture(tmp_path / f"{split}/{split}-case/mask.png", 1)
    patterns = ("{split}/{case}/{channel}_*.png", "{split}/{case}/mask.png")
    assert complaints(tmp_path, pattern=patterns) == (
        "split: expected train, val, test or empty, got validate; did you mean validation? "
        "--map validate=val says what it means (validate-case)",
    )
    cohort = index(tmp_path, pattern=patterns, split_words="validate=val")
    assert [(case.name, case.split) for case in cohort.cases] == [("train-case", "train"), ("validate-case", "val")]
    assert [path.name for path in cohort.cases[0].images] == ["flair_2024.png", "t2_2024.png"]
    assert cohort.annotators == ("reference",) and len(cohort.channels) == 2


def test_what_an_earlier_index_converted_is_no_source_of_the_next(tmp_path: Path) -> None:
    folder(tmp_path, "a/images/{case}.png", "a/{annotator}/{case}.png")
    picture(tmp_path / "converted/rater3/c1.png", 1)
    assert index(tmp_path, pattern=("{site}/images/{case}.png", "*/{annotator}/{case}.png")).annotators == (
        "rater1",
        "rater2",
    )


def test_patterns_that_fit_nothing_or_say_nothing_are_refused(tmp_path: Path) -> None:
    folder(tmp_path, "images/{case}.png", "{annotator}/{case}.png")
    assert complaints(tmp_path, pattern=("images/{case}.tif", "{annotator}/{case}.png")) == (
        f"files like images/{{case}}.tif: expected one or more, got none; the first file is images/c1.png ({tmp_path})",
    )
    assert complaints(tmp_path, pattern=("images/x.png", "{annotator}{case}.png"))[0] == (
        "pattern: expected {case} in it, got images/x.png (--pattern)"
    )
    assert complaints(tmp_path, pattern=("images/{case}.png", "{annotator}{case}.png"))[0] == (
        "pattern: expected something between two fields, got {annotator}{case}.png (--pattern)"
    )


# ------------------------------------------------------------------------------------- tables of paths
def test_a_table_with_a_column_per_annotator(tmp_path: Path) -> None:
    folder(tmp_path, "a/{case}.png", "b/{annotator}-{case}.png")
    (tmp_path / "list.csv").write_text(
        "image;rater1;rater2;split;patient;spacing_mm;site\n"
        "a/c1.png;b/rater1-c1.png;b/rater2-c1.png;holdout;p1;0.5x0.25;rome\n"
        "a/c2.png;b/rater1-c2.png;b/rater2-c2.png;;p2;;oslo\n"
    )
    cohort = index(tmp_path)
    assert masks_of(cohort) == MASKS
    first, second = cohort.cases
    assert (first.name, first.patient, first.split, first.spacing_mm) == ("c1", "p1", "test", (0.5, 0.25))
    assert (second.split, second.spacing_mm, second.covariates) == ("", None, {"site": "oslo"})


def test_a_table_with_a_row_per_mask(tmp_path: Path) -> None:
    folder(tmp_path, "a/{case}.png", "b/{annotator}-{case}.png")
    rows = [f"{case},a/{case}.png,{who},b/{who}-{case}.png" for case in ("c1", "c2") for who in ("rater1", "rater2")]
    table = tmp_path / "list.csv"
    table.write_text("\n".join(["case,image,annotator,mask", *rows]))
    assert masks_of(index(tmp_path)) == MASKS
    table.write_text("\n".join(["case,image,annotator,mask", *rows, rows[0]]))
    assert complaints(tmp_path) == ("rows of a case and annotator: expected one, got two (c1/rater1, list.csv line 6)",)


# ------------------------------------------------------------------------------------- what values mean
def painted(root: Path, **values: tuple[int, ...]) -> Path:
    for annotator, own in values.items():
        for case in ("c1", "c2"):
            picture(root / f"images/{case}.png", int(case[1]))
            picture(root / f"annotations/{annotator}/{case}.png", *own)
    return root


def test_three_values_are_indexed_and_the_odd_one_is_asked_about(tmp_path: Path) -> None:
    said = index_folder(painted(tmp_path, ann=(1, 255), bob=(1, 255)), tmp_path)
    assert "classes background=0, class_1=1, class_2=255" in said
    assert "value 255 (class_2): if it means that nobody labelled a voxel, index again with --ignore 255" in said
    said = index_folder(tmp_path, tmp_path, ignore="255", overwrite=True)
    assert "classes background=0, object=1; ignored 255" in said
    assert load_cohort(tmp_path).ignored == (255,)


def test_annotators_with_other_values_are_asked_about_and_mapped(tmp_path: Path) -> None:
    painted(tmp_path, ann=(255,), bob=(1,))
    (line,) = complaints(tmp_path)
    assert line.startswith(
        "mask values: expected the same of every annotator, got 0, 255 of ann and 0, 1 of bob; if both mean one class: "
        "--classes background=0,object=255/1; if two: --classes background=0,first=255,second=1 (4 masks, the first"
    )
    cohort = index(tmp_path, classes="background=0,object=255/1")
    write_cohort(cohort)
    loaded = load_cohort(tmp_path)
    assert [label.values for label in loaded.classes] == [(0,), (255, 1)]
    findings = check_images(loaded)
    assert findings.errors == () and [row.foreground for row in findings.coverage] == [0.05, 0.05]
    assert [label.value for label in index(tmp_path, classes="first=255,second=1,rest=0").classes] == [255, 1, 0]


def test_annotators_with_some_value_in_common_are_not_asked_about(tmp_path: Path) -> None:
    cohort = index(painted(tmp_path, ann=(1, 2), bob=(2,)))
    assert [label.value for label in cohort.classes] == [0, 1, 2]


@pytest.mark.parametrize(
    ("choice", "text", "sentence"),
    [
        ("classes", "object", "part: expected name=value or name=value/value, got object (--classes)"),
        ("classes", "a=0,b=x", "class: expected name=value or name=value/value, got b=x (--classes)"),
        ("classes", "a=0,b=0", "class: expected one for each value, got two with 0 (--classes)"),
        ("classes", "a=0", "classes: expected two or more, got a=0 (--classes)"),
        ("ignore", "x", "values to ignore: expected whole numbers from 0, as in 255, got x (--ignore)"),
        ("split_words", "a=vla", "split: expected train, val, test or nothing, got vla; did you mean val? (--map)"),
        ("annotators", "a=c,b=c", "new names: expected another one for each annotator, got a=c,b=c (--annotators)"),
        ("spacing", "0", "spacing_mm: expected a length in mm for each axis, as in 0.5x0.25, got 0 (--spacing)"),
        ("colours", "a=red,b=#00ff00", "colour: expected name=#rrggbb, got a=red (--colours)"),
    ],
)
def test_options_that_say_nothing_are_refused(tmp_path: Path, choice: str, text: str, sentence: str) -> None:
    assert complaints(painted(tmp_path, ann=(1,)), **{choice: text}) == (sentence,)


def test_jpeg_masks_are_told_why_they_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "images/c1.png", 9)
    (tmp_path / "annotations/ann").mkdir(parents=True)
    Image.fromarray(np.arange(128 * 128).reshape(128, 128).astype(np.uint8)).save(tmp_path / "annotations/ann/c1.jpg")
    (line,) = complaints(tmp_path)
    assert "label values: expected 2 to 100, got" in line and "JPEG blurs labels: store them as PNG" in line


# ------------------------------------------------------------------------------------- colours
def test_colours_become_classes_by_a_table(tmp_path: Path) -> None:
    for case in ("c1", "c2"):
        picture(tmp_path / f"in/images/{case}.png", 9)
        colours = np.zeros((4, 5, 3), np.uint8)
        colours[1], colours[2] = (255, 0, 0), (0, 128, 0)
        picture(tmp_path / f"in/masks/{case}.png")
        Image.fromarray(colours).save(tmp_path / f"in/masks/{case}.png")
    found = complaints(tmp_path / "in")
    table = "a table of them: --colours background=#000000,name=#rrggbb"
    assert found[-1].startswith(f"colours: expected {table}, got #000000, #008000, #ff0000")
    table = "background=#000000,tumour=#ff0000,stroma=#008000"
    index_folder(tmp_path / "in", tmp_path / "out", colours=table)
    cohort = load_cohort(tmp_path / "out")
    assert [(label.name, label.value) for label in cohort.classes] == [("background", 0), ("tumour", 1), ("stroma", 2)]
    labels = read_labels(cohort.cases[0].annotations["reference"]).array
    assert labels[:, 0].tolist() == [0, 1, 2, 0]
    assert not (tmp_path / "in" / "manifest.csv").exists()

    (tmp_path / "table.csv").write_text("name,r,g,b\nbackground,0,0,0\ntumour,255,0,0\n")
    (line, _) = complaints(tmp_path / "in", out=tmp_path / "other", colours=str(tmp_path / "table.csv"))
    assert line.startswith("mask colours: expected #000000, #ff0000, got #008000 in 5 pixels (c1/reference,")


# ------------------------------------------------------------------------------------- 3D Slicer
def segmentation(path: Path, names: list[str], corner: tuple[int, int, int], box: np.ndarray) -> None:
    """A .seg.nrrd as Slicer writes it: values by name, in the box that holds them; box: (Z,Y,X)."""
    image = SimpleITK.GetImageFromArray(box)
    image.SetSpacing((1.0, 2.0, 3.0))
    image.SetOrigin([start * mm for start, mm in zip(corner, (1.0, 2.0, 3.0), strict=True)])
    for number, name in enumerate(names):
        image.SetMetaData(f"Segment{number}_Name", name)
        image.SetMetaData(f"Segment{number}_LabelValue", str(number + 1))
        image.SetMetaData(f"Segment{number}_Layer", "0")
    path.parent.mkdir(parents=True, exist_ok=True)
    SimpleITK.WriteImage(image, str(path))


def slicer_image(path: Path) -> None:
    voxels = np.arange(60, dtype=np.int16).reshape(3, 4, 5) + int(path.name[1])  # 5 x 4 x 3 of them, read as X,Y,Z
    image = SimpleITK.GetImageFromArray(voxels)
    image.SetSpacing((1.0, 2.0, 3.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    SimpleITK.WriteImage(image, str(path))


@pytest.mark.parametrize("place", ["{case}.nrrd {case}.seg.nrrd", "images/{case}.nrrd anna/{case}.seg.nrrd"])
def test_segments_go_by_their_names_onto_the_grid_of_the_image(tmp_path: Path, place: str) -> None:
    image, mask = place.split()
    for case, names in (("c1", ["liver", "spleen"]), ("c2", ["spleen", "liver"])):
        slicer_image(tmp_path / "in" / image.format(case=case))
        box = np.zeros((2, 2, 3), np.uint8)
        box[0, 0, 0], box[1, 1, 2] = 1, 2
        segmentation(tmp_path / "in" / mask.format(case=case), names, (2, 1, 1), box)
    index_folder(tmp_path / "in", tmp_path / "out")
    cohort = load_cohort(tmp_path / "out")
    assert [label.name for label in cohort.classes] == ["background", "liver", "spleen"]
    assert check_images(cohort).errors == ()
    for case, first, second in (("c1", 1, 2), ("c2", 2, 1)):
        (path,) = next(one for one in cohort.cases if one.name == case).annotations.values()
        labels = read_labels(path).array
        assert labels.shape == (5, 4, 3) and np.count_nonzero(labels) == 2
        assert (labels[2, 1, 1], labels[4, 2, 2]) == (first, second)


def test_segments_outside_of_their_image_are_refused(tmp_path: Path) -> None:
    slicer_image(tmp_path / "c1.nrrd")
    segmentation(tmp_path / "c1.seg.nrrd", ["liver"], (4, 0, 0), np.ones((1, 1, 3), np.uint8))
    assert complaints(tmp_path, out=tmp_path / "out") == (
        "grid of segments: expected a part of the image's, "
        "got one from voxel [4, 0, 0] to [7, 1, 1] of [5, 4, 3], or turned (c1/reference)",
    )


# ------------------------------------------------------------------------------------- broken files, splits
def test_broken_files_do_not_hide_the_other_faults_of_a_cohort(tmp_path: Path) -> None:
    folder(tmp_path, "images/{case}.png", "annotations/{annotator}/{case}.png")
    (tmp_path / "images/c1.png").write_bytes(b"")
    (tmp_path / "annotations/rater1/c1.png").write_bytes(b"no picture")
    picture(tmp_path / "annotations/rater2/c2.png", 1, shape=(4, 6))
    index_folder(tmp_path, tmp_path)
    errors = check_images(load_cohort(tmp_path)).errors
    assert [line.split(":")[0] for line in errors] == ["file", "file", "mask shape"]


def test_a_folder_named_nearly_as_a_split_is_asked_about(tmp_path: Path) -> None:
    folder(tmp_path, "train/{case}.png", "train/{case}_{annotator}.png")
    for name in ("d1", "d1_rater1"):
        picture(tmp_path / f"validate/{name}.png", 1)
    (line,) = complaints(tmp_path)
    assert line.startswith("split of a folder: expected train, val, test or a word unlike them, got validate; did you")
    splits = {case.name: case.split for case in index(tmp_path, split_words="validate=val").cases}
    assert splits == {"c1": "train", "c2": "train", "d1": "val"}


def test_the_spacing_of_pictures_is_stated_once_or_case_by_case(tmp_path: Path) -> None:
    folder(tmp_path, "images/{case}.png", "annotations/{annotator}/{case}.png")
    index_folder(tmp_path, tmp_path, spacing="0.5")
    assert [case.spacing_mm for case in load_cohort(tmp_path).cases] == [(0.5, 0.5), (0.5, 0.5)]
    assert check_images(load_cohort(tmp_path)).notes == ()
    (tmp_path / "cases.csv").write_text("case,spacing_mm\nc1,0.25x0.5\nc2,\n")
    index_folder(tmp_path, tmp_path, spacing="2", overwrite=True)
    assert [case.spacing_mm for case in load_cohort(tmp_path).cases] == [(0.25, 0.5), (2.0, 2.0)]


def test_a_stated_spacing_that_contradicts_the_file_is_an_error(tmp_path: Path) -> None:
    folder(tmp_path, "images/{case}.nii.gz", "annotations/{annotator}/{case}.nii.gz", scan)
    index_folder(tmp_path, tmp_path, spacing="2")
    assert check_images(load_cohort(tmp_path)).errors[0] == (
        "spacing: expected 1x1x1 mm, the file's own, got 2x2x2 mm in manifest.csv (c1, images/c1.nii.gz)"
    )


def test_thousands_of_files_in_one_folder_are_told_apart_in_seconds(tmp_path: Path) -> None:
    for number in range(1500):
        for addition in ("", "_ann"):
            (tmp_path / f"a_{number}{addition}.png").write_bytes(b"")
    began = time.process_time()
    (line,) = set(complaints(tmp_path)[:1])
    assert line.startswith("file: expected an image, got 0 bytes") and time.process_time() - began < 10
