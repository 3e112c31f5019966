"""An exported bundle: MONAI's own tools run it, without medseg, to the truth of `medseg predict`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import monai.bundle
import nibabel as nib
import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from medseg.annotators.assembly import build_annotator_model
from medseg.annotators.config import RunConfig
from medseg.annotators.exporting import export_bundle
from medseg.annotators.predicting.predicted_cases import predict
from medseg.annotators.predicting.predictor import Predictor
from medseg.config import dump_config
from medseg.contracts import Refused
from medseg.experiment.export import WITHOUT_ONNX, export_run
from medseg.images.files import read_image, read_labels
from medseg.training import programs
from medseg.training.checkpoint import save_weights

from ..predicting.test_predictor import SIGNATURE, run_folder

CONFIGS = {"meta_file": "configs/metadata.json", "config_file": "configs/inference.json"}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run_bundle(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `python -m monai.bundle run` in its folder, after MONAI has verified it."""
    monkeypatch.chdir(bundle)
    monkeypatch.syspath_prepend(str(bundle))
    for name in [name for name in sys.modules if name.partition(".")[0] == "scripts"]:
        monkeypatch.delitem(sys.modules, name)
    monai.bundle.verify_net_in_out(net_id="network_def", device="cpu", **CONFIGS)
    workflow = monai.bundle.ConfigWorkflow(workflow_type="infer", **CONFIGS, logging_file=False)
    workflow.initialize()
    assert workflow.check_properties() == []
    workflow.run()
    workflow.finalize()


def volume_run(folder: Path, spacing: dict[str, object], intensity: dict[str, object], mirror: bool) -> Path:
    """A run of volumes, resampled, that are seen by overlapping windows, of which mirror images may be seen."""
    values = {"experiment": "x", "recipe": "soft_mean", "network": {"channels": [4, 8], "features": 4}, "seed": 3,
              "data": {"cohort": "none", "augment": {"flip_axes": [0, 2]}, "intensity": intensity,
                       "grid": {"mode": "patch", "size": (8, 8, 8), **spacing}},
              "inference": {"mirror": mirror},
              "training": {"accelerator": "cpu"}}  # fmt: skip
    folder.mkdir()
    config, signature = RunConfig.model_validate(values), replace(SIGNATURE, spatial_dims=3)
    (folder / "config.yaml").write_text(dump_config(config))
    signature.write(folder / "model.json")
    save_weights(folder / "weights.pt", build_annotator_model(config, signature))
    return folder


def test_pictures_in_two_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs give what the network gives, and MONAI's labels are those of `predict`."""
    run, bundle, rng = run_folder(tmp_path / "run", channels=2), tmp_path / "bundle", np.random.default_rng(0)
    assert export_run(run, bundle) == f"exported: {bundle}/models: model.pt, model.pt2, model.onnx"
    model = Predictor.load(run).model.eval()
    image = torch.from_numpy(rng.normal(size=(3, 2, 64, 64)).astype(np.float32))
    with torch.no_grad():
        probs = model(image).log_probs.exp()
    program = torch.export.load(bundle / "models" / "model.pt2").module()
    torch.testing.assert_close(program(image), probs)
    (of_onnx,) = onnxruntime.InferenceSession(bundle / "models" / "model.onnx").run(["probs"], {"image": image.numpy()})
    torch.testing.assert_close(torch.from_numpy(of_onnx), probs, rtol=1e-4, atol=1e-5)

    (bundle / "images").mkdir()
    for name in ("a_0000", "a_0001", "b_0000", "b_0001"):
        Image.fromarray(rng.integers(0, 255, (20, 90), np.uint8)).save(bundle / "images" / f"{name}.png")
    run_bundle(bundle, monkeypatch)
    truths = predict(run, bundle / "images", tmp_path / "maps")
    assert [path.name for path in truths] == ["a.png", "b.png"]
    for path, written in zip(truths, sorted((bundle / "eval").iterdir()), strict=True):
        labels = read_labels(path).array
        assert set(np.unique(labels)) == {0, 7}
        np.testing.assert_array_equal(read_labels(written).array, labels)
    for path in (bundle / "scripts").iterdir():
        assert not re.search(r"^\s*(from|import) medseg", path.read_text(), re.M)
    described = json.loads((bundle / "configs" / "metadata.json").read_text())["network_data_format"]
    assert described["outputs"]["pred"]["channel_def"] == {"0": "background", "1": "cell"}


MM, PIXELS = {"spacing_mm": (1, 1, 1)}, {"spacing_pixels": (1.2, 0.8, 0.7)}
WINDOW = {"normalisation": "window", "window": (-1.5, 2), "mean": 0.2, "deviation": 0.4}


@pytest.mark.parametrize(
    "spacing, intensity, mirror",
    [(MM, {}, False), (MM, {}, True), (PIXELS, WINDOW, False), (PIXELS, {"normalisation": "nonzero"}, True)],
)
def test_volumes_are_turned_resampled_and_seen_by_windows(
    spacing: dict[str, object],
    intensity: dict[str, object],
    mirror: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, "find_spec", lambda _: None)
    run, bundle = volume_run(tmp_path / "run", spacing, intensity, mirror), tmp_path / "bundle"
    assert export_run(run, bundle).endswith(f"models: model.pt, model.pt2{WITHOUT_ONNX}")
    (bundle / "images").mkdir()
    affine = np.array([[0, 0, -1.5, 3], [-0.8, 0, 0, 5], [0, 1.2, 0, 7], [0, 0, 0, 1.0]])  # axes swapped and flipped
    voxels = np.random.default_rng(1).normal(size=(14, 11, 9)).astype(np.float32)
    voxels[:4] = 0
    nib.save(nib.Nifti1Image(voxels, affine), bundle / "images" / "case.nii.gz")
    run_bundle(bundle, monkeypatch)
    (path,) = predict(run, bundle / "images", tmp_path / "maps")
    expected, written = read_labels(path), read_labels(bundle / "eval" / "case_truth.nii.gz")
    assert 0.01 < (expected.array > 0).mean() < 0.98
    np.testing.assert_array_equal(written.array, expected.array)
    np.testing.assert_allclose(written.affine, affine, atol=1e-5)
    image = read_image(bundle / "images" / "case.nii.gz")
    plain, mirrored = (Predictor.load(run, mirror=each)("c", image).truth_probs.argmax(0) for each in (False, True))
    assert (plain != mirrored).any()  # it would have shown


@pytest.mark.parametrize(
    "network",
    [
        {"norm": "frn", "block": "preactivation", "classifier": "hadamard"},
        {"norm": "group", "block": "inverted_residual"},
        {"name": "dynunet", "channels": [8, 8, 8], "norm": "rescale"},
        {"name": "dynunet", "channels": [8, 8, 8], "norm": "mimic", "deep_supervision": 1},
    ],
    ids=["frn", "inverted", "rescale", "mimic"],
)
def test_parts_that_monai_has_not_go_along(
    network: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs and bundle give what the network gives, whose last batch norm has seen images."""
    values = {"experiment": "x", "recipe": "soft_mean", "data": {"cohort": "none", "grid": {"size": (32, 32)}},
              "network": {"channels": [4, 8], "features": 4} | network, "training": {"accelerator": "cpu"}}  # fmt: skip
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    run.mkdir()
    config = RunConfig.model_validate(values)
    model = build_annotator_model(config, SIGNATURE).train()
    for _ in range(20):
        model(torch.randn(2, 1, 32, 32) + 1)
    (run / "config.yaml").write_text(dump_config(config))
    SIGNATURE.write(run / "model.json")
    save_weights(run / "weights.pt", model)
    export_run(run, bundle)
    image = torch.randn(3, 1, 32, 32)
    with torch.no_grad():
        probs = model.eval()(image).log_probs.exp()
    torch.testing.assert_close(torch.export.load(bundle / "models" / "model.pt2").module()(image), probs)
    session = onnxruntime.InferenceSession(bundle / "models" / "model.onnx")
    np.testing.assert_allclose(session.run(["probs"], {"image": image.numpy()})[0], probs, rtol=1e-3, atol=1e-5)
    (bundle / "images").mkdir()
    picture = np.random.default_rng(0).integers(0, 255, (32, 32), np.uint8)
    Image.fromarray(picture).save(bundle / "images" / "a.png")
    run_bundle(bundle, monkeypatch)
    (truth,) = predict(run, bundle / "images", tmp_path / "maps")
    (written,) = (bundle / "eval").iterdir()
    np.testing.assert_array_equal(read_labels(written).array, read_labels(truth).array)
    for path in (bundle / "scripts").iterdir():
        assert not re.search(r"^\s*(from|import) medseg", path.read_text(), re.M)


def test_what_is_refused_leaves_everything_as_it_was(tmp_path: Path) -> None:
    run, out = run_folder(tmp_path / "run", "separate"), tmp_path / "out"
    with pytest.raises(Refused, match="recipe: expected one whose truth is one network, got separate"):
        export_bundle(run, out)
    assert not out.exists()
    (out / "models").mkdir(parents=True)
    with pytest.raises(Refused, match="output folder: expected no bundle yet, got a folder models/"):
        export_bundle(run_folder(tmp_path / "other"), out)
    assert [path.name for path in out.rglob("*")] == ["models"]
