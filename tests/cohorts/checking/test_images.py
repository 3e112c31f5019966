"""Every bad file, and the sentence that it gets."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from medseg.cohorts.checking.findings import Coverage, ImageFindings
from medseg.cohorts.checking.images import check_images
from medseg.cohorts.cohort import load_cohort
from medseg.contracts import Case, ClassLabel, Cohort, Volume
from medseg.images.files import write_labels


def findings(folder) -> ImageFindings:
    return check_images(load_cohort(folder.tables()))


def spoiled(folder, annotator: str, array: np.ndarray, affine: np.ndarray | None = None) -> tuple[str, ...]:
    """The errors after one mask of c01 was replaced."""
    path = folder.mask_path("c01", annotator)
    folder.write(path, array, *([] if affine is None else [affine]))
    return findings(folder).errors


# ------------------------------------------------------------------------------------- a good cohort
def test_a_good_cohort_has_no_complaint(volumes) -> None:
    found = findings(volumes)
    assert (found.errors, found.warnings, found.notes) == ((), (), ())
    assert found.coverage == (
        Coverage(annotator="ann", train=0, val=0, test=0, unassigned=2, foreground=0.25),
        Coverage(annotator="bob", train=0, val=0, test=0, unassigned=2, foreground=0.25),
    )


def test_pictures_without_a_scale_are_noted(pictures) -> None:
    found = findings(pictures)
    assert (found.errors, found.warnings) == ((), ())
    assert found.notes == ("no voxel size: 2 images; their lengths are in pixels (c01, c02)",)


def test_coverage_counts_masks_per_split(pictures) -> None:
    pictures.add("c03", ("ann",), split="train")
    pictures.add("c04", ("ann", "bob"), split="test")
    rows = findings(pictures).coverage
    assert [(row.train, row.val, row.test, row.unassigned) for row in rows] == [(1, 0, 1, 2), (0, 0, 1, 2)]
    assert rows[0].foreground == pytest.approx(0.25)


# ------------------------------------------------------------------------------------------- masks
def test_a_mask_of_another_shape(volumes) -> None:
    assert spoiled(volumes, "bob", np.zeros((6, 8, 3), np.uint8)) == (
        "mask shape: expected 6x8x4 (its image), got 6x8x3 (c01/bob)",
    )


def test_a_mask_of_another_spacing(volumes) -> None:
    affine = np.diag([-0.8, 0.8, 2.5, 1])
    affine[:3, 3] = 10, -20, 5
    assert spoiled(volumes, "bob", volumes.mask(), affine) == (  # 3 steps of .5 mm
        "mask affine: expected spacing 0.8x0.8x2 mm (its image), got spacing 0.8x0.8x2.5 mm, "
        "corners up to 1.5 mm apart (c01/bob)",
    )


def test_a_mask_that_is_flipped(volumes) -> None:
    affine = np.diag([0.8, 0.8, 2, 1])
    affine[:3, 3] = 10, -20, 5
    assert spoiled(volumes, "bob", volumes.mask(), affine) == (  # 5 steps of 1.6 mm
        "mask affine: expected spacing 0.8x0.8x2 mm (its image), got spacing 0.8x0.8x2 mm, "
        "corners up to 8 mm apart; looks like a left-right flip (c01/bob)",
    )


def test_a_hair_s_breadth_between_affines_is_no_difference(volumes) -> None:
    affine = np.diag([-0.8, 0.8, 2, 1])
    affine[:3, 3] = 10.0009, -20, 5
    assert spoiled(volumes, "bob", volumes.mask(), affine) == ()
    affine[0, 3] = 10.0011
    assert len(spoiled(volumes, "bob", volumes.mask(), affine)) == 1


def test_unknown_values_are_counted(volumes) -> None:
    mask = volumes.mask()
    mask[0, 0, 0], mask[5, 7, 2:] = 7, 9
    assert spoiled(volumes, "bob", mask) == (
        "mask values: expected 0, 1, got 7 in 1 voxels, 9 in 2 voxels (c01/bob, bob/c01.nii.gz)",
    )


def test_0_and_255_say_which_line_to_write(volumes) -> None:
    assert spoiled(volumes, "bob", volumes.mask() * 255) == (
        "mask values: expected 0, 1, got 255 in 48 voxels; cohort.yaml should read "
        "classes: {background: 0, object: 255} (c01/bob, bob/c01.nii.gz)",
    )


def test_soft_labels_are_errors_and_nearly_integers_a_note(volumes) -> None:
    assert spoiled(volumes, "bob", volumes.mask() * 0.7) == (
        "mask values: expected integers, got 0.7 (48 of 192 voxels); soft targets are not supported "
        "(c01/bob, bob/c01.nii.gz)",
    )
    assert spoiled(volumes, "bob", volumes.mask() * 1.0000002) == ()
    assert findings(volumes).notes == ("mask values rounded to integers: 1 masks (c01/bob)",)


def test_the_truth_is_checked_like_a_mask(volumes) -> None:
    volumes.row("c01", "gold")
    volumes.yaml += "truth: gold\n"
    assert spoiled(volumes, "gold", np.full((6, 8, 4), 3, np.uint8)) == (
        "mask values: expected 0, 1, got 3 in 192 voxels (c01/truth, gold/c01.nii.gz)",
    )


def test_empty_masks_are_counted_per_annotator(volumes) -> None:
    assert spoiled(volumes, "bob", np.zeros((6, 8, 4), np.uint8)) == ()
    assert findings(volumes).warnings == ("empty masks: 1 of 2 of bob have no foreground (c01)",)


# ------------------------------------------------------------------------------------------ images
def test_nan_and_inf_are_counted_and_the_first_is_named(volumes) -> None:
    image = volumes.image("c01").astype(np.float32)
    image[2, 3, 1], image[4, 0, 0] = np.nan, np.inf
    volumes.write(volumes.image_path("c01"), image)
    assert findings(volumes).errors == (
        "voxels: expected finite numbers, got 2 NaN or Inf, the first at (2, 3, 1) (c01, images/c01.nii.gz)",
    )


def test_a_4d_image(volumes) -> None:
    nib.Nifti1Image(np.zeros((6, 8, 4, 2), np.uint8), np.eye(4)).to_filename(volumes.image_path("c01"))
    assert findings(volumes).errors == (
        "dimensions: expected 2 or 3, got 6x8x4x2; 4-D: pick a volume or list channels (c01, images/c01.nii.gz)",
    )


@pytest.mark.parametrize("shape", [(6, 8, 1), (1, 6, 8)])
def test_a_single_slice_in_a_3d_cohort(volumes, shape: tuple[int, ...]) -> None:
    volumes.write(volumes.image_path("c01"), np.arange(48, dtype=np.uint8).reshape(shape))
    for annotator in ("ann", "bob"):
        volumes.write(volumes.mask_path("c01", annotator), np.zeros(shape, np.uint8))
    size = "6x8" if shape[-1] == 1 else "1x6x8"
    assert findings(volumes).errors == (
        f"spatial dims: expected 3 (cohort.yaml), got a single slice {size}; "
        "use spatial_dims: 2 or pad the volume (c01, images/c01.nii.gz)",
    )


def test_slices_stored_as_volumes_in_a_2d_cohort_are_noted(volumes) -> None:
    volumes.yaml = volumes.yaml.replace("dims: 3", "dims: 2")
    for case in ("c01", "c02"):
        volumes.write(volumes.image_path(case), volumes.image(case)[..., :1])
        for annotator in ("ann", "bob"):
            volumes.write(volumes.mask_path(case, annotator), volumes.mask()[..., :1])
    found = findings(volumes)
    assert found.errors == ()
    assert found.notes == ("trailing dimension 1 dropped: 2 images (c01, images/c01.nii.gz, c02, images/c02.nii.gz)",)


def test_other_dimensions_than_the_yaml_says(volumes) -> None:
    volumes.yaml = volumes.yaml.replace("dims: 3", "dims: 2")
    assert findings(volumes).errors[0] == (
        "spatial dims: expected 2 (cohort.yaml), got 3: 6x8x4 (c01, images/c01.nii.gz)"
    )


def test_the_number_of_channels(pictures) -> None:
    Image.fromarray(np.arange(240, dtype=np.uint8).reshape(8, 10, 3)).save(pictures.image_path("c01"))
    assert findings(pictures).errors == ("channels: expected 1 (intensity), got 3 (c01, images/c01.png)",)


def test_channels_of_one_case_must_agree(volumes) -> None:
    volumes.yaml = volumes.yaml.replace("[intensity]", "[t1, t2]")
    other = volumes.root / "t2.nii.gz"
    volumes.rows = [
        row.replace(f"images/{case}.nii.gz", f"images/{case}.nii.gz;t2.nii.gz")
        for row in volumes.rows
        for case in [row[:3]]
    ]
    write_labels(other, Volume(array=volumes.image("t2"), affine=np.eye(4), spacing_mm=None))
    assert [line.split(",")[0] for line in findings(volumes).errors] == [
        "channel affine: expected spacing 0.8x0.8x2 mm (the first channel)"
    ] * 2
    volumes.write(other, volumes.image("t2")[:5])
    assert findings(volumes).errors[0] == (
        "channel shape: expected 6x8x4 (the first channel), got 5x8x4 (c01, t2.nii.gz)"
    )


def test_constant_images_are_counted(volumes) -> None:
    volumes.write(volumes.image_path("c02"), np.full((6, 8, 4), 5, np.uint8))
    assert findings(volumes).warnings == ("constant images: 1 with the same number in every voxel (c02)",)


def test_an_affine_without_extent(volumes) -> None:
    write_labels(volumes.image_path("c01"), Volume(array=volumes.image("c01"), affine=np.eye(4), spacing_mm=None))
    image = nib.load(volumes.image_path("c01"))
    image.header.set_sform(np.diag([1.0, 0, 1, 1]), code=1)
    nib.Nifti1Image(np.asarray(image.dataobj), None, image.header).to_filename(volumes.image_path("c01"))
    assert findings(volumes).errors[0] == (
        "affine: expected finite, voxel lengths above 0 mm, got 1x0x1 mm (c01, images/c01.nii.gz)"
    )


# ----------------------------------------------------------------------------------- damaged files
def test_damaged_files_are_all_named_with_their_case(volumes) -> None:
    image, mask = volumes.image_path("c01"), volumes.mask_path("c02", "bob")
    image.write_bytes(image.read_bytes()[:200])
    broken = bytearray(mask.read_bytes())
    broken[-6] ^= 1
    mask.write_bytes(broken)
    volumes.mask_path("c01", "ann").write_bytes(b"")
    first, second, third = findings(volumes).errors
    assert first.startswith("file: expected 736 bytes unpacked, got ")  # 352 + 6*8*4*2
    assert first.endswith(" bytes: the .gz is cut off at its byte 200 (c01, images/c01.nii.gz)")
    assert second == "file: expected an image, got 0 bytes (c01/ann, ann/c01.nii.gz)"
    assert third == ("file: expected an intact .gz, got changed bytes: CRC check failed (c02/bob, bob/c02.nii.gz)")


# ------------------------------------------------------------------------------- the cohort as a whole
def test_the_same_image_under_two_patients_is_an_error(pictures) -> None:
    shutil.copy(pictures.image_path("c01"), pictures.image_path("c02"))
    assert findings(pictures).errors == (
        "cases with the same image: expected one, got c01 (patient c01, no split) and "
        "c02 (patient c02, no split) (images/c01.png = images/c02.png)",
    )


def test_the_same_image_across_splits_is_found_in_another_file_format(pictures) -> None:
    pictures.add("c03", patient="p", split="train")
    pictures.add("c04", patient="q", split="test")
    tiff = pictures.root / "images/c04.tif"
    write_labels(tiff, Volume(array=pictures.image("c03"), affine=np.eye(4), spacing_mm=None))
    pictures.rows = [row.replace("images/c04.png", "images/c04.tif") for row in pictures.rows]
    assert findings(pictures).errors == (
        "cases with the same image: expected one, got c03 (patient p, train) and "
        "c04 (patient q, test) (images/c03.png = images/c04.tif)",
    )


def test_the_same_image_twice_of_one_patient_is_a_warning(pictures) -> None:
    pictures.add("c03", patient="p")
    pictures.add("c04", patient="p")
    shutil.copy(pictures.image_path("c03"), pictures.image_path("c04"))
    found = findings(pictures)
    assert found.errors == ()
    assert len(found.warnings) == 1 and "c03 (patient p, no split) and c04" in found.warnings[0]


def test_an_annotator_with_nothing_to_learn_from_is_an_error(pictures) -> None:
    pictures.add("c03", ("eve",), split="test")
    pictures.add("c04", ("eve",), split="val")
    assert findings(pictures).errors == ("training masks: expected at least one, got none, of 2 masks in all (eve)",)


def test_a_cohort_that_is_only_tested_on_needs_no_training_mask(pictures) -> None:
    pictures.rows = pictures.rows[:1]
    pictures.row("c01", "ann", split="test")
    assert findings(pictures).errors == ()


# ------------------------------------------------------------------------------------------- words
def test_the_description_has_the_table_and_every_line() -> None:
    text = str(
        ImageFindings(
            errors=("e1", "e2"),
            warnings=(),
            notes=("n1",),
            coverage=(Coverage(annotator="person1", train=30, val=5, test=12, unassigned=0, foreground=0.1234),),
        )
    )
    assert text.splitlines() == [
        "annotator  cases  train    val   test  no split  foreground",
        "person1       47     30      5     12         0      12.34%",
        "",
        "2 errors",
        "e1",
        "e2",
        "",
        "1 note",
        "n1",
    ]
    assert str(ImageFindings(errors=(), warnings=(), notes=(), coverage=())).splitlines()[-1] == "no errors"


@pytest.mark.data
def test_real_images_pass() -> None:
    if "MEDSEG_DATA" not in os.environ:
        pytest.skip("MEDSEG_DATA does not name the folder of data sets")
    root = Path(os.environ["MEDSEG_DATA"]) / "lidc3d"
    annotators = ("reader1", "reader2", "reader3", "reader4")
    paths = sorted((root / "images").iterdir())[:6]
    cases = tuple(
        Case(
            name=path.name,
            patient=path.name.split("_")[0],
            split="",
            images=(path,),
            annotations={name: root / "annotations" / name / path.name for name in annotators},
        )
        for path in paths
    )
    classes = (ClassLabel(name="background", value=0), ClassLabel(name="nodule", value=1))
    found = check_images(
        Cohort(
            root=root,
            name="lidc3d",
            classes=classes,
            channels=("ct",),
            spatial_dims=3,
            annotators=annotators,
            crowd=(),
            cases=cases,
        )
    )
    assert (found.errors, found.warnings, found.notes) == ((), (), ())
    assert [row.unassigned for row in found.coverage] == [6] * 4
