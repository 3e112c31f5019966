"""The fusion of all labels: sums by hand, and truths and matrices found again that were known before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.stats import entropy

from medseg.annotators import zone_matrices
from medseg.annotators.consensus import majority_vote
from medseg.annotators.fitting import fit_fusion
from medseg.annotators.fusion import Fusion
from medseg.annotators.simulation.simulators import simulate
from medseg.annotators.witnesses import WITNESS, second_witness

Labels = NDArray[np.integer]
CASES = 12


def stroke(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A bent line three voxels wide, as a digit has."""
    along, bends = np.linspace(0, 1, 200), np.linspace(0, 1, 5)
    path = [(0.5 + 0.3 * np.interp(along, bends, rng.uniform(-1, 1, 5))) * length for length in shape]
    line = np.ones(shape, bool)
    line[tuple(np.round(path).astype(int))] = False
    return np.asarray(distance_transform_edt(line)) < 1.6


def blob(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A connected lump with a bumpy border, about half as wide as the image."""
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, length) for length in shape), indexing="ij"))
    centre = rng.uniform(-0.15, 0.15, len(shape)).reshape(-1, *[1] * len(shape))
    bumps = gaussian_filter(rng.normal(size=shape), 3)
    return ((grid - centre) ** 2).sum(axis=0) ** 0.5 + 0.06 * bumps / bumps.std() < rng.uniform(0.45, 0.6)


def cohort(shape: tuple[int, ...] = (40, 44), seed: int = 0) -> tuple[list[Labels], list[NDArray[np.bool_]]]:
    """good, over, under, blank (4,S...) of strokes, of which the vote keeps what all but the last have."""
    rng = np.random.default_rng(seed)
    truths = [stroke(rng, shape) for _ in range(CASES)]
    names = ("good", "over:1", "under:1", "blank") if len(shape) == 2 else ("good", "over", "under", "blank")
    return [np.stack([simulate(truth.astype(np.int16), name, 2, rng) for name in names]) for truth in truths], truths


def dice(found: NDArray[np.generic], truth: NDArray[np.generic], label: int = 1) -> float:
    mine, known = found == label, truth == label
    return float(2 * (mine & known).sum() / (mine.sum() + known.sum()))


def of_one_zone(matrices: Sequence[NDArray[np.float64]] | NDArray[np.float64]) -> Fusion:
    """These matrices (A,O,T) at every distance and for every two classes that meet; all classes even."""
    classes = len(matrices[0])
    pairs = classes * (classes - 1) // 2
    even = np.full((pairs, classes), -np.log(pairs * classes))
    return Fusion(log_confusion=np.log(matrices)[:, None].repeat(pairs, 1), log_prior=even, edges=np.zeros(0))


def fused(fusion: Fusion, labels: Labels) -> NDArray[np.intp]:
    return fusion(labels).argmax(axis=0)


@pytest.mark.parametrize("shape", [(40, 44), (24, 26, 22)])
def test_the_truth_is_found_where_the_vote_is_wrong(shape: tuple[int, ...]) -> None:
    cases, truths = cohort(shape)
    fusion = fit_fusion(cases, 2)
    of_fusion = [dice(fused(fusion, labels), truth) for labels, truth in zip(cases, truths, strict=True)]
    of_vote = [dice(majority_vote(labels, 2), truth) for labels, truth in zip(cases, truths, strict=True)]
    assert np.mean(of_vote) < 0.85 and np.mean(of_fusion) > 0.98 and min(of_fusion) > 0.95


def test_the_matrices_are_those_that_are_counted_against_the_known_truth() -> None:
    cases, truths = cohort()
    fusion = fit_fusion(cases, 2)
    near = [distance_to_border(truth) < fusion.edges[0] for truth in truths]
    for annotator in range(4):
        counted = np.zeros((2, 2))
        for labels, truth, at in zip(cases, truths, near, strict=True):
            np.add.at(counted, (labels[annotator][at], truth[at].astype(int)), 1)
        counted /= counted.sum(axis=0)
        assert np.exp(fusion.log_confusion[annotator, 0]) == pytest.approx(counted, abs=0.15)


def distance_to_border(truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(truth, np.asarray(distance_transform_edt(truth)), np.asarray(distance_transform_edt(~truth)))


def test_skill_is_what_a_label_tells_beside_the_border() -> None:
    good, over, under, blank = fit_fusion(cohort()[0], 2).information()
    assert blank == pytest.approx(0, abs=0.01)
    assert good > 5 * max(over, under, blank) and good < np.log(2)


def test_skill_of_a_matrix_by_hand() -> None:
    """1 bit of the identity, none of rows that are alike, and log 2 - H(.9) of 90 % on both sides."""
    matrices = [np.eye(2) * (1 - 2e-12) + 1e-12, np.full((2, 2), 0.5), np.array([[0.9, 0.1], [0.1, 0.9]])]
    fusion = of_one_zone(matrices)
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert fusion.information() == pytest.approx([np.log(2), 0, np.log(2) - entropy], abs=1e-9)


def test_the_posterior_and_the_evidence_by_hand() -> None:
    """Two annotators, .9 and .6 on both sides, who differ in one voxel: odds of 9 against 1.5, and 9 x 1.5.

    The odds of the disputed one are taken to the power 1 / voices, here 1 / 1.11: the second hardly speaks.
    """
    matrices = np.array([[[0.9, 0.1], [0.1, 0.9]], [[0.6, 0.4], [0.4, 0.6]]])
    fusion = of_one_zone(matrices)
    labels = np.array([[[1, 1, 0]], [[0, 1, 0]]])
    probs = fusion(labels)
    told = np.log(2) + np.array([0.9 * np.log(0.9) + 0.1 * np.log(0.1), 0.6 * np.log(0.6) + 0.4 * np.log(0.4)])
    voices = told.sum() ** 2 / (told**2).sum()
    odds = (9 / 1.5) ** (1 / voices)
    assert fusion.voices(np.arange(2)) == pytest.approx(voices) and fusion.voices(np.array([1])) == 1
    assert probs[1, 0] == pytest.approx([odds / (1 + odds), 13.5 / 14.5, 1 / 14.5], rel=1e-6)
    assert fusion.evidence(labels, probs)[:, 0, 0] == pytest.approx([np.log(9), -np.log(1.5)])


def test_evidence_of_three_classes_is_against_the_mean_of_the_others() -> None:
    matrix = np.array([[0.8, 0.1, 0.1], [0.1, 0.7, 0.3], [0.1, 0.2, 0.6]])
    fusion = of_one_zone([matrix])
    labels = np.array([[[0, 1, 2, -1]]])
    said = fusion.evidence(labels, fusion(labels))[0, 0]
    assert said == pytest.approx([np.log(0.8 / 0.1), np.log(0.7 / 0.2), np.log(0.6 / 0.15), 0])


def placed_fusion() -> Fusion:
    """Two annotators alike: beside their own border labels are right in .6, farther off in .9 of the cases."""
    near, far = 0.5 * np.array([0.6, 0.4]), 0.5 * np.array([0.9, 0.1])
    matrix = np.log(np.stack([[near[0], near[1]], [far[0], far[1]], [near[1], near[0]], [far[1], far[0]]]))
    of_classes = np.logaddexp.reduce(matrix.reshape(2, 2, 2), axis=1)
    even = np.full((1, 2), -np.log(2))
    return Fusion(
        log_confusion=np.stack([of_classes] * 2)[:, None],
        log_prior=even,
        edges=np.zeros(0),
        log_placed=np.stack([matrix] * 2)[:, None],
        own_edges=np.array([1.5]),
    )


def test_a_label_far_inside_of_its_annotators_own_says_more_than_one_beside_his_border() -> None:
    """The second draws two voxels more: beside his own border (.6 against .9 of the other) he is overruled.

    Odds of one voxel of foreground by him and background by the first, who is two voxels off: 1.5 / 9, to the power
    1 / 2, because two who are alike speak.
    """
    fusion = placed_fusion()
    labels = np.zeros((2, 1, 12), np.int16)
    labels[0, 0, 6:], labels[1, 0, 4:] = 1, 1
    probs = fusion(labels)
    outer, inner = probs[1, 0, 4] / probs[0, 0, 4], probs[1, 0, 5] / probs[0, 0, 5]
    assert fusion.voices(np.arange(2)) == pytest.approx(2)
    assert outer == pytest.approx((1.5 / 9) ** 0.5, rel=1e-5) and inner == pytest.approx((9 / 1.5) ** 0.5, rel=1e-5)
    said = fusion.evidence(labels, probs)[:, 0, 4:6]
    assert said == pytest.approx(np.log([[9, 1 / 1.5], [1 / 1.5, 9]]), abs=1e-6)


def test_matrices_of_classes_are_sums_over_places_and_all_of_it_is_kept() -> None:
    fusion = fit_fusion(cohort()[0], 2)
    annotators, zones, symbols, classes = fusion.log_placed.shape
    summed = np.exp(fusion.log_placed).reshape(annotators, zones, 2, symbols // 2, classes).sum(axis=3)
    assert symbols == 2 * (1 + len(fusion.own_edges)) == 8
    assert np.exp(fusion.log_confusion) == pytest.approx(summed) and summed.sum(axis=2) == pytest.approx(1)
    kept = Fusion.of({name: values.tolist() for name, values in fusion.arrays().items()})
    assert (kept(cohort()[0][0]) == fusion(cohort()[0][0])).all()


def test_what_several_say_of_their_places_is_not_new_and_what_one_says_alone_is() -> None:
    """Of two who are alike n is 2, and 1 + (2 - 1) 1.5 where it is said 1.5 times; of one it is 1."""
    again = replace(placed_fusion(), repeated=1.5)
    assert again.voices(np.arange(2)) == pytest.approx(2.5) and again.voices(np.array([1])) == 1
    cases, _ = cohort(seed=6)
    fusion = fit_fusion(cases, 2)
    at = [labels.min(axis=0) != labels.max(axis=0) for labels in cases]

    def doubt(way: Fusion) -> float:
        """Mean entropy of disputed voxels."""
        told = [entropy(way(labels)[:, where], axis=0) for labels, where in zip(cases, at, strict=True)]
        return float(np.concatenate(told).mean())

    plain = replace(fusion, own_edges=np.zeros(0), log_placed=np.zeros(0), repeated=1.0)
    assert fusion.repeated > 1
    assert doubt(replace(fusion, repeated=1.0)) < doubt(fusion) <= doubt(plain)


def test_matrices_by_place_are_not_learned_where_there_were_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four annotators, four zones, four places, 2 x 2."""
    cases, _ = cohort()
    monkeypatch.setattr(zone_matrices, "MOST_ENTRIES", 4 * 4 * 4 * 4)
    assert fit_fusion(cases, 2).log_placed.size == 4 * 4 * 4 * 4
    monkeypatch.setattr(zone_matrices, "MOST_ENTRIES", 4 * 4 * 4 * 4 - 1)
    fusion = fit_fusion(cases, 2)
    assert not fusion.log_placed.size and fusion.repeated == 1
    assert dice(fused(fusion, cases[0]), cases[0][0]) > 0.95


def test_of_those_who_waver_places_find_the_border_in_the_middle() -> None:
    """Six who waver by two voxels, and one who draws far too large: places leave a fifth less that is wrong."""
    rng = np.random.default_rng(5)
    truths = [blob(rng, (48, 48)).astype(np.int16) for _ in range(2 * CASES)]
    cases = [np.stack([simulate(truth, name, 2, rng) for name in ["jitter:2"] * 6 + ["over:4"]]) for truth in truths]
    fusion = fit_fusion(cases, 2)
    plain = replace(fusion, own_edges=np.zeros(0), log_placed=np.zeros(0))
    wrong = [[(fused(way, c) != t).sum() for c, t in zip(cases, truths, strict=True)] for way in (fusion, plain)]
    assert sum(wrong[0]) < 0.8 * sum(wrong[1])


def test_who_swaps_two_classes_is_found_out_and_believed_the_other_way_round() -> None:
    rng = np.random.default_rng(1)
    cases, truths = [], []
    for _ in range(CASES):
        truth = blob(rng, (40, 44)).astype(np.int16)
        truth[:, 22:][truth[:, 22:] == 1] = 2
        sound = [simulate(truth, "jitter:0.5", 3, rng) for _ in range(3)]
        cases.append(np.stack([*sound, np.array([0, 2, 1])[truth]]).astype(np.int16))
        truths.append(truth)
    fusion = fit_fusion(cases, 3)
    where_0_and_1_meet, where_0_and_2_meet = np.exp(fusion.log_confusion[3, :2])
    assert where_0_and_1_meet[2, 1] > 0.7 and where_0_and_2_meet[1, 2] > 0.7
    for labels, truth in zip(cases, truths, strict=True):
        found = fused(fusion, labels)
        assert min(dice(found, truth, 1), dice(found, truth, 2)) > 0.95
        assert fusion.evidence(labels, fusion(labels))[3][truth == 1].mean() > 0  # swapped, and still relied on


def test_of_ten_who_are_alike_the_fusion_is_nearly_the_vote() -> None:
    rng = np.random.default_rng(2)
    cases, of_vote, of_fusion = [], [], []
    truths = [blob(rng, (40, 44)) for _ in range(CASES)]
    for truth in truths:
        signed = np.where(truth, 1, -1) * (distance_to_border(truth) - 0.5)
        wobble = [gaussian_filter(rng.normal(size=truth.shape), 3) for _ in range(10)]
        cases.append(np.stack([signed + 1.5 * each / each.std() > 0 for each in wobble]).astype(np.int16))
    fusion = fit_fusion(cases, 2)
    for labels, truth in zip(cases, truths, strict=True):
        vote, found = majority_vote(labels, 2), fused(fusion, labels)
        of_vote.append(dice(vote, truth))
        of_fusion.append(dice(found, truth))
        assert dice(found, vote) > 0.96
    assert np.mean(of_fusion) > np.mean(of_vote) - 0.005
    assert np.ptp(fusion.information()) < 0.1


def test_unlabelled_voxels_stay_unknown_and_absent_annotators_count_for_nothing() -> None:
    cases, truths = cohort()
    missing = [labels.copy() for labels in cases]
    for number, labels in enumerate(missing):
        labels[number % 4] = -1
        labels[:, :, :3] = -1
    fusion = fit_fusion(missing, 2)
    for labels in missing:
        probs = fusion(labels)
        assert (probs[:, :, :3] == 0).all()
        assert probs[:, :, 3:].sum(axis=0) == pytest.approx(1)
    with_good = [number for number in range(CASES) if number % 4 != 0]
    found = [dice(fused(fusion, missing[number])[:, 3:], truths[number][:, 3:]) for number in with_good]
    assert min(found) > 0.97
    nobody = np.full_like(cases[0], -1)
    assert (fusion(nobody) == 0).all()
    assert (fusion.evidence(nobody, fusion(nobody)) == 0).all()


def test_one_label_per_case_is_believed_as_it_is() -> None:
    cases, _ = cohort()
    for number, labels in enumerate(cases):
        labels[[other for other in range(4) if other != number % 3]] = -1
    fusion = fit_fusion(cases, 2)
    for number, labels in enumerate(cases):
        assert (fused(fusion, labels) == labels[number % 3]).all()


def test_annotators_in_another_order_have_their_matrices_in_that_order() -> None:
    cases, _ = cohort()
    order = [2, 0, 3, 1]
    straight, turned = fit_fusion(cases, 2), fit_fusion([labels[order] for labels in cases], 2)
    assert turned.log_confusion == pytest.approx(straight.log_confusion[order])
    assert turned(cases[0][order]) == pytest.approx(straight(cases[0]), abs=1e-6)


def test_the_same_labels_give_the_same_fusion() -> None:
    cases, _ = cohort()
    assert (fit_fusion(cases, 2).log_confusion == fit_fusion(cases, 2).log_confusion).all()


@pytest.mark.parametrize("annotators", [("good", "over", "under", "blank"), ("good", "over:3", "under:2", "blank")])
def test_of_nested_fat_masks_the_one_that_explains_the_others_is_the_truth(annotators: Sequence[str]) -> None:
    rng = np.random.default_rng(0)
    truths = [blob(rng, (40, 44)).astype(np.int16) for _ in range(CASES)]
    cases = [np.stack([simulate(truth, name, 2, rng) for name in annotators]) for truth in truths]
    fusion = fit_fusion(cases, 2)
    pairs = list(zip(cases, truths, strict=True))
    assert np.mean([dice(majority_vote(labels, 2), truth) for labels, truth in pairs]) < 0.95
    assert min(dice(fused(fusion, labels), truth) for labels, truth in pairs) > 0.98


def test_errors_that_are_scattered_over_all_voxels_are_outvoted() -> None:
    """With four annotators ties are frequent; what lies around the voxel decides them better than the vote."""
    rng = np.random.default_rng(3)
    truths = []
    for _ in range(CASES):
        truth = blob(rng, (40, 44)).astype(np.int16)
        truth[:, 22:][truth[:, 22:] == 1] = 2
        truths.append(truth)
    cases = [np.stack([simulate(truth, "confusion:0.1", 3, rng) for _ in range(4)]) for truth in truths]
    fusion = fit_fusion(cases, 3)
    pairs = [(labels, truth, label) for labels, truth in zip(cases, truths, strict=True) for label in (1, 2)]
    of_vote = [dice(majority_vote(labels, 3), truth, label) for labels, truth, label in pairs]
    of_fusion = [dice(fused(fusion, labels), truth, label) for labels, truth, label in pairs]
    assert np.mean(of_fusion) > np.mean(of_vote) + 0.005 and min(of_fusion) > 0.95


def test_where_several_classes_meet_each_border_has_matrices_of_its_own() -> None:
    """Who draws class 2 too large, and class 1 as it is, is found out, though both borders lie in the nearest zone."""
    rng = np.random.default_rng(4)
    cases, truths = [], []
    for _ in range(CASES):
        one, other = blob(rng, (40, 44)).astype(np.int16), blob(rng, (40, 44)).astype(np.int16)
        truth = np.concatenate([one, 2 * other], axis=1)
        too_large = np.concatenate([one, 2 * simulate(other, "over:2", 2, rng)], axis=1)
        sound = [simulate(truth, name, 3, rng) for name in ("good", "jitter")]
        cases.append(np.stack([sound[0], too_large, sound[1], np.zeros_like(truth)]))
        truths.append(truth)
    fusion = fit_fusion(cases, 3)
    for labels, truth in zip(cases, truths, strict=True):
        assert min(dice(fused(fusion, labels), truth, 1), dice(fused(fusion, labels), truth, 2)) > 0.95
    in_zone = np.exp(fusion.log_confusion[1])  # pairs: 0 and 1, 0 and 2, 1 and 2
    assert in_zone[1, 2, 0] > 0.8 and in_zone[0, 1, 0] < 0.1


def test_of_two_annotators_nobody_can_tell_who_is_right() -> None:
    """Where two differ the vote is even: the one whose labels are the more regular is not known to be the better."""
    cases, truths = cohort()
    pairs = [labels[:2] for labels in cases]  # good and over
    fusion = fit_fusion(pairs, 2)
    for labels, truth in zip(pairs, truths, strict=True):
        both = labels.min(axis=0) == labels.max(axis=0)
        found = fused(fusion, labels)
        assert (found[both] == labels[0][both]).all()
        assert dice(found, truth) > 0.8


def test_cases_without_foreground_are_background_and_spoil_nothing() -> None:
    empty = np.zeros((4, 40, 44), np.int16)
    nothing = fit_fusion([empty, empty], 2)
    assert (fused(nothing, empty) == 0).all()
    assert np.isfinite(nothing.log_confusion).all()
    cases, truths = cohort()
    fusion = fit_fusion([*cases, empty, empty, empty], 2)
    assert (fused(fusion, empty) == 0).all()
    assert min(dice(fused(fusion, labels), truth) for labels, truth in zip(cases, truths, strict=True)) > 0.98


@pytest.mark.parametrize(
    ("names", "witnessed"),
    [
        (("good", "good", "over:3"), True),
        (("jitter:1", "jitter:1", "jitter:1", "over:4"), True),
        (("good", "over:3", "under:3", "blank"), False),
        (("over:3", "under:3", "fractured_over:3"), False),
    ],
)
def test_two_who_say_what_was_fused_are_witnesses_enough(names: tuple[str, ...], witnessed: bool) -> None:
    rng = np.random.default_rng(0)
    truths = [blob(rng, (48, 48)).astype(np.int16) for _ in range(CASES)]
    cases = [np.stack([simulate(truth, name, 2, rng) for name in names]) for truth in truths]
    found = second_witness(fit_fusion(cases, 2), cases, [None] * len(cases))
    assert (found >= WITNESS) == witnessed


def test_the_second_best_agreement_is_a_sum_by_hand_and_two_annotators_have_none() -> None:
    """Fused are the first one's four voxels: the second shares three of his four, the third one of one."""
    drawn = np.zeros((3, 1, 8), int)
    drawn[0, 0, 1:5], drawn[1, 0, 2:6], drawn[2, 0, 1] = 1, 1, 1
    right = np.array([[0.999, 0.001], [0.001, 0.999]])
    fusion = of_one_zone([right, np.full((2, 2), 0.5), np.full((2, 2), 0.5)])
    assert second_witness(fusion, [drawn], [None]) == pytest.approx(2 * 3 / (4 + 4))
    assert np.isnan(second_witness(of_one_zone([right, right]), [drawn[:2]], [None]))
