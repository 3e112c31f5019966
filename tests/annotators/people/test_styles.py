"""Who errs alike."""

from __future__ import annotations

import numpy as np

from medseg.annotators.fitting import fit_fusion
from medseg.annotators.fusion import Fusion
from medseg.annotators.people.styles import find_styles, style_distance

from .conftest import disc

EVEN = np.log([[0.5, 0.5]])


def test_wide_narrow_and_good_annotators_are_three_clusters_whoever_saw_what() -> None:
    rng = np.random.default_rng(0)
    wider = (2, 0, -2, 0, -2, 2, 0)
    radii, labels, present = rng.uniform(9, 14, size=16), [], []
    for radius in radii:
        present.append(np.sort(rng.permutation(len(wider))[:5]))
        labels.append(np.stack([disc(radius + wider[index]).astype(int) for index in present[-1]]))
    styles = find_styles(fit_fusion(labels, 2, annotator_index=present, annotators=len(wider)))
    assert len(set(zip(wider, styles.cluster.tolist(), strict=True))) == len(set(styles.cluster.tolist())) == 3
    assert [int(number) for number in dict.fromkeys(styles.cluster[styles.order])] == [1, 2, 3]


def test_the_distance_of_opposites_is_the_largest_and_one_annotator_is_one_cluster() -> None:
    right, wrong = np.log(np.array([[1 - 1e-12, 1e-12], [1e-12, 1 - 1e-12]])), np.zeros((2, 2))
    wrong[:] = right[::-1]
    fusion = Fusion(log_confusion=np.stack([right, right, wrong])[:, None], log_prior=EVEN, edges=np.zeros(0))
    np.testing.assert_allclose(style_distance(fusion)[0], [0, 0, np.sqrt(np.log(2))], atol=1e-6)
    assert find_styles(Fusion(log_confusion=right[None, None], log_prior=EVEN, edges=np.zeros(0))).cluster.tolist() == [
        1
    ]
