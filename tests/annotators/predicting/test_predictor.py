"""`medseg predict`: from a run folder and images to maps on the images' own grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from torch import nn

from medseg.annotators.assembly import Signature, build_annotator_model
from medseg.annotators.config import RunConfig
from medseg.annotators.described import Described
from medseg.annotators.loading.placement import image_to_grid
from medseg.annotators.mathematics.confusion import PixelConfusion
from medseg.annotators.mathematics.model import AnnotatorModel
from medseg.annotators.mathematics.styles import StyleConfusion
from medseg.annotators.predicting.further_maps import FurtherMaps
from medseg.annotators.predicting.given_images import find_images
from medseg.annotators.predicting.predicted_cases import predict
from medseg.annotators.predicting.predictor import Predictor
from medseg.config import dump_config
from medseg.contracts import AskedMaps, ClassLabel, Refused, Said, Volume
from medseg.images.files import read_image, read_labels
from medseg.training.checkpoint import save_weights

SIGNATURE = Signature(
    annotators=("ann", "bob"),
    classes=(ClassLabel(name="background", value=0), ClassLabel(name="cell", value=7)),
    channels=1,
    spatial_dims=2,
)
SHAPE = (16, 64)


def run_folder(
    folder: Path,
    recipe: str = "anchored",
    channels: int = 1,
    seed: int = 0,
    *,
    people: Mapping[str, Said] | None = None,
    **grid: object,
) -> Path:
    """A run whose head has random weights: matrices far from the identity, and others in the padding.

    people: what its cohort says of ann and bob.
    """
    values = {"experiment": "x", "recipe": recipe, "seed": seed,
              "data": {"cohort": "none", "grid": {"size": (64, 64), **grid}},
              "network": {"channels": [4, 8], "features": 4}, "confusion": {"trunk": 4},
              "training": {"accelerator": "cpu"}}  # fmt: skip
    folder.mkdir()
    config = RunConfig.model_validate(values)
    described = Described.of(people or {}, SIGNATURE.annotators)
    signature = replace(SIGNATURE, channels=channels, described=described)
    model = build_annotator_model(config, signature)
    if isinstance(model, AnnotatorModel) and isinstance(model.confusion, PixelConfusion):
        nn.init.normal_(model.confusion.weight, std=3)
    if isinstance(model, AnnotatorModel) and isinstance(model.confusion, StyleConfusion):
        nn.init.normal_(model.confusion.weight_directions, std=3)
    if described:
        nn.init.normal_(model.confusion.said_weight)
    (folder / "config.yaml").write_text(dump_config(config))
    signature.write(folder / "model.json")
    save_weights(folder / "weights.pt", model)
    return folder


def volume(seed: int = 0) -> Volume:
    array = np.random.default_rng(seed).normal(size=(1, *SHAPE)).astype(np.float32)
    return Volume(array=array, affine=np.eye(4), spacing_mm=None)


def test_the_reported_confusion_is_that_of_the_image_not_of_its_padding(tmp_path: Path) -> None:
    """A 16x64 image fills lines 24 to 40 of the 64x64 grid."""
    predictor, image = Predictor.load(run_folder(tmp_path / "run")), volume()
    prediction = predictor("c1", image)
    placement = predictor.config.data.grid.place(SHAPE, image.affine, None)
    seen = torch.from_numpy(image_to_grid(image.array, placement))[None]
    model = predictor.model.eval()
    with torch.no_grad():
        truth = model(seen)
        matrices = model.confusion(model.confusion_features(seen, truth))
        joint = (matrices * truth.log_probs.exp()[:, None, None])[0, :, :, :, 24:40]
    np.testing.assert_allclose(prediction.joint_probs, joint.mean(dim=(3, 4)).numpy(), rtol=1e-4, atol=1e-6)
    whole = (matrices * truth.log_probs.exp()[:, None, None]).mean(dim=(4, 5))[0].numpy()
    assert np.abs(prediction.joint_probs - whole).max() > 0.01  # the padding would have shown


@pytest.mark.parametrize("grid", [{}, {"mode": "patch", "size": (16, 16), "overlap": 0.5}])
@pytest.mark.parametrize("recipe", ["anchored", "shared_truth_global", "soft_mean", "separate"])
def test_a_prediction_lies_on_the_image_s_grid_and_sums_to_one(tmp_path: Path, recipe: str, grid: dict) -> None:
    prediction = Predictor.load(run_folder(tmp_path / "run", recipe, **grid))("c1", volume())
    assert prediction.truth_probs.shape == (2, *SHAPE)
    assert prediction.annotator_probs.shape == (2, 2, *SHAPE)
    np.testing.assert_allclose(prediction.truth_probs.sum(0), 1, rtol=1e-5)
    np.testing.assert_allclose(prediction.annotator_probs.sum(1), 1, rtol=1e-5)
    if recipe != "separate":
        np.testing.assert_allclose(prediction.joint_probs.sum((1, 2)), 1, rtol=1e-5)
        shares = prediction.truth_probs.mean((1, 2))
        np.testing.assert_allclose(prediction.joint_probs.sum(1), np.stack([shares, shares]), rtol=1e-4)


def test_predict_writes_one_file_per_map_and_case(tmp_path: Path) -> None:
    run, images, out = run_folder(tmp_path / "run"), tmp_path / "images", tmp_path / "out"
    images.mkdir()
    for number in range(2):
        nib.save(nib.Nifti1Image(volume(number).array[0], np.eye(4)), images / f"c{number}.nii.gz")
    assert predict(run, images, out) == [out / "truth" / "c0.nii.gz", out / "truth" / "c1.nii.gz"]
    truth = read_labels(out / "truth" / "c1.nii.gz").array
    assert truth.shape == SHAPE and set(np.unique(truth)) <= {0, 7}
    expected = Predictor.load(run)("c1", volume(1))
    assert np.array_equal(truth, np.where(expected.truth_probs.argmax(0), 7, 0))
    folders = {path.parent.relative_to(out).as_posix() for path in out.rglob("*.nii.gz")}
    kinds = {"annotators/ann", "annotators/bob", "probabilities/background", "probabilities/cell", "entropy", "truth"}
    assert folders == kinds
    with pytest.raises(Refused, match="output folder: expected no predictions yet, got a folder truth/"):
        predict(run, images, out)


def test_predict_refuses_images_that_do_not_fit_before_it_writes(tmp_path: Path) -> None:
    run, images, out = run_folder(tmp_path / "run"), tmp_path / "images", tmp_path / "out"
    images.mkdir()
    nib.save(nib.Nifti1Image(volume().array[0], np.eye(4)), images / "a.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros((8, 8, 8), np.float32), np.eye(4)), images / "b.nii.gz")
    with pytest.raises(Refused, match=r"image: expected 2-D, got 3-D \(b\)"):
        predict(run, images, out)
    assert not out.exists()


def nnunet(folder: Path, *names: str) -> Path:
    """Images with these names, each other voxels."""
    folder.mkdir()
    for number, name in enumerate(names):
        nib.save(nib.Nifti1Image(volume(number).array[0], np.eye(4)), folder / f"{name}.nii.gz")
    return folder


@pytest.mark.parametrize(
    ("names", "known", "cases"),
    [
        (["c1_0000", "c1_0001", "c2_0000", "c2_0001"], [], {"c1": 2, "c2": 2}),
        (["c1_0000", "b2"], [], {"c1": 1, "b2": 1}),
        (["f_0001", "f_0002"], ["f_0007"], {"f_0001": 1, "f_0002": 1}),  # the run's own names end like this
        (["p_0001_0000", "p_0001_0001"], ["p_0007"], {"p_0001": 2}),
    ],
)
def test_numbers_of_channels_are_told_from_those_of_cases(
    tmp_path: Path, names: list[str], known: list[str], cases: dict[str, int]
) -> None:
    found = find_images(nnunet(tmp_path / "images", *names), known)
    assert {case: len(paths) for case, paths in found.items()} == cases


def test_two_channels_are_seen_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", channels=2)
    images = nnunet(tmp_path / "images", "c1_0001", "c1_0000")
    assert predict(run, images, tmp_path / "out") == [tmp_path / "out/truth/c1.nii.gz"]
    both = Volume(array=np.concatenate([volume(1).array, volume(0).array]), affine=np.eye(4), spacing_mm=None)
    expected = Predictor.load(run)("c1", both).truth_probs[1]
    found = read_image(tmp_path / "out/probabilities/cell/c1.nii.gz").array[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    predict(run, images / "c1_0000.nii.gz", tmp_path / "by-file")  # one channel's file stands for its case
    again = read_image(tmp_path / "by-file/probabilities/cell/c1.nii.gz").array[0]
    assert np.array_equal(again, found)
    (images / "c1_0001.nii.gz").unlink()
    with pytest.raises(Refused, match=r"image channels: expected 2, got 1 in c1_0000.nii.gz \(c1\)"):
        predict(run, images / "c1_0000.nii.gz", tmp_path / "other")


def test_one_file_is_predicted_and_each_annotator_s_probabilities_are_written_if_asked(tmp_path: Path) -> None:
    run, images, out = run_folder(tmp_path / "run"), nnunet(tmp_path / "images", "c1_0000", "c2_0000"), tmp_path / "out"
    assert predict(run, images / "c1_0000.nii.gz", out, FurtherMaps(asked=AskedMaps(annotator_probabilities=True))) == [
        out / "truth/c1.nii.gz"
    ]
    expected = Predictor.load(run)("c1", volume(0)).annotator_probs
    for a, annotator in enumerate(("ann", "bob")):
        for o, label in enumerate(("background", "cell")):
            found = read_image(out / "annotator_probabilities" / annotator / label / "c1.nii.gz").array[0]
            np.testing.assert_allclose(found, expected[a, o], atol=1e-6)
