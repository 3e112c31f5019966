"""What images tell of a truth: information by hand, and the truth that is chosen by it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from medseg.annotators import seen_in_images
from medseg.annotators.fitting import REACH, fit_fusion, fit_mean_shape
from medseg.annotators.fusion import Fusion
from medseg.annotators.seen_in_images import MARGIN, Looked, choose, look, look_at_some, nats_told
from medseg.annotators.simulation.simulators import simulate

EVEN = np.full((1, 2), math.log(0.5))
ONE, OTHER = (Fusion(log_confusion=np.zeros((2, 1, 2, 2)), log_prior=EVEN, edges=np.array([k])) for k in (1.0, 2.0))


def cases(rng: np.random.Generator, count: int = 12) -> tuple[list[NDArray[np.float32]], list[NDArray[np.integer]]]:
    features = [rng.normal(size=(400, 1)).astype(np.float32) for _ in range(count)]
    return features, [(each[:, 0] > 0).astype(int) for each in features]


def told(features: Sequence[NDArray[np.float32]], truths: Sequence[NDArray[np.integer]]) -> float:
    (nats,) = nats_told([Looked(features=f, truths=t[None]) for f, t in zip(features, truths, strict=True)], 2)
    return nats


def test_of_what_the_image_decides_it_tells_all_and_of_chance_nothing() -> None:
    rng = np.random.default_rng(0)
    features, decided = cases(rng)
    assert math.log(2) - 0.1 < told(features, decided) < math.log(2) + 0.02
    assert abs(told(features, [rng.permutation(each) for each in decided])) < 0.02
    assert told(features, [np.ones_like(each) for each in decided]) == 0
    assert (
        nats_told([Looked(features=f, truths=t[None]) for f, t in zip(features[:11], decided, strict=False)], 2) == []
    )


def test_a_label_that_says_the_same_in_one_case_and_the_opposite_in_others_tells_less_than_nothing() -> None:
    features, decided = cases(np.random.default_rng(0))
    turned = [1 - each if number % 3 == 0 else each for number, each in enumerate(decided)]
    assert told(features, turned) < 0


@pytest.mark.parametrize(("chance", "chosen"), [(0.0, OTHER), (0.45, ONE)])
def test_the_first_truth_stands_unless_another_is_seen_by_a_margin(chance: float, chosen: Fusion) -> None:
    """The first is half chance; the second is decided by the image, or hardly more than the first."""
    rng = np.random.default_rng(0)
    features, decided = cases(rng)

    def blurred(share: float) -> list[NDArray[np.integer]]:
        return [np.where(rng.random(len(each)) < share, rng.integers(0, 2, len(each)), each) for each in decided]

    first, second = blurred(0.5), blurred(chance)
    looked = [Looked(features=f, truths=np.stack(t)) for f, *t in zip(features, first, second, strict=True)]
    found = choose([ONE, OTHER], looked, 2)
    assert found.edges == chosen.edges
    assert found.told == pytest.approx(told(features, second if chosen is OTHER else first))
    assert told(features, second) - told(features, first) > (MARGIN if chosen is OTHER else 0)


def scenes(names: tuple[str, ...], shape: tuple[int, ...]) -> tuple[list[NDArray[np.integer]], list, list]:
    """Labels (A,S...), images (1,S...) that show the truth, truths: lumps on noise."""
    rng = np.random.default_rng(3)
    truths = [gaussian_filter(rng.normal(size=shape), 3) > 0.03 for _ in range(12)]
    images = [(each + rng.normal(0, 0.3, shape)).astype(np.float32)[None] for each in truths]
    return [np.stack([simulate(t.astype(np.int16), name, 2, rng) for name in names]) for t in truths], images, truths


@pytest.mark.parametrize(
    ("names", "shape", "mean"),
    [
        (("over:2", "under:2", "fractured_over:2"), (48, 48), True),
        (("over", "under", "over"), (24, 24, 24), True),
        (("good", "over:2", "under:2", "blank"), (48, 48), False),
    ],
)
def test_where_nobody_is_good_the_mean_shape_is_seen_and_where_somebody_is_his_truth(
    names: tuple[str, ...], shape: tuple[int, ...], mean: bool
) -> None:
    labels, images, truths = scenes(names, shape)
    fusion = fit_fusion(labels, 2)
    both = [fusion, fit_mean_shape(labels, 2, reach=float(fusion.edges[REACH]))]

    def seen(case: int, **drawn: Any) -> Looked:
        of = labels[case]
        return look(images[case], of, lambda box: [by(of[(slice(None), *box)]).argmax(axis=0) for by in both], **drawn)

    found = choose(both, look_at_some([partial(seen, case) for case in range(len(labels))]), 2)
    assert bool(found.reach) == mean

    def error(by: Fusion) -> float:
        return float(np.mean([by(each).argmax(axis=0) != truth for each, truth in zip(labels, truths, strict=True)]))

    assert error(found) == min(map(error, both))


def test_only_disputed_voxels_are_looked_at_and_no_more_than_are_wanted() -> None:
    labels, images, truths = scenes(("good", "over:2"), (48, 48))

    def of(box: tuple[slice, ...]) -> list[NDArray[np.bool_]]:
        return [truths[0][box]]

    looked = look(images[0], labels[0], of, most=50, rng=np.random.default_rng(0))
    assert looked.features.shape[0] == 50 and looked.truths.shape == (1, 50)
    alike = np.repeat(labels[0][:1], 2, axis=0)
    assert len(look(images[0], alike, of, most=50, rng=np.random.default_rng(0)).features) == 0


def test_a_large_case_is_looked_at_in_one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_in_images, "WINDOW", {2: 16})
    monkeypatch.setattr(seen_in_images, "AROUND", 4)
    labels, images, truths = scenes(("good", "over:2"), (96, 96))
    boxes: list[tuple[slice, ...]] = []

    def of(box: tuple[slice, ...]) -> list[NDArray[np.bool_]]:
        boxes.append(box)
        return [truths[0][box]]

    look(images[0], labels[0], of, most=10_000, rng=np.random.default_rng(0))
    assert all(along.stop - along.start <= 16 + 2 * 4 for along in boxes[0])
