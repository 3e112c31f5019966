"""Folders of label maps alone, indexed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medseg.amodal.layouts.label_maps import remarks
from medseg.amodal.objects.checking import check_objects
from medseg.cohorts.cohort import load_cohort, load_objects, write_cohort
from medseg.contracts import ClassLabel, ObjectRules, Refused, Volume
from medseg.experiment.cohorts import index_folder, indexed as index
from medseg.images.files import write_labels


def label_map(root: Path, name: str, *values: int, shape: tuple[int, ...] = (9, 30)) -> NDArray[np.uint16]:
    """A map of 0, but for the values given in its first pixels."""
    labels = np.zeros(shape, np.uint16)
    labels.reshape(-1)[: len(values)] = values
    write_labels(root / "labels" / name, Volume(array=labels, affine=np.eye(4), spacing_mm=None))
    return labels


def refusals(root: Path) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        index(root)
    return caught.value.complaints


@pytest.mark.parametrize(("suffix", "shape"), [(".png", (4, 5)), (".tif", (4, 5)), (".nrrd", (4, 5, 3))])
def test_every_value_is_a_class_and_every_map_a_case(tmp_path: Path, suffix: str, shape: tuple[int, ...]) -> None:
    label_map(tmp_path, f"ann2{suffix}", 1, 1, 7, shape=shape)
    label_map(tmp_path, f"ann10{suffix}", 3, shape=shape)
    cohort = index(tmp_path, patient_from="^...")
    values = [("background", 0), ("class_1", 1), ("class_3", 3), ("class_7", 7)]
    assert [(label.name, label.value) for label in cohort.classes] == values
    assert [(case.name, case.patient, case.images) for case in cohort.cases] == [
        ("ann2", "ann", ()),
        ("ann10", "ann", ()),
    ]
    assert (cohort.spatial_dims, cohort.annotators, cohort.rules) == (len(shape), (), ObjectRules())
    assert remarks(cohort) == []
    write_cohort(replace(cohort, root=tmp_path / "out"))
    loaded = load_cohort(tmp_path / "out")
    assert loaded.rules == cohort.rules
    assert loaded.cases[0].object_masks["full"].resolve() == cohort.cases[0].object_masks["full"].resolve()


def test_the_table_of_cases_gives_patient_and_split(tmp_path: Path) -> None:
    label_map(tmp_path, "a.png", 255)
    (tmp_path / "cases.csv").write_text("case,patient,split,site\na,anna,holdout,rome\n")
    cohort = index(tmp_path)
    (case,) = cohort.cases
    assert (case.patient, case.split, case.covariates) == ("anna", "test", {"site": "rome"})
    assert (
        cohort.classes == (ClassLabel(name="background", value=0), ClassLabel(name="object", value=255))
        and remarks(cohort) == []
    )


def test_255_is_never_taken_for_an_overlap_but_pointed_out(tmp_path: Path) -> None:
    label_map(tmp_path, "a.png", 1, 255)
    label_map(tmp_path, "b.png", 24)
    cohort = index(tmp_path)
    assert ClassLabel(name="class_255", value=255) in cohort.classes
    assert cohort.rules is not None and cohort.rules.overlap == ()
    assert remarks(cohort) == [
        "value 255 in 1 of 2 maps: if it means overlap or unknown, take class_255 out of the classes in cohort.yaml "
        "and write overlap: [255] (or unknown) below objects"
    ]
    write_cohort(replace(cohort, root=tmp_path / "out"))
    yaml = tmp_path / "out" / "cohort.yaml"
    yaml.write_text(yaml.read_text().replace("  class_255: 255\n", "").replace("overlap: []", "overlap: [255]"))
    edited = load_cohort(tmp_path / "out")
    assert edited.rules == ObjectRules(overlap=(255,)) and len(edited.classes) == 3


def test_many_values_are_instances_and_that_is_said(tmp_path: Path) -> None:
    label_map(tmp_path, "a.png", *range(1, 120))
    cohort = index(tmp_path)
    assert cohort.rules == ObjectRules(instances=True)
    assert [label.name for label in cohort.classes] == ["background", "object"]
    assert remarks(cohort) == [
        "more than 100 values: taken as numbers of instances of one class; "
        "if they are classes, list them in cohort.yaml and write objects: {instances: false}"
    ]


def test_few_values_are_instances_where_the_rules_say_so(tmp_path: Path) -> None:
    label_map(tmp_path / "cells", "a.png", 1, 1, 2, 2)
    label_map(tmp_path / "cells", "b.png", 0, 7, 7)
    said = index_folder(tmp_path / "cells", tmp_path / "cohort", rules="{instances: true, hides: all}")
    assert "classes background=0, object=1" in said and "number" not in said
    cohort = load_objects(tmp_path / "cohort")
    assert cohort.rules == ObjectRules(instances=True, hides={"object": ("object",)})
    found = check_objects(cohort)
    assert found.errors == ("unoccluded objects: expected at least one to train on, got none (cells)",)
    rules = ObjectRules(instances=True, hides={"object": ("object",)}, border="keep")
    assert [(one.unoccluded, one.dropped) for one in check_objects(replace(cohort, rules=rules)).tallies] == [(1, 0)]


def test_maps_of_two_and_three_axes_or_without_an_object_are_refused(tmp_path: Path) -> None:
    label_map(tmp_path, "a.nii.gz", 1)
    label_map(tmp_path, "b.nii.gz", 1, shape=(4, 5, 6))
    assert refusals(tmp_path) == (
        f"dimensions of the label maps: expected one number, got 2 (a) and 3 (b) ({tmp_path / 'labels'})",
    )
    label_map(tmp_path / "empty", "a.png")
    assert refusals(tmp_path / "empty") == (
        f"label values: expected 2 or more, got 1: [0] ({tmp_path / 'empty' / 'labels'})",
    )
    label_map(tmp_path / "broken", "a.png")
    (tmp_path / "broken" / "labels" / "a.png").write_bytes(b"")
    assert refusals(tmp_path / "broken") == (
        f"file: expected an image, got 0 bytes ({tmp_path / 'broken' / 'labels' / 'a.png'})",
    )


def test_label_maps_beside_images_are_another_layout(tmp_path: Path) -> None:
    label_map(tmp_path, "a.png", 1)
    (tmp_path / "images").mkdir()
    assert refusals(tmp_path)[0].startswith("layout: expected one of those below, got files like labels/a.png;")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "patient_from", "cases", "patients", "dims", "classes"),
    [("mfish", "^...", 116, 23, 2, 26), ("hippocampus", None, 261, 261, 3, 3)],
)
def test_real_folders(name: str, patient_from: str | None, cases: int, patients: int, dims: int, classes: int) -> None:
    folder = os.environ.get("MEDSEG_DATA")
    if not folder or not (Path(folder) / name).is_dir():
        pytest.skip(f"MEDSEG_DATA names no folder with {name}")
    cohort = index(Path(folder) / name, patient_from=patient_from)
    assert (len(cohort.cases), len({case.patient for case in cohort.cases})) == (cases, patients)
    assert (cohort.spatial_dims, len(cohort.classes)) == (dims, classes)
