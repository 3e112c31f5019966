"""Every layout is built with tiny files, indexed, and compared with what was put there."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from medseg.cohorts.cohort import load_cohort, write_cohort
from medseg.cohorts.layouts import LAYOUTS, index, values
from medseg.cohorts.layouts.files import natural, split_named
from medseg.cohorts.splits import SplitConfig, split_cases
from medseg.contracts import Case, ClassLabel, Cohort, Refused

from .tiny_files import picture, scan

BINARY = (ClassLabel(name="background", value=0), ClassLabel(name="object", value=1))


def write_json(path: Path, **content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def complaints(root: Path, **choices: str) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        index(root, **choices)
    return refused.value.complaints


def by_name(cohort: Cohort) -> dict[str, Case]:
    return {case.name: case for case in cohort.cases}


# -------------------------------------------------------------------------- folder per annotator
def annotator_folders(root: Path) -> Path:
    """c1, c2, c10: ann has all, bob has c1; a crowd slot and the truth have c1; gold/ is nobody's."""
    for case, shape in (("c1", (4, 5)), ("c2", (6, 5)), ("c10", (4, 9))):
        picture(root / "images" / f"{case}.png", 7, shape=shape)
        picture(root / "annotations" / "ann" / f"{case}.png", 255, shape=shape)
    for folder in ("annotations/bob", "crowd/worker1", "truth", "gold"):
        picture(root / folder / "c1.png", 255)
    return root


def test_annotators_crowd_and_truth_are_told_apart(tmp_path: Path) -> None:
    cohort = index(annotator_folders(tmp_path))
    assert [case.name for case in cohort.cases] == ["c1", "c2", "c10"]
    assert (cohort.annotators, cohort.crowd) == (("ann", "bob"), ("crowd/worker1",))
    assert cohort.classes == (ClassLabel(name="background", value=0), ClassLabel(name="object", value=255))
    assert (cohort.name, cohort.spatial_dims, cohort.channels) == (tmp_path.name, 2, ("intensity",))
    cases = by_name(cohort)
    assert cases["c1"].truth == tmp_path / "truth" / "c1.png"
    assert set(cases["c1"].annotations) == {"ann", "bob", "crowd/worker1"}
    assert (set(cases["c2"].annotations), cases["c2"].truth) == ({"ann"}, None)
    assert [(case.patient, case.split) for case in cohort.cases] == [("c1", ""), ("c2", ""), ("c10", "")]


def test_the_table_of_cases_gives_patient_split_and_covariates(tmp_path: Path) -> None:
    annotator_folders(tmp_path)
    table = "case,patient,split,site\nc1,anna,dev,rome\nc2,anna,dev,rome\nc10,ben,holdout,oslo\n"
    (tmp_path / "cases.csv").write_text(table)
    cases = by_name(index(tmp_path))
    assert (cases["c2"].patient, cases["c2"].split, cases["c2"].covariates) == ("anna", "", {"site": "rome"})
    assert (cases["c10"].patient, cases["c10"].split) == ("ben", "test")


def test_a_table_that_does_not_fit_is_refused_line_by_line(tmp_path: Path) -> None:
    annotator_folders(tmp_path)
    (tmp_path / "cases.csv").write_text("case,split\nc1,tset\nc2,\nc7,\n")
    assert complaints(tmp_path) == (
        "cases.csv: expected a line for c10, got none (c10)",
        "case of a line: expected a case with an image, got c7 (cases.csv)",
        "split: expected train, val, test, dev, holdout or empty, got tset; did you mean test? "
        "--map tset=val says what it means (c1, cases.csv)",
    )
    (tmp_path / "cases.csv").write_text("case,mask\nc1,a\nc1,b\n")
    assert complaints(tmp_path) == (
        f"column: expected another name (mask has a meaning in manifest.csv), got mask ({tmp_path / 'cases.csv'})",
        "lines of a case: expected one, got several (c1, cases.csv)",
    )


def test_what_was_indexed_can_be_written_elsewhere_and_loaded(tmp_path: Path) -> None:
    cohort = index(annotator_folders(tmp_path / "readonly"))
    before = sorted((tmp_path / "readonly").rglob("*"))
    write_cohort(replace(cohort, root=tmp_path / "elsewhere"))
    loaded = load_cohort(tmp_path / "elsewhere")
    assert sorted((tmp_path / "readonly").rglob("*")) == before
    assert (loaded.annotators, loaded.crowd, loaded.classes) == (
        cohort.annotators,
        cohort.crowd,
        cohort.classes,
    )
    masks = {name: path.resolve() for name, path in loaded.cases[0].annotations.items()}
    assert masks == {name: path.resolve() for name, path in cohort.cases[0].annotations.items()}
    assert loaded.cases[0].truth is not None


def test_rgb_has_three_channels_and_files_of_channels_are_joined(tmp_path: Path) -> None:
    picture(tmp_path / "rgb/images/c1.png", 9, shape=(4, 5, 3))
    picture(tmp_path / "rgb/annotations/ann/c1.png", 1)
    assert index(tmp_path / "rgb").channels == ("red", "green", "blue")

    for number in ("0000", "0001"):
        picture(tmp_path / f"two/images/c1_{number}.png", 9)
    picture(tmp_path / "two/annotations/ann/c1.png", 1)
    cohort = index(tmp_path / "two")
    assert cohort.channels == ("channel_1", "channel_2")
    assert [path.name for path in cohort.cases[0].images] == ["c1_0000.png", "c1_0001.png"]


def test_a_number_in_a_case_name_is_no_channel_if_a_mask_bears_it_too(tmp_path: Path) -> None:
    for name in ("scan_0001", "scan_0002"):
        picture(tmp_path / f"images/{name}.png", 9)
        picture(tmp_path / f"annotations/ann/{name}.png", 1)
    assert [case.name for case in index(tmp_path).cases] == ["scan_0001", "scan_0002"]


def test_volumes_have_three_dimensions(tmp_path: Path) -> None:
    scan(tmp_path / "images/c1.nii.gz", 9)
    scan(tmp_path / "annotations/ann/c1.nii.gz", 1, 4, 2)
    cohort = index(tmp_path)
    assert cohort.spatial_dims == 3
    assert [(label.name, label.value) for label in cohort.classes] == [
        ("background", 0),
        ("class_1", 1),
        ("class_2", 2),
        ("class_3", 4),
    ]


def test_masks_without_an_image_are_all_named(tmp_path: Path) -> None:
    annotator_folders(tmp_path)
    for annotator in ("ann", "bob"):
        picture(tmp_path / "annotations" / annotator / "c8.png", 255)
    assert complaints(tmp_path) == tuple(
        f"image of a mask: expected an image named c8, got none (c8/{name}, "
        f"{tmp_path / 'annotations' / name / 'c8.png'})"
        for name in ("ann", "bob")
    )


def test_two_files_of_one_name_and_blank_masks_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "images/c1.png", 9)
    picture(tmp_path / "annotations/ann/c1.png")
    mask = tmp_path / "annotations/ann/c1.png"
    assert complaints(tmp_path) == (f"label values: expected 2 to 100, got 1: 0 (1 masks, the first {mask})",)
    scan(tmp_path / "images/c1.nii.gz", 9)
    assert complaints(tmp_path) == (
        f"files of one name: expected one, got c1.nii.gz and c1.png ({tmp_path / 'images'})",
    )


def test_an_annotator_without_a_readable_mask_is_refused_with_all_of_them(tmp_path: Path) -> None:
    annotator_folders(tmp_path)
    broken = [tmp_path / "annotations/ann" / f"{case}.png" for case in ("c1", "c2", "c10")]
    for path in broken:
        path.write_bytes(b"")
    assert complaints(tmp_path) == tuple(f"file: expected an image, got 0 bytes ({path})" for path in broken)


def test_many_masks_are_sampled_from_the_first_to_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for number, path in enumerate(paths):
        picture(path, number)
    monkeypatch.setattr(values, "MOST_FILES", 3)
    assert values.values_found({"ann": paths}) == {"ann": {0, 2, 4}}


# ---------------------------------------------------------------------------------------- choices
def test_the_patient_is_what_the_expression_finds(tmp_path: Path) -> None:
    for eye in ("Image_01L", "Image_01R", "Image_02L"):
        picture(tmp_path / f"images/{eye}.png", 9)
        picture(tmp_path / f"annotations/ann/{eye}.png", 1)
    cohort = index(tmp_path, patient_from=r"Image_\d+")
    assert [case.patient for case in cohort.cases] == ["Image_01", "Image_01", "Image_02"]
    assert complaints(tmp_path, patient_from="L$") == (
        "patient: expected text that L$ finds in the case's name, got nothing (Image_01R)",
    )
    assert complaints(tmp_path, patient_from="(")[0].startswith("patient_from: expected a regular expression")


def test_a_folder_of_no_layout_gets_the_list(tmp_path: Path) -> None:
    picture(tmp_path / "photo.png", 9)
    first, *rest = complaints(tmp_path)
    assert first == (
        "layout: expected one of those below, got files like photo.png; "
        f"--pattern 'images/{{case}}.png' 'masks/{{annotator}}/{{case}}.png' reads any folder ({tmp_path})"
    )
    assert [line.split(": ")[0] for line in rest] == [f"layout {name}" for name in LAYOUTS]


def test_an_ambiguous_folder_asks_for_the_layout(tmp_path: Path) -> None:
    picture(tmp_path / "images/c1.png", 9)
    picture(tmp_path / "annotations/ann/c1.png", 1)
    picture(tmp_path / "lesions/c1_l0.png", 1)
    assert complaints(tmp_path) == (
        f"layout: expected one, got folder_per_annotator and lidc_crops; choose with --layout ({tmp_path})",
    )
    assert index(tmp_path, layout="lidc_crops").annotators == ("reader0",)
    assert index(tmp_path, layout="folder_per_annotator").annotators == ("ann",)


def test_wrong_choices_are_refused(tmp_path: Path) -> None:
    annotator_folders(tmp_path)
    assert complaints(tmp_path, layout="nnunt")[0].endswith(f"nnunt; did you mean nnunet? ({tmp_path})")
    assert complaints(tmp_path, layout="nnunet") == (
        f"layout nnunet: expected {LAYOUTS['nnunet'].needs}, got other names ({tmp_path})",
    )
    assert complaints(tmp_path, task="task01") == (
        f"--task: expected none (it means nothing to layout folder_per_annotator), got task01 ({tmp_path})",
    )


def test_names_sort_and_splits_are_read_as_people_mean_them() -> None:
    assert sorted(["r10", "r2", "R1"], key=natural) == ["R1", "r2", "r10"]
    assert [split_named(name) for name in ("Training", "holdout", "dev", "other")] == [
        "train",
        "test",
        "",
        None,
    ]


# ----------------------------------------------------------------------------------------- nnunet
def nnunet_folder(root: Path, **labels: object) -> Path:
    for part, case in (("Tr", "c1"), ("Tr", "c2"), ("Ts", "c3")):
        for channel in ("0000", "0001"):
            scan(root / f"images{part}" / f"{case}_{channel}.nii.gz", 9)
        scan(root / f"labels{part}_bob" / f"{case}.nii.gz", 1)
    scan(root / "labelsTr" / "c1.nii.gz", 1)
    classes = labels or {"background": 0, "organ": 2, "tumour": 1}
    write_json(root / "dataset.json", channel_names={"0": "T1", "1": "T2"}, labels=classes, file_ending=".nii.gz")
    return root


def test_nnunet_annotators_channels_classes_and_test_set(tmp_path: Path) -> None:
    cohort = index(nnunet_folder(tmp_path))
    assert (cohort.annotators, cohort.channels) == (("bob", "reference"), ("T1", "T2"))
    assert [label.name for label in cohort.classes] == ["background", "tumour", "organ"]
    cases = by_name(cohort)
    assert {name: case.split for name, case in cases.items()} == {"c1": "", "c2": "", "c3": "test"}
    assert [path.name for path in cases["c1"].images] == ["c1_0000.nii.gz", "c1_0001.nii.gz"]
    assert set(cases["c1"].annotations) == {"bob", "reference"} and set(cases["c2"].annotations) == {"bob"}


def test_nnunet_test_images_without_labels_are_left_out(tmp_path: Path) -> None:
    nnunet_folder(tmp_path)
    (tmp_path / "labelsTs_bob/c3.nii.gz").unlink()
    (tmp_path / "labelsTs_bob").rmdir()
    assert [case.name for case in index(tmp_path).cases] == ["c1", "c2"]


def test_nnunet_version_1_names_its_labels_by_number(tmp_path: Path) -> None:
    nnunet_folder(tmp_path)
    write_json(tmp_path / "dataset.json", modality={"0": "CT", "1": "PET"}, labels={"1": "lesion", "0": "background"})
    cohort = index(tmp_path)
    assert cohort.channels == ("CT", "PET")
    assert cohort.classes == (ClassLabel(name="background", value=0), ClassLabel(name="lesion", value=1))


def test_nnunet_ignores_what_its_json_calls_so(tmp_path: Path) -> None:
    cohort = index(nnunet_folder(tmp_path, background=0, organ=1, ignore=3))
    assert ([label.name for label in cohort.classes], cohort.ignored) == (["background", "organ"], (3,))
    assert index(tmp_path, annotators="reference=anna").annotators == ("anna", "bob")


def test_nnunet_regions_are_refused(tmp_path: Path) -> None:
    nnunet_folder(tmp_path, background=0, whole=[1, 2])
    where = tmp_path / "dataset.json"
    assert complaints(tmp_path) == (
        "labels.whole: expected one number (region-based labels overlap, and a voxel has one class here), "
        f"got [1, 2] ({where})",
    )


def test_nnunet_missing_channels_and_broken_json_are_refused(tmp_path: Path) -> None:
    nnunet_folder(tmp_path)
    (tmp_path / "imagesTr/c2_0001.nii.gz").unlink()
    assert complaints(tmp_path) == ("channels: expected 0000, 0001, got no 0001 (c2)",)
    (tmp_path / "dataset.json").write_text('{"labels": ')
    assert complaints(tmp_path)[0].startswith("dataset.json: expected JSON, got Expecting value")
    (tmp_path / "dataset.json").unlink()
    assert complaints(tmp_path) == (f"dataset.json: expected a file, got none ({tmp_path})",)


# -------------------------------------------------------------------------------------------- msd
def msd_folder(root: Path, **modality: str) -> Path:
    for case in ("hip_001", "hip_002"):
        scan(root / f"imagesTr/{case}.nii.gz", 9)
        scan(root / f"labelsTr/{case}.nii.gz", 1)
        (root / f"imagesTr/._{case}.nii.gz").write_bytes(b"left by a Macintosh")
    write_json(
        root / "dataset.json",
        modality=modality or {"0": "MRI"},
        labels={"0": "background", "1": "Anterior", "2": "Posterior"},
        training=[{"image": f"./imagesTr/hip_00{i}.nii.gz", "label": f"./labelsTr/hip_00{i}.nii.gz"} for i in (1, 2)],
        test=["./imagesTs/hip_003.nii.gz"],
    )
    return root


def test_msd_pairs_have_one_annotator(tmp_path: Path) -> None:
    cohort = index(msd_folder(tmp_path))
    assert (cohort.annotators, cohort.channels, cohort.spatial_dims) == (("reference",), ("MRI",), 3)
    assert [label.name for label in cohort.classes] == ["background", "Anterior", "Posterior"]
    assert by_name(cohort)["hip_002"].annotations == {"reference": tmp_path / "labelsTr/hip_002.nii.gz"}
    assert len(cohort.cases) == 2


def test_msd_missing_files_are_refused(tmp_path: Path) -> None:
    msd_folder(tmp_path)
    (tmp_path / "labelsTr/hip_002.nii.gz").unlink()
    assert complaints(tmp_path) == (
        "file: expected a file, got none at ./labelsTr/hip_002.nii.gz (dataset.json, training[1])",
    )


def test_msd_without_training_pairs_is_refused(tmp_path: Path) -> None:
    msd_folder(tmp_path)
    where = tmp_path / "dataset.json"
    write_json(where, modality={"0": "MRI"}, labels={"0": "background", "1": "a"}, training=["a.nii.gz"])
    assert complaints(tmp_path) == (
        f'training[0]: expected {{"image": path, "label": path}}, got "a.nii.gz" ({where})',
    )
    write_json(where, channel_names={"0": "MRI"}, labels={"background": 0, "a": 1}, numTraining=2)
    assert complaints(tmp_path) == (
        "training: expected a list of pairs (where images are numbered <case>_0000, the layout is nnunet), "
        f"got none ({where})",
    )


# ------------------------------------------------------------------------------------------- bids
def test_bids_annotator_by_description_with_sessions_and_names(tmp_path: Path) -> None:
    for session in ("ses-1", "ses-2"):
        stem = f"sub-01_{session}"
        scan(tmp_path / f"sub-01/{session}/anat/{stem}_T1w.nii.gz", 9)
        for named in ("desc-rater1_dseg", "rater-2_dseg"):
            scan(tmp_path / f"derivatives/manual/sub-01/{session}/anat/{stem}_{named}.nii.gz", 3)
    (tmp_path / "derivatives/manual/dseg.tsv").write_text("index\tname\n3\tlesion\n9\tunused\n")
    cohort = index(tmp_path)
    assert cohort.annotators == ("rater1", "rater2")
    assert cohort.classes == (ClassLabel(name="background", value=0), ClassLabel(name="lesion", value=3))
    assert [(case.name, case.patient) for case in cohort.cases] == [
        ("sub-01_ses-1_T1w", "sub-01"),
        ("sub-01_ses-2_T1w", "sub-01"),
    ]
    assert cohort.cases[1].covariates == {"session": "ses-2"}
    assert cohort.cases[1].images == (tmp_path / "sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz",)


def test_bids_annotator_by_folder_and_image_by_suffix(tmp_path: Path) -> None:
    for suffix in ("T1w", "T2w"):
        scan(tmp_path / f"sub-01/anat/sub-01_{suffix}.nii.gz", 9)
    scan(tmp_path / "derivatives/labels_rater-JD/sub-01/anat/sub-01_T2w_label-lesion_mask.nii.gz", 1)
    scan(tmp_path / "derivatives/labels/sub-01/anat/sub-01_T2w_label-lesion_rater2.nii.gz", 1)
    scan(tmp_path / "derivatives/labels/sub-01/anat/sub-01_T2w_desc-rater2_probseg.nii.gz", 1)
    cohort = index(tmp_path)
    assert [case.name for case in cohort.cases] == ["sub-01_T2w"]
    assert set(cohort.cases[0].annotations) == {"rater2", "raterJD"}


def test_bids_images_of_the_same_kind_without_a_mask_are_cases_too(tmp_path: Path) -> None:
    for subject, suffix in (("01", "T2w"), ("02", "T2w"), ("02", "T1w")):
        scan(tmp_path / f"sub-{subject}/anat/sub-{subject}_{suffix}.nii.gz", 9)
    scan(tmp_path / "derivatives/labels/sub-01/anat/sub-01_T2w_desc-rater1_dseg.nii.gz", 1)
    assert [(case.name, case.labelled) for case in index(tmp_path).cases] == [
        ("sub-01_T2w", True),
        ("sub-02_T2w", False),
    ]


def test_bids_image_that_cannot_be_told_is_refused(tmp_path: Path) -> None:
    for suffix in ("FLAIR", "T1w"):
        scan(tmp_path / f"sub-01/anat/sub-01_{suffix}.nii.gz", 9)
    mask = tmp_path / "derivatives/m/sub-01/anat/sub-01_desc-rater1_dseg.nii.gz"
    other = tmp_path / "derivatives/m/sub-02/anat/sub-02_desc-rater1_dseg.nii.gz"
    scan(mask, 1)
    scan(other, 1)
    assert complaints(tmp_path) == (
        "image of a mask: expected one that shares its entities, "
        f"got sub-01_FLAIR.nii.gz and sub-01_T1w.nii.gz ({mask})",
        f"image of a mask: expected one that shares its entities, got none in sub-02/anat ({other})",
    )


def test_bids_labels_are_tasks(tmp_path: Path) -> None:
    scan(tmp_path / "sub-01/anat/sub-01_T2star.nii.gz", 9)
    for label in ("GM", "WM"):
        scan(tmp_path / f"derivatives/m/sub-01/anat/sub-01_label-{label}_desc-rater1_mask.nii.gz", 1)
    assert complaints(tmp_path) == (f"task: expected one of GM, WM, got none; choose with --task ({tmp_path})",)
    masks = index(tmp_path, task="WM").cases[0].annotations
    assert masks["rater1"].name == "sub-01_label-WM_desc-rater1_mask.nii.gz"


def test_bids_two_masks_of_an_annotator_and_doubled_class_names_are_refused(tmp_path: Path) -> None:
    scan(tmp_path / "sub-01/anat/sub-01_T1w.nii.gz", 9)
    folder = tmp_path / "derivatives/m/sub-01/anat"
    scan(folder / "sub-01_desc-rater1_dseg.nii.gz", 1, 2)
    (tmp_path / "dseg.tsv").write_text("index\tname\n1\tlesion\n2\tlesion\n")
    assert complaints(tmp_path) == (
        "class names: expected another one for each value, got 0 background, 1 lesion, 2 lesion "
        f"(1 masks, the first {folder / 'sub-01_desc-rater1_dseg.nii.gz'})",
    )
    scan(folder / "sub-01_space-T1w_desc-rater1_dseg.nii.gz", 1)
    assert complaints(tmp_path) == (
        "masks of an annotator: expected one per image, got sub-01_desc-rater1_dseg.nii.gz and "
        "sub-01_space-T1w_desc-rater1_dseg.nii.gz (sub-01_T1w/rater1)",
    )


def test_bids_derivatives_without_an_annotator_are_refused(tmp_path: Path) -> None:
    scan(tmp_path / "sub-01/anat/sub-01_T1w.nii.gz", 9)
    scan(tmp_path / "derivatives/fmriprep/sub-01/anat/sub-01_desc-brain_mask.nii.gz", 1)
    assert complaints(tmp_path) == (
        "masks: expected names with desc-rater1, rater-1 or rater1, or folders named so, got none "
        f"({tmp_path / 'derivatives'})",
    )


# ------------------------------------------------------------------------------------------ qubiq
def qubiq_folder(root: Path) -> Path:
    for place in ("Training/case01", "Training/case02", "Validation/case03"):
        scan(root / place / "image.nii.gz", 9, shape=(4, 5, 1))
        for mask in ("task01_seg01", "task01_seg02", "task02_seg01"):
            scan(root / place / f"{mask}.nii.gz", 1, shape=(4, 5, 1))
    return root


def test_qubiq_tasks_are_cohorts_and_folders_are_splits(tmp_path: Path) -> None:
    assert complaints(qubiq_folder(tmp_path)) == (
        f"task: expected one of task01, task02, got none; choose with --task ({tmp_path})",
    )
    cohort = index(tmp_path, task="task01")
    assert (cohort.annotators, cohort.spatial_dims, cohort.classes) == (("seg01", "seg02"), 2, BINARY)
    assert [case.split for case in cohort.cases] == ["train", "train", "val"]
    assert index(tmp_path, task="task02").annotators == ("seg01",)
    assert [case.split for case in index(tmp_path / "Training", task="task02").cases] == ["", ""]


def test_qubiq_validation_cases_can_be_the_test_set_so_that_nothing_is_chosen_by_them(tmp_path: Path) -> None:
    cases = index(qubiq_folder(tmp_path), task="task01", split_words="validation=test").cases
    assert [case.split for case in cases] == ["", "", "test"]
    drawn = split_cases(cases, SplitConfig(val=0.5)).splits
    assert (drawn["case03"], sorted(drawn.values())) == ("test", ["test", "train", "val"])


def test_qubiq_cases_without_an_image_are_refused(tmp_path: Path) -> None:
    scan(tmp_path / "case01/task01_seg01.nii.gz", 1, shape=(4, 5, 1))
    assert complaints(tmp_path) == (f"image: expected image.nii.gz, got none ({tmp_path / 'case01'})",)


def test_an_image_of_other_dimensions_than_its_mask_is_refused(tmp_path: Path) -> None:
    scan(tmp_path / "images/c1.nii.gz", 9, shape=(4, 5, 3))
    scan(tmp_path / "annotations/ann/c1.nii.gz", 1, shape=(4, 5, 1))
    assert complaints(tmp_path) == (
        "dimensions of an image: expected 2 as its mask c1.nii.gz (4x5), "
        f"got 3 (4x5x3); channels belong into one file each ({tmp_path / 'images/c1.nii.gz'})",
    )


# ------------------------------------------------------------------------- the other challenges
def test_spinal_cord_masks_have_annotators_sites_and_tissues(tmp_path: Path) -> None:
    for case in ("site1-sc01", "site2-sc01"):
        scan(tmp_path / f"{case}-image.nii.gz", 9)
        (tmp_path / f"{case}-levels.txt").write_text("1,3\n")
        for annotator in (1, 2):
            scan(tmp_path / f"{case}-mask-r{annotator}.nii.gz", 1, 2)
    cohort = index(tmp_path)
    assert cohort.annotators == ("rater1", "rater2")
    assert [(label.name, label.value) for label in cohort.classes] == [
        ("background", 0),
        ("grey_matter", 1),
        ("white_matter", 2),
    ]
    assert [(case.name, case.covariates) for case in cohort.cases] == [
        ("site1-sc01", {"site": "site1"}),
        ("site2-sc01", {"site": "site2"}),
    ]


def test_lidc_crops_have_readers_and_splits(tmp_path: Path) -> None:
    for split, case in (("train", "a_1"), ("test", "b_2")):
        picture(tmp_path / split / f"images/{case}.png", 9)
        for reader in range(4):
            picture(tmp_path / split / f"lesions/{case}_l{reader}.png", 1)
    cohort = index(tmp_path)
    assert cohort.annotators == ("reader0", "reader1", "reader2", "reader3") and cohort.crowd == ()
    assert {case.name: case.split for case in cohort.cases} == {"a_1": "", "b_2": "test"}


def test_one_case_name_in_two_folders_is_refused(tmp_path: Path) -> None:
    for split in ("train", "val"):
        picture(tmp_path / split / "images/a.png", 9)
        picture(tmp_path / split / "lesions/a_l0.png", 1)
    assert complaints(tmp_path) == ("cases of one name: expected one, got several (a)",)


# -------------------------------------------------------------------------------------- real data
@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "patient_from", "cases", "annotators", "crowd", "patients", "dims"),
    [
        ("bubil_fibroblast", None, 47, 10, 7, 47, 2),
        ("lidc3d", None, 60, 4, 0, 60, 3),
        ("chase_db1", r"Image_\d+", 28, 2, 0, 14, 2),
    ],
)
def test_real_folders(
    name: str, patient_from: str | None, cases: int, annotators: int, crowd: int, patients: int, dims: int
) -> None:
    folder = os.environ.get("MEDSEG_DATA")
    if not folder or not (Path(folder) / name).is_dir():
        pytest.skip(f"MEDSEG_DATA names no folder with {name}")
    cohort = index(Path(folder) / name, patient_from=patient_from)
    assert (len(cohort.cases), len(cohort.annotators), len(cohort.crowd)) == (cases, annotators, crowd)
    assert len({case.patient for case in cohort.cases}) == patients
    assert (cohort.spatial_dims, len(cohort.classes)) == (dims, 2)
