"""`medseg fuse`: from a cohort to files on its own grid, by the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile
from PIL import Image

from medseg.annotators.fusing.cohort import fuse_cohort
from medseg.annotators.fusing.results import unlabelled_value
from medseg.annotators.people.labelling import labelling_of
from medseg.annotators.people.report import report_people
from medseg.annotators.simulation.samples import write_samples
from medseg.cohorts import load_cohort
from medseg.contracts import Refused

from ...conftest import AFFINE, Folder
from ...faults.tiny_runs import medseg
from ..predicting.test_predictor import SHAPE, run_folder, volume


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder beside the cohort."""
    return tmp_path_factory.mktemp("elsewhere")


WAYS = ("fused", "vote", "soft", "staple")


def worth(out: Path) -> list[dict[str, str]]:
    with (out / "weights.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("way", WAYS)
def test_unanimous_volumes_are_fused_to_themselves_on_their_own_grid(
    volumes: Folder, elsewhere: Path, way: str
) -> None:
    out = elsewhere / "out"
    assert medseg("fuse", volumes.tables(), "--out", out, "--method", way) == (0, [])
    for case in ("c01", "c02"):
        fused, drawn = nib.load(out / "consensus" / f"{case}.nii.gz"), nib.load(volumes.mask_path(case, "ann"))
        np.testing.assert_array_equal(fused.get_fdata(), drawn.get_fdata())
        np.testing.assert_array_equal(fused.affine, drawn.affine)
        assert fused.get_data_dtype() == np.uint8
        probs = [nib.load(out / "probabilities" / name / f"{case}.nii.gz") for name in ("background", "object")]
        assert sum(each.get_fdata() for each in probs) == pytest.approx(1)
        np.testing.assert_allclose(probs[0].affine, AFFINE, rtol=1e-6)
        assert nib.load(out / "entropy" / f"{case}.nii.gz").get_fdata().max() < 0.4
    assert [(row["case"], row["annotator"]) for row in worth(out)] == [
        ("c01", "ann"), ("c01", "bob"), ("c02", "ann"), ("c02", "bob")
    ]  # fmt: skip
    assert [float(row["weight"]) for row in worth(out)] == pytest.approx([0.5] * 4)


def test_pictures_of_different_sizes_with_missing_annotators_and_unlabelled_pixels(
    pictures: Folder, elsewhere: Path
) -> None:
    """c02 was seen by bob alone, c03 is larger, c04 nobody labelled; 9 says nothing."""
    pictures.rows = [row for row in pictures.rows if not row.startswith("c02,,,images/c02.png,ann")]
    pictures.shape = (20, 12)
    pictures.add("c03")
    mask = pictures.mask()
    mask[-4:] = 9
    pictures.write(pictures.mask_path("c03", "ann"), mask)
    mask[-6:] = 9
    pictures.write(pictures.mask_path("c03", "bob"), mask)
    pictures.add("c04", annotators=())
    pictures.yaml += "ignore: [9]\n"
    found = fuse_cohort(pictures.tables(), elsewhere / "out")
    assert found.cases == ("c01", "c02", "c03") and found.left_out == ("c04",)
    assert "left out, for nobody labelled them: c04" in str(found)
    assert "voxels that nobody labelled have the value 9 (in 1 cases)" in str(found)
    fused = np.asarray(Image.open(elsewhere / "out" / "consensus" / "c03.png"))
    assert fused.shape == (20, 12) and (fused[-4:] == 9).all() and set(np.unique(fused[:-4])) == {0, 255}
    entropy = tifffile.imread(elsewhere / "out" / "entropy" / "c03.tif")
    assert np.isnan(entropy[-4:]).all() and np.isfinite(entropy[:-4]).all()
    assert (tifffile.imread(elsewhere / "out" / "probabilities" / "object" / "c03.tif")[-4:] == 0).all()
    assert [row["annotator"] for row in worth(elsewhere / "out") if row["case"] == "c02"] == ["bob"]
    np.testing.assert_array_equal(np.asarray(Image.open(elsewhere / "out" / "consensus" / "c02.png")),
                                  np.asarray(Image.open(pictures.mask_path("c02", "bob"))))  # fmt: skip


def test_the_model_of_a_run_reads_the_labels_on_the_cohort_s_grid(pictures: Folder, elsewhere: Path) -> None:
    pictures.shape = SHAPE
    pictures.value = 7
    for case in ("c01", "c02"):
        pictures.write(pictures.image_path(case), (volume().array[0] * 1000 + 30_000).astype(np.uint16))
        for annotator in ("ann", "bob"):
            pictures.write(pictures.mask_path(case, annotator), pictures.mask())
    pictures.yaml = pictures.yaml.replace("object: 255", "cell: 7")
    run = run_folder(elsewhere / "run", "shared_truth_global")  # at its beginning: matrices near the identity
    told = medseg("fuse", pictures.tables(), "--out", elsewhere / "out", "--method", "model", "--run", run)
    assert told == (0, [])
    fused = np.asarray(Image.open(elsewhere / "out" / "consensus" / "c01.png"))
    np.testing.assert_array_equal(fused, pictures.mask())
    assert {row["annotator"] for row in worth(elsewhere / "out")} == {"ann", "bob"}


def test_a_run_of_recipe_fused_needs_its_fusion(pictures: Folder, elsewhere: Path) -> None:
    pictures.yaml = pictures.yaml.replace("object: 255", "cell: 7")
    run = run_folder(elsewhere / "run", "fused")
    sentence = "run folder: expected fusion.json of a run of recipe fused, got none"
    with pytest.raises(Refused, match=sentence):
        fuse_cohort(pictures.tables(), elsewhere / "out", way="model", run=run)


def test_a_run_of_others_is_refused_with_all_that_does_not_fit(pictures: Folder, elsewhere: Path) -> None:
    pictures.rows = [row.replace(",ann,", ",cid,").replace(",bob,", ",dan,") for row in pictures.rows]
    with pytest.raises(Refused) as refusal:
        fuse_cohort(pictures.tables(), elsewhere / "out", way="model", run=run_folder(elsewhere / "run"))
    assert [line.rpartition(" (")[0] for line in refusal.value.complaints] == [
        "classes: expected background=0, cell=7, got background=0, object=255",
        "annotators: expected some of the run's: ann, bob, got cid, dan",
    ]
    assert not (elsewhere / "out").exists()


def test_what_cannot_be_read_is_told_before_anything_is_written(pictures: Folder, elsewhere: Path) -> None:
    for case in ("c01", "c02"):
        pictures.mask_path(case, "bob").write_bytes(b"no picture")
    with pytest.raises(Refused) as refusal:
        fuse_cohort(pictures.tables(), elsewhere / "out")
    assert len(refusal.value.complaints) == 2 and not (elsewhere / "out").exists()


def test_the_value_of_a_voxel_that_nobody_labelled_is_no_class(pictures: Folder) -> None:
    assert unlabelled_value(load_cohort(pictures.tables())) == 254  # 255 is the object
    pictures.yaml += "ignore: [9]\n"
    assert unlabelled_value(load_cohort(pictures.tables())) == 9


@pytest.mark.parametrize("good", [False, True])
def test_where_nobody_is_good_images_choose_the_mean_shape_and_it_is_said(elsewhere: Path, good: bool) -> None:
    """As a training on the same cohort does; with a good one the fusion stands, and nothing is said."""
    names = (("good",) if good else ()) + ("over:2", "under:1.5", "fractured_over")
    cohort = write_samples(elsewhere / "cohort", seed=0, spatial_dims=2, size=40, cases=12, annotators=names)
    found = fuse_cohort(cohort, elsewhere / "out")
    assert ("alarm: nobody is seen to be right: images tell" in str(found)) != good
    assert bool(labelling_of(cohort).fusion.reach) != good
    assert np.nanmean(found.dice) > np.nanmean(fuse_cohort(cohort, elsewhere / "vote", way="vote").dice) + 0.03
    assert "alarm:" not in report_people(cohort, elsewhere / "by_truth")  # nobody is measured by what labels say
    for name, word in (("manifest.csv", ",truth,"), ("cohort.yaml", "truth: truth")):
        lines = (cohort / name).read_text().splitlines(keepends=True)
        (cohort / name).write_text("".join(line for line in lines if word not in line))
    said = report_people(cohort, elsewhere / "people")
    assert ("alarm: nobody is seen to be right: images tell" in said) != good
