"""Maps that do not fit into memory: bit by bit those that do, of a volume that is turned and resampled; a full disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from medseg.annotators.assembly import build_annotator_model
from medseg.annotators.config import RunConfig
from medseg.annotators.predicting import predictor as predictor_module
from medseg.annotators.predicting.predictor import Predictor
from medseg.annotators.predicting.stored_maps import StoredAnnotators, StoredMaps
from medseg.annotators.scores import score_case
from medseg.config import dump_config
from medseg.contracts import Refused, Volume
from medseg.training.checkpoint import save_weights

from .test_predictor import SIGNATURE

AFFINE = np.array([[0, 0, -1.5, 3], [-0.8, 0, 0, 5], [0, 1.2, 0, 7], [0, 0, 0, 1.0]])
"""Axes swapped and flipped, lengths that differ."""
NAMES = ("ann", "bob", "cyd")


def predictor(folder: Path) -> Predictor:
    """A run of three annotators of volumes, resampled to 1 mm, which are seen by windows of 8 voxels."""
    grid = {"mode": "patch", "size": (8, 8, 8), "spacing_mm": (1, 1, 1)}
    values = {"experiment": "x", "recipe": "fused", "data": {"cohort": "none", "grid": grid},
              "network": {"channels": [4, 8], "features": 4}, "confusion": {"trunk": 4},
              "training": {"accelerator": "cpu"}}  # fmt: skip
    config, signature = RunConfig.model_validate(values), replace(SIGNATURE, annotators=NAMES, spatial_dims=3)
    torch.manual_seed(0)
    model = build_annotator_model(config, signature)
    for name, parameter in model.named_parameters():
        if name.startswith("confusion."):
            torch.nn.init.normal_(parameter)
    folder.mkdir()
    (folder / "config.yaml").write_text(dump_config(config))
    signature.write(folder / "model.json")
    save_weights(folder / "weights.pt", model)
    return Predictor.load(folder)


@pytest.mark.parametrize("room", [1, 2**15])
def test_one_annotator_after_another_says_what_all_say_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """In a room of one byte the network looks once per annotator, in the other one at all of them at once."""
    see, rng, scratch = predictor(tmp_path / "run"), np.random.default_rng(0), tmp_path / "out"
    image = Volume(array=rng.normal(size=(1, 14, 11, 9)).astype(np.float32), affine=AFFINE, spacing_mm=(0.8, 1.2, 1.5))
    whole = see("c1", image)
    monkeypatch.setattr(predictor_module, "LEAST_BYTES", room)
    monkeypatch.setattr(predictor_module, "SHARE", 0)
    stored = see("c1", image, scratch=scratch)
    assert isinstance(stored.annotator_probs, StoredAnnotators) and not list(scratch.iterdir())
    assert stored.annotator_probs.shape == whole.annotator_probs.shape == (3, 2, 14, 11, 9)
    np.testing.assert_array_equal(stored.truth_probs, whole.truth_probs)
    np.testing.assert_array_equal(stored.joint_probs, whole.joint_probs)
    np.testing.assert_array_equal(np.stack(list(stored.annotator_probs)), whole.annotator_probs)
    np.testing.assert_array_equal(stored.annotator_labels, whole.annotator_probs.argmax(axis=1))  # pyright: ignore
    assert len({labels.tobytes() for labels in stored.annotator_labels}) == 3
    labels, truth = rng.integers(0, 2, (3, 14, 11, 9)), rng.integers(0, 2, (14, 11, 9))
    names = {"classes": ("background", "cell"), "annotators": NAMES}
    assert str(score_case(stored, labels, truth, **names)) == str(score_case(whole, labels, truth, **names))


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = StoredMaps(2, (3, 4), tmp_path)
    stored.put(torch.ones(2, 1, 4), index=0, plane=1)
    assert stored.read(1).tolist() == [[0] * 4, [1] * 4, [0] * 4]

    class Full:
        def seek(self, place: int) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(stored, "_file", Full())
    expected = "file for maps that do not fit into memory: expected room and leave for it, got No space left on device"
    with pytest.raises(Refused, match=expected):
        stored.put(torch.ones(2, 1, 4), index=0, plane=1)
