"""The embedded objects: reproducible, of distinct families, and taken apart by their own rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import convex_hull_image

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import Extraction, objects_of, read_objects
from medseg.amodal.shapes import (
    AFFINE,
    CLASSES,
    FAMILIES,
    OVERLAP,
    PAIRS,
    RULES,
    SHARED,
    SINGLES,
    render_map,
    write_shapes,
)
from medseg.cohorts.cohort import load_cohort
from medseg.contracts import ObjectCohort, Refused, Volume
from medseg.images.files import read_labels


def extracted(labels: np.ndarray) -> Extraction:
    cohort = ObjectCohort(
        root=Path(),
        name="shapes",
        classes=CLASSES,
        spatial_dims=labels.ndim,
        cases=(),
        rules=RULES,
    )
    return objects_of(Volume(array=labels, affine=np.eye(4), spacing_mm=None), cohort.scheme, "map")


def known_whole(amodal_object: AmodalObject) -> np.ndarray:
    assert amodal_object.amodal is not None
    return amodal_object.amodal


def test_a_map_depends_on_the_seed_and_its_number_alone():
    np.testing.assert_array_equal(render_map(1, 2, 2, 96), render_map(1, 2, 2, 96))
    assert (render_map(1, 2, 2, 96) != render_map(1, 3, 2, 96)).any()
    assert (render_map(1, 2, 2, 96) != render_map(2, 2, 2, 96)).any()


@pytest.mark.parametrize(("dims", "size"), [(2, 160), (3, 64)])
def test_all_objects_fit_in_and_keep_clear_of_the_border(dims: int, size: int):
    for index in range(4):
        labels = render_map(0, index, dims, size)
        assert labels.shape == (size,) * dims and labels.dtype == np.uint8
        assert ndimage.label(labels, np.ones((3,) * dims))[1] == PAIRS + SINGLES
        inner = labels[(slice(2, -2),) * dims]
        assert (labels > 0).sum() == (inner > 0).sum()


@pytest.mark.parametrize(("dims", "size", "maps"), [(2, 160, 12), (3, 64, 3)])
def test_the_rules_find_every_object_unoccluded_or_with_a_known_amodal_mask(dims: int, size: int, maps: int):
    for index in range(maps):
        found = extracted(render_map(3, index, dims, size))
        occluded = [amodal_object for amodal_object in found.objects if not amodal_object.unoccluded]
        assert found.dropped == () and len(found.objects) == 2 * PAIRS + SINGLES
        assert len(occluded) == 2 * PAIRS
        for amodal_object in occluded:
            amodal = known_whole(amodal_object)
            shared = (amodal & ~amodal_object.visible).sum() / amodal.sum()
            assert SHARED[0] <= shared <= SHARED[1] and amodal_object.occluder is not None
            assert not (amodal & ~amodal_object.visible & ~amodal_object.occluder).any()


def test_the_two_objects_of_every_overlap_are_of_two_classes():
    for index in range(12):
        labels = render_map(5, index, 2, 160)
        pieces, count = ndimage.label(labels == OVERLAP, np.ones((3, 3)))
        assert count >= PAIRS
        for piece in range(1, count + 1):
            around = ndimage.binary_dilation(pieces == piece, np.ones((3, 3)))
            assert len(set(np.unique(labels[around])) - {0, OVERLAP}) == 2


def test_families_differ_in_width_and_only_beans_are_nearly_convex_blobs():
    widths: dict[str, list[float]] = {family.name: [] for family in FAMILIES}
    filled: dict[str, list[float]] = {family.name: [] for family in FAMILIES}
    for index in range(12):
        for amodal_object in extracted(render_map(0, index, 2, 160)).objects:
            amodal = known_whole(amodal_object)
            widths[amodal_object.label].append(2 * ndimage.distance_transform_edt(np.pad(amodal, 1)).max())
            filled[amodal_object.label].append(amodal.sum() / convex_hull_image(amodal).sum())
    thin, thick, bean = (widths[family.name] for family in FAMILIES)
    assert min(len(thin), len(thick), len(bean)) > 20
    assert max(thin) < min(thick) and max(thick) < min(bean)
    assert all(0.75 < share < 0.99 for share in filled["bean"])


@pytest.mark.parametrize(("dims", "size", "suffix"), [(2, 80, ".png"), (3, 40, ".nii.gz")])
def test_a_written_cohort_reads_back_with_its_rules(dims: int, size: int, suffix: str, tmp_path: Path):
    cohort = load_cohort(write_shapes(tmp_path / "out", seed=7, spatial_dims=dims, cases=3, size=size))
    assert (cohort.name, cohort.spatial_dims, cohort.classes, cohort.rules) == (f"shapes_{dims}d", dims, CLASSES, RULES)
    assert [case.name for case in cohort.cases] == ["shapes_000", "shapes_001", "shapes_002"]
    for index, case in enumerate(cohort.cases):
        volume = read_labels(case.object_masks["full"])
        assert case.object_masks["full"].name == case.name + suffix and case.images == ()
        np.testing.assert_array_equal(volume.array, render_map(7, index, dims, size))
        np.testing.assert_allclose(volume.affine, AFFINE if dims == 3 else np.eye(4))
        objects = read_objects(case, cohort).objects
        assert any(amodal_object.unoccluded for amodal_object in objects) and any(
            not amodal_object.unoccluded for amodal_object in objects
        )


def test_a_folder_that_holds_files_is_refused(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(Refused) as refused:
        write_shapes(tmp_path, seed=0, spatial_dims=2, cases=1, size=80)
    assert refused.value.complaints == (
        f"output folder: expected a new or empty folder, got one that holds files ({tmp_path})",
    )
