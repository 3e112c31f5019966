"""The consensus of a case by a run: prior times likelihood, by hand and on a network of random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medseg.annotators.fusing.by_model import by_model, network_voxels, observed, posterior, zoned
from medseg.annotators.fusion import Fusion
from medseg.annotators.labelled_case import LEAST
from medseg.annotators.loading.grid import Grid
from medseg.annotators.loading.records import Record
from medseg.annotators.mean_shape import mean_shape
from medseg.annotators.predicting.matrices import native_matrices
from medseg.annotators.predicting.predictor import Predictor
from medseg.contracts import Case, Volume

from ..predicting.test_predictor import SHAPE, run_folder, volume

MATRICES = np.array([[[0.9, 0.2], [0.1, 0.8]], [[0.6, 0.4], [0.4, 0.6]]])
EVEN = np.log([[0.5, 0.5]])
FUSION = Fusion(log_confusion=np.log(MATRICES)[:, None], log_prior=EVEN, edges=np.zeros(0))


def test_one_voxel_is_the_prior_times_the_likelihood() -> None:
    """p = .7, .3; the first writes 1, the second 0: .7 x .1 x .6 against .3 x .8 x .4."""
    truth_probs, labels = np.array([[[0.7]], [[0.3]]]), np.array([[[1]], [[0]]])
    rows = [observed(matrix[..., None, None], drawn) for matrix, drawn in zip(MATRICES, labels, strict=True)]
    assert posterior(truth_probs, rows, labels)[:, 0, 0] == pytest.approx([0.042 / 0.138, 0.096 / 0.138])


def test_who_said_nothing_counts_for_nothing_and_where_nobody_said_anything_there_is_no_label() -> None:
    truth_probs, labels = np.array([[0.7, 0.7], [0.3, 0.3]]), np.array([[1, -1], [-1, -1]])
    rows = [observed(matrix[..., None].repeat(2, -1), drawn) for matrix, drawn in zip(MATRICES, labels, strict=True)]
    assert posterior(truth_probs, rows, labels)[:, 0] == pytest.approx([0.07 / 0.31, 0.24 / 0.31])
    assert (posterior(truth_probs, rows, labels)[:, 1] == 0).all()


def test_the_matrices_of_a_fusion_are_those_of_a_voxel_s_zone_and_disputed_voxels_are_tempered() -> None:
    """A fusion of two zones: within 1.5 voxels of the border the first annotator says nothing."""
    near, far = np.full((2, 2), 0.5), MATRICES[0]
    fusion = Fusion(
        log_confusion=np.log(np.stack([[near, far], [far, far]])),
        log_prior=np.repeat(EVEN, 2, 0),
        edges=np.array([1.5]),
    )
    labels = np.array([[[0, 0, 0, 0, 1, 1, 1, 1]], [[0, 0, 0, 0, 1, 1, 1, 0]]])
    truth_probs = np.full((2, 1, 8), 0.5)
    rows, probs = zoned(fusion, truth_probs, labels, annotator_index=np.arange(2), voxel=None)
    assert rows[0][1, 0].tolist() == pytest.approx([0.2, 0.2, 0.2, 0.5, 0.5, 0.8, 0.5, 0.5])
    assert fusion.voices(np.arange(2)) == pytest.approx(1)  # only the second tells anything beside the border
    assert probs[1, 0, [3, 7]] == pytest.approx([0.2 / 1.1] * 2)  # so that he alone decides there
    assert probs[1, 0, 5] == pytest.approx(0.64 / 0.65)
    wide, _ = zoned(fusion, truth_probs, labels, annotator_index=np.arange(2), voxel=(1.0, 0.5))
    assert wide[0][1, 0].tolist() == pytest.approx([0.2, 0.2, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])


def test_the_image_decides_where_labels_are_even() -> None:
    labels = np.array([[[0, 1, 1]], [[0, 0, 1]]])
    even = Fusion(log_confusion=np.log(np.stack([MATRICES[1]] * 2))[:, None], log_prior=EVEN, edges=np.zeros(0))
    for foreground in (0.2, 0.8):
        truth_probs = np.stack([np.full((1, 3), 1 - foreground), np.full((1, 3), foreground)])
        _, probs = zoned(even, truth_probs, labels, annotator_index=np.arange(2), voxel=None)
        odds = (foreground / (1 - foreground)) ** (1 / even.voices(np.arange(2)))
        assert probs[1, 0, 1] == pytest.approx(odds / (1 + odds))


def record_of(image: Volume, labels: np.ndarray) -> Record:
    case = Case(name="c1", patient="c1", images=(Path("c1.png"),))
    return Record(case=case, image=np.asarray(image.array, np.float32), labels=labels, truth=None,
                  affine=image.affine, spacing_mm=image.spacing_mm)  # fmt: skip


def test_voxels_of_the_network_lie_along_the_axes_of_the_file() -> None:
    """16x64 fits into 64x64 as it is; a volume whose file has z first is shrunk along its own axes."""
    assert network_voxels(record_of(volume(), np.zeros((1, *SHAPE))), Grid(size=(64, 64))) == (1, 1)
    assert network_voxels(record_of(volume(), np.zeros((1, *SHAPE))), Grid(size=(32, 32))) == (0.5, 0.5)
    turned = np.array([[0, 0, 1.0, 0], [0, 1, 0, 0], [4, 0, 0, 0], [0, 0, 0, 1]])
    image = Volume(array=np.zeros((1, 8, 40, 20), np.float32), affine=turned, spacing_mm=(4, 1, 1))
    grid = Grid(mode="patch", size=(8, 8, 8), spacing_mm=(2, 1, 1))  # along left-right, the file's last axis
    assert network_voxels(record_of(image, np.zeros((1, 8, 40, 20))), grid) == (4, 1, 0.5)


@pytest.mark.parametrize("recipe", ["shared_truth_pixel", "shared_truth_global"])
def test_of_other_recipes_the_matrices_are_the_learned_ones(tmp_path: Path, recipe: str) -> None:
    predictor, image = Predictor.load(run_folder(tmp_path / "run", recipe)), volume()
    labels = np.random.default_rng(1).integers(0, 2, (2, *SHAPE))
    labels[:, 0] = -1
    found, prediction = by_model(predictor, None, record_of(image, labels)), predictor("c1", image)
    matrices = list(native_matrices(predictor, image))
    place = (9, 31)
    joint = prediction.truth_probs[(slice(None), *place)].astype(float)
    for matrix, drawn in zip(matrices, labels, strict=True):
        joint *= np.maximum(matrix[(drawn[place], slice(None), *place)], LEAST)
    assert found.probs[(slice(None), *place)] == pytest.approx(joint / joint.sum(), rel=1e-4)
    assert (found.labels[0] == -1).all() and set(np.unique(found.labels[1:])) <= {0, 1}
    assert set(found.worth) == {"weight", "information", "evidence", "share"}


def test_of_a_truth_in_the_middle_the_labels_speak_by_their_mean_shape() -> None:
    """An even network leaves the shape as it is; one that is sure of more moves what is disputed, and nothing else."""
    labels = np.zeros((2, 1, 9), np.int64)
    labels[0, 0, 1:8], labels[1, 0, 4] = 1, 1
    shape = mean_shape(labels, 2, 3.0)
    middle = Fusion(log_confusion=np.log(MATRICES[:2])[:, None], log_prior=EVEN, edges=np.zeros(0), reach=3.0)
    index = np.arange(2)
    rows, probs = zoned(middle, np.full((2, 1, 9), 0.5), labels, annotator_index=index, voxel=None)
    np.testing.assert_allclose(probs, shape, atol=1e-6)
    assert len(rows) == 2 and rows[0].shape == (2, 1, 9)
    sure = np.broadcast_to(np.array([0.1, 0.9]).reshape(2, 1, 1), (2, 1, 9))
    _, moved = zoned(middle, sure, labels, annotator_index=index, voxel=None)
    assert (moved[1, 0, 1:4] > shape[1, 0, 1:4]).all()
    assert moved[1, 0, [0, 4]] == pytest.approx([0, 1], abs=1e-6)
