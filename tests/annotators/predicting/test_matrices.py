"""The learned matrices voxel by voxel: on the image's grid, in one file per annotator."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import tifffile
import torch

from medseg.annotators.loading.placement import image_to_grid
from medseg.annotators.mathematics.model import AnnotatorModel
from medseg.annotators.predicting.matrices import matrix_complaints, native_matrices, reliability, write_matrices
from medseg.annotators.predicting.predictor import Predictor
from medseg.contracts import Volume

from .test_predictor import SHAPE, run_folder, volume


def test_matrices_come_back_from_the_grid_and_their_columns_sum_to_one(tmp_path: Path) -> None:
    """16x64 fills lines 24 to 40 of 64x64, so that nothing is resampled."""
    predictor, image = Predictor.load(run_folder(tmp_path / "run")), volume()
    found = np.stack(list(native_matrices(predictor, image)))
    assert found.shape == (2, 2, 2, *SHAPE) and found.sum(axis=1) == pytest.approx(1, abs=1e-5)
    placement = predictor.config.data.grid.place(SHAPE, image.affine, None)
    seen = torch.from_numpy(image_to_grid(image.array, placement))[None]
    assert isinstance(predictor.model, AnnotatorModel)
    expected = predictor.model.matrices(seen)[0, ..., 24:40, :].detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.ptp(found[0, 1, 1]) > 0.1  # another one at every voxel


@pytest.mark.parametrize("recipe", ["anchored", "shared_truth_global"])
def test_matrices_and_truth_give_the_predicted_annotators(tmp_path: Path, recipe: str) -> None:
    predictor, image = Predictor.load(run_folder(tmp_path / "run", recipe)), volume()
    prediction = predictor("c1", image)
    for matrices, probs in zip(native_matrices(predictor, image), prediction.annotator_probs, strict=True):
        expected = np.einsum("otyx,tyx->oyx", matrices, prediction.truth_probs)
        np.testing.assert_allclose(probs, expected, atol=1e-5)
        assert (reliability(matrices, prediction.truth_probs) <= 1 + 1e-5).all()


@pytest.mark.parametrize("recipe", ["soft_mean", "separate"])
def test_a_run_without_matrices_is_refused_by_the_name_of_its_recipe(tmp_path: Path, recipe: str) -> None:
    predictor = Predictor.load(run_folder(tmp_path / "run", recipe))
    sentence = f"--confusion: expected a run with confusion matrices (recipe=fused), got recipe {recipe} (run)"
    assert matrix_complaints(predictor, "--confusion", Path("run")) == [sentence]


def stored(path: Path) -> np.ndarray:
    """(C,...) as other programs read it."""
    if path.suffix == ".tif":
        return tifffile.imread(path)
    if path.suffix == ".gz":
        return np.moveaxis(np.squeeze(nib.load(path).get_fdata(), axis=2), -1, 0)
    return np.moveaxis(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path)), -1, 0).swapaxes(1, 2)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".png"])
def test_one_file_per_annotator_holds_all_entries_on_the_image_s_grid(tmp_path: Path, suffix: str) -> None:
    predictor = Predictor.load(run_folder(tmp_path / "run"))
    affine = np.diag([0.5, 2, 1, 1])
    image = Volume(array=volume().array, affine=affine, spacing_mm=(0.5, 2))
    prediction = predictor("c1", image)
    write_matrices(predictor, image, prediction, out=tmp_path, suffix=suffix)
    kept = {".png": ".tif"}.get(suffix, suffix)
    expected = list(native_matrices(predictor, image))
    for annotator, matrices in zip(("ann", "bob"), expected, strict=True):
        np.testing.assert_allclose(
            stored(tmp_path / "confusion" / annotator / f"c1{kept}"), matrices.reshape(4, *SHAPE)
        )
        assert (tmp_path / "reliability" / annotator / f"c1{kept}").is_file()
    if suffix == ".nii.gz":
        np.testing.assert_array_equal(nib.load(tmp_path / "confusion/ann/c1.nii.gz").affine, affine)
    rows = (tmp_path / "confusion" / "channels.csv").read_text().splitlines()
    assert rows == ["channel,observed,true", "0,background,background", "1,background,cell",
                    "2,cell,background", "3,cell,cell"]  # fmt: skip
