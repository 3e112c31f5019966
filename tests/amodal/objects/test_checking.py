"""`medseg check` of a cohort of objects: the table, the reasons, and every complaint word for word."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from medseg.amodal.objects.checking import ObjectFindings, Tally, check_objects, chosen_objects
from medseg.cohorts.cohort import load_cohort
from medseg.contracts import Volume
from medseg.images.files import write_labels

OBJECTS = "objects: {overlap: 255, unknown: 254, smallest: 3}\n"
SCALE = np.diag([0.5, 0.5, 2.0, 1.0])


def crossing(shift: int = 0) -> NDArray[np.uint8]:
    """A liver and a gut that cross, a complete liver beside them, and a speck of gut."""
    labels = np.zeros((12, 24), np.uint8)
    labels[1:10, 4:7], labels[4:7, 1:10], labels[4:7, 4:7] = 1, 2, 255
    labels[2:5, 12 + shift : 16 + shift] = 1
    labels[10, 20] = 2
    return labels


def cohort_folder(root: Path, maps: Mapping[str, NDArray[np.integer]], split: str = "", objects: str = OBJECTS) -> Path:
    rows = ["case,patient,split,image,annotator,mask,target"]
    dims = next(iter(maps.values())).ndim
    for name, labels in maps.items():
        suffix = ".png" if dims == 2 else ".nii.gz"
        write_labels(root / f"{name}{suffix}", Volume(array=labels, affine=SCALE, spacing_mm=None))
        rows.append(f"{name},,{split},,labels,{name}{suffix},")
    (root / "manifest.csv").write_text("\n".join(rows) + "\n")
    classes = "classes: {background: 0, liver: 1, gut: 2}\n"
    (root / "cohort.yaml").write_text(f"name: belly\nspatial_dims: {dims}\n{classes}{objects}")
    return root


def findings(root: Path) -> ObjectFindings:
    return check_objects(load_cohort(root))


def test_objects_are_counted_by_class_and_reason(tmp_path: Path) -> None:
    unknown = crossing(2)
    unknown[2:5, 18] = 254
    found = findings(cohort_folder(tmp_path, {"m1": crossing(), "m2": unknown}))
    assert found.errors == () and isinstance(found, ObjectFindings)
    assert found.tallies == (
        Tally(label="liver", unoccluded=1, amodal_known=2, amodal_unknown=1, dropped=0),
        Tally(label="gut", unoccluded=0, amodal_known=2, amodal_unknown=0, dropped=2),
    )
    assert found.reasons == ("dropped, smaller than 3 voxels: 2 (m1/gut-2, m2/gut-2)",)
    assert found.warnings == ("classes without an unoccluded object: 1, whose shape cannot be learnt (gut)",)
    assert str(found).splitlines() == [
        "class  objects  unoccluded  occluded, amodal known  occluded, amodal unknown  dropped",
        "liver        4           1                       2                         1        0",
        "gut          4           0                       2                         0        2",
        "all          8           1                       4                         1        2",
        "",
        "dropped, smaller than 3 voxels: 2 (m1/gut-2, m2/gut-2)",
        "",
        "no errors",
        "",
        "1 warning",
        "classes without an unoccluded object: 1, whose shape cannot be learnt (gut)",
        "",
        "1 note",
        "no voxel size: 2 label maps; their lengths are in pixels (m1, m2)",
    ]


def test_every_bad_map_is_named_at_once(tmp_path: Path) -> None:
    novel = crossing()
    novel[0, :4] = 9
    root = cohort_folder(tmp_path, {"m1": crossing(), "m2": novel, "m3": np.zeros((4, 5), np.uint8)})
    (root / "m1.png").write_bytes(b"")
    assert findings(root).errors == (
        "file: expected an image, got 0 bytes (m1, m1.png)",
        "label values: expected 0, 1, 2, 255, 254, got 9 in 4 voxels; cohort.yaml should read class_9: 9 among its "
        "classes, or objects: {overlap: [255, 9]}, or objects: {unknown: [254, 9]} (m2)",
        "label map: expected at least one object, got background alone (m3)",
    )


def test_without_an_unoccluded_object_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    labels = crossing()
    labels[:, 11:] = 0
    untrainable = (
        "unoccluded objects: expected at least one to train on, got none; complete: known would learn from the 2 whose "
        "amodal mask is known (belly)",
    )
    assert findings(cohort_folder(tmp_path, {"m1": labels})).errors == untrainable
    known = findings(cohort_folder(tmp_path, {"m1": labels}, objects=OBJECTS.replace("}", ", complete: known}")))
    assert (known.errors, known.warnings) == ((), ())
    unknown = OBJECTS.replace("overlap", "hides: all, complete: known, overlap")
    labels[labels == 255] = 1  # of the two nobody knows which one hides the other
    assert findings(cohort_folder(tmp_path, {"m1": labels}, objects=unknown)).errors == (
        "unoccluded objects: expected at least one to train on, got none (belly)",
    )
    assert findings(cohort_folder(tmp_path, {"m1": labels}, split="test")).errors == ()


def test_a_4d_label_map_is_refused(tmp_path: Path) -> None:
    root = cohort_folder(tmp_path, {"m1": np.stack([crossing()] * 4, -1)})
    nib.save(nib.Nifti1Image(np.ones((6, 8, 4, 2), np.uint8), np.eye(4)), root / "m1.nii.gz")
    (error,) = findings(root).errors
    assert error.startswith("dimensions: expected 2 or 3, got 6x8x4x2; 4-D: pick a volume")


def test_mixed_voxel_sizes_are_a_warning_with_the_sizes(tmp_path: Path) -> None:
    thick = np.pad(crossing()[..., None], ((0, 0), (0, 0), (1, 1))).repeat(2, -1)
    root = cohort_folder(tmp_path, {"m1": thick, "m2": np.roll(thick, 1, 1)})
    write_labels(root / "m2.nii.gz", Volume(array=np.roll(thick, 1, 1), affine=np.eye(4), spacing_mm=None))
    (warning,) = (line for line in findings(root).warnings if "voxel" in line)
    assert (
        warning == "voxel sizes: expected one in all cases, got 0.5x0.5x2 mm in 1 (m1) and 1x1x1 mm in 1 (m2) (belly)"
    )


def test_one_map_under_two_patients_is_a_leak(tmp_path: Path) -> None:
    root = cohort_folder(tmp_path, {"m1": crossing(), "m2": crossing(1)})
    shutil.copy(root / "m1.png", root / "m2.png")
    assert findings(root).errors == (
        "cases with the same label map: expected one, got m1 (patient m1, no split) and m2 (patient m2, no split) "
        "(m1.png = m2.png)",
    )


def test_the_chosen_objects_are_half_occluded_and_come_first(tmp_path: Path) -> None:
    maps = {f"m{number}": crossing(number) for number in range(6)}
    cohort = load_cohort(cohort_folder(tmp_path, maps))
    chosen = chosen_objects(cohort, 6, seed=0)
    assert [one.unoccluded for one in chosen] == [False] * 3 + [True] * 3
    assert [one.name for one in chosen] == [one.name for one in chosen_objects(cohort, 6, seed=0)]
    assert [one.unoccluded for one in chosen_objects(cohort, 40, seed=0)] == [False] * 12 + [True] * 6
