"""DICOM SEG and RTSTRUCT as masks: voxel by voxel what was drawn, in a scan that is turned in space."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from medseg.cohorts.checking import check_images
from medseg.cohorts.cohort import load_cohort
from medseg.contracts import Refused
from medseg.experiment.cohorts import index_folder
from medseg.images import read_image, read_labels

pytest.importorskip("highdicom", reason="no highdicom is installed (pip install 'medseg[dicom]')")

from .tiny_dicom import AFFINE, SHAPE, rectangle, write_rtstruct, write_seg, write_series

LIVER, TUMOUR = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
LIVER[1:7, 2:5, 2:5], LIVER[4, 5, 3] = True, True
TUMOUR[7, 1:3, 4] = True


def complaints(folder: Path) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        index_folder(folder, folder / "out")
    return refused.value.complaints


def labels_of(folder: Path, annotator: str) -> np.ndarray:
    (case,) = load_cohort(folder).cases
    return read_labels(case.annotations[annotator]).array


def test_segments_come_voxel_by_voxel_onto_a_scan_that_is_turned(tmp_path: Path) -> None:
    slices = write_series(tmp_path / "in" / "p1" / "ct", "p1")
    write_seg(tmp_path / "in" / "p1" / "one.dcm", slices, {"tumour": TUMOUR, "liver": LIVER}, "Doe^Anna")
    write_seg(tmp_path / "in" / "p1" / "two.dcm", slices[::-1], {"liver": LIVER[..., ::-1]}, "Ben")
    told = index_folder(tmp_path / "in", tmp_path / "out")
    cohort = load_cohort(tmp_path / "out")
    assert cohort.annotators == ("Ben", "Doe_Anna") and [case.patient for case in cohort.cases] == ["p1"]
    assert [label.name for label in cohort.classes] == ["background", "liver", "tumour"]
    assert "1 cases of 1 patients, 2 annotators" in told and check_images(cohort).errors == ()
    assert labels_of(tmp_path / "out", "Doe_Anna").tolist() == (LIVER + 2 * TUMOUR).tolist()
    assert labels_of(tmp_path / "out", "Ben").tolist() == LIVER.astype(int).tolist()
    image = read_image(cohort.cases[0].images[0])
    x, y, z = np.indices(SHAPE)
    assert image.array[0].tolist() == (100 * z + 10 * y + x).tolist()
    assert image.affine == pytest.approx(AFFINE, abs=1e-5)


def test_a_segment_in_slices_that_are_not_neighbours_stays_in_its_own(tmp_path: Path) -> None:
    slices, apart = write_series(tmp_path / "in" / "ct", "p1"), np.zeros(SHAPE, bool)
    apart[2:4, 3, [1, 5]] = True
    single = np.zeros(SHAPE, bool)
    single[8, 7, 0] = True
    write_seg(tmp_path / "in" / "a.dcm", slices, {"cyst": apart}, "ann")
    write_seg(tmp_path / "in" / "b.dcm", slices, {"cyst": single}, "ben")
    index_folder(tmp_path / "in", tmp_path / "out")
    assert labels_of(tmp_path / "out", "ann").tolist() == apart.astype(int).tolist()
    assert labels_of(tmp_path / "out", "ben").tolist() == single.astype(int).tolist()


def test_outlines_are_filled_and_one_within_another_is_a_hole(tmp_path: Path) -> None:
    slices = write_series(tmp_path / "in" / "ct", "p1")
    outer, hole = rectangle((0.6, 6.4), (1.6, 6.4), 3), rectangle((2.6, 4.4), (2.6, 4.4), 3)
    elsewhere = rectangle((6.7, 8.2), (0.8, 1.3), 0)
    for who, outlines in (("anna", [outer, hole]), ("ben", [outer])):
        structures = {"body": [rectangle((-0.5, 8.5), (-0.5, 7.5), 3)], "kidney": [*outlines, elsewhere]}
        write_rtstruct(tmp_path / "in" / who / "rs.dcm", slices, structures, f"of {who}")
    index_folder(tmp_path / "in", tmp_path / "out", classes="background=0,kidney=1")
    expected = np.zeros(SHAPE, int)
    expected[1:7, 2:7, 3], expected[7:9, 1, 0] = 1, 1
    assert load_cohort(tmp_path / "out").annotators == ("of_anna", "of_ben")
    assert labels_of(tmp_path / "out", "of_ben").tolist() == expected.tolist()
    expected[3:5, 3:5, 3] = 0
    assert labels_of(tmp_path / "out", "of_anna").tolist() == expected.tolist()


def test_a_mask_may_lie_beside_the_slices_of_its_scan(tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        slices = write_series(tmp_path / "in" / patient, patient)
        write_rtstruct(tmp_path / "in" / patient / "rs.dcm", slices, {"cyst": [rectangle((1, 3), (1, 3), 2)]}, patient)
    index_folder(tmp_path / "in", tmp_path / "out")
    cohort = load_cohort(tmp_path / "out")
    assert [case.name for case in cohort.cases] == ["p1", "p2"]
    assert cohort.annotators == ("rs",)  # the label and the folder would be another person for each case


def test_what_does_not_fit_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    slices = write_series(tmp_path / "ct", "p1")
    write_rtstruct(tmp_path / "rs.dcm", slices, {"cyst": [rectangle((1, 3), (1, 3), 2.4)]}, "anna")
    assert complaints(tmp_path) == (
        "outline: expected one in a slice of its scan, got one from slice 2.40 to 2.40 of 6 (p1/anna)",
    )
    over = {name: [rectangle((0.5, 2.5), (0.5, 2.5), 1)] for name in ("body", "cyst")}
    write_rtstruct(tmp_path / "rs.dcm", slices, over, "anna")
    assert complaints(tmp_path) == ("voxels of two segments: expected none, got cyst over others in 4 (p1/anna)",)
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "rs.dcm", tmp_path / "copy" / "rs.dcm")
    for path in slices:
        path.unlink()
    first, second = complaints(tmp_path)
    assert first.startswith("scan of a mask: expected a series below the folder, got ") and "rs.dcm" in second
    assert not (tmp_path / "out").exists()


def test_masks_of_one_scan_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    slices = write_series(tmp_path / "ct", "p1")
    for place in ("a/b/rs.dcm", "b/rs.dcm"):
        write_rtstruct(tmp_path / place, slices, {"cyst": [rectangle((1, 3), (1, 3), 2)]}, "anna")
    (line,) = complaints(tmp_path)
    assert line.startswith("masks of one scan: expected files that differ in who made them, what they are called, or ")
    assert f"got {tmp_path}/a/b/rs.dcm and {tmp_path}/b/rs.dcm" in line


def test_a_segmentation_on_another_grid_is_refused(tmp_path: Path) -> None:
    slices = write_series(tmp_path / "in" / "ct", "p1")
    write_seg(tmp_path / "in" / "a.dcm", slices, {"cyst": TUMOUR}, "ann")
    shutil.rmtree(tmp_path / "in" / "ct")
    write_series(tmp_path / "in" / "ct", "p1", moved=0.5)
    (line,) = complaints(tmp_path / "in")
    assert line == (
        "grid of segments: expected a part of the scan's, "
        "got one from voxel [-0.5, 0.0, 4.0] to [7.5, 7.0, 4.0] of [9, 8, 6], or turned (p1/ann)"
    )


def test_without_the_package_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slices = write_series(tmp_path / "ct", "p1")
    write_seg(tmp_path / "a.dcm", slices, {"cyst": TUMOUR})
    monkeypatch.setitem(sys.modules, "highdicom.seg", None)
    assert complaints(tmp_path) == (
        "DICOM SEG and RTSTRUCT: expected the package highdicom: pip install 'medseg[dicom]', "
        f"got none ({tmp_path / 'a.dcm'})",
    )
