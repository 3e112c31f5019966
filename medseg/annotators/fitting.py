"""What each annotator is worth in which zone, from the labels of many cases: expectation-maximisation of a ``Fusion``.

The likelihood has several maxima: a truth that is one annotator's labels explains the others too. So it is climbed from
several beginnings, the vote and each annotator's labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from medseg.annotators.drawn import Index, Labels, around_drawn
from medseg.annotators.fusion import Fusion
from medseg.annotators.labelled_case import LabelledCase, climb
from medseg.annotators.mean_shape import mean_shape
from medseg.annotators.naming import names_of, renamed
from medseg.annotators.zone_matrices import maximised, with_places
from medseg.contracts import UNLABELLED, watched

REACH = 1
"""That of the edges of a fusion is the reach of the mean shape."""

BEGINNINGS = 10
"""So many annotators' labels are tried at most, of those who labelled most, and at least half of the cases;"""

TRIED_CASES, TRIED_ITERATIONS, LAST_ITERATIONS = 24, 15, 4
"""on so many cases, for so long; then so long with all cases: longer it may find the way to another truth."""

TRIED_VOXELS, MOST_VOXELS = 2**21, 2**22
"""Cases are tried, and then fitted, as long as the boxes around what was drawn hold no more voxels: these take some 100
bytes each with four classes, and seconds a million."""

TRUTH_COUNTS, OVERLAP_COUNTS = 0.35, 4.0
"""Of which beginning is chosen: see ``_merit``."""

Known = tuple[Labels, Index | None]
"""Labels (P,S...) of a case, and whose they are (P,)."""


def fit_fusion(
    cases: Sequence[Labels],
    num_classes: int,
    *,
    annotator_index: Sequence[Index | None] | None = None,
    annotators: int | None = None,
) -> Fusion:
    """Expectation-maximisation over labels (P,S...) of many cases.

    annotator_index: whose labels these are (P,), case by case; None: all annotators', in their order. annotators: A;
    None: as many as the first case has.

    M-step: C^(a)[z,o,t] = (n + m Cbar) / sum over o of the same, n[o,t] the expected voxels of zone z that a calls o
    and that are t, Cbar the mean matrix of all annotators, m the voxels of a case in that zone: who labelled little is
    taken for one of the others. Zones are laid anew in each iteration. At the end the matrices are those of the most
    probable truth (one step of classification EM, Celeux and Govaert 1992): where many voxels are in some doubt, the
    sum leaves the matrices in doubt too.

    It begins at the vote, and at the labels of each of some annotators; the best of these ascents (``_merit``)
    goes on with all cases; of large ones with as many as hold ``MOST_VOXELS``.

    >>> truth = np.zeros((24, 24), int)
    >>> truth[6:18, 6:18] = 1
    >>> blank = np.zeros_like(truth)
    >>> labels = np.stack([truth, truth, blank, blank, blank])  # most say that there is nothing, and say so always
    >>> fusion = fit_fusion([labels, labels], num_classes=2)
    >>> bool((fusion(labels).argmax(axis=0) == truth).all())
    True
    """
    present, every = annotator_index or [None] * len(cases), annotators or len(cases[0])
    known = list(zip([around_drawn(labels) for labels in cases], present, strict=True))

    def begun(some: Sequence[Known]) -> list[LabelledCase]:
        return [LabelledCase(labels, index, num_classes) for labels, index in some]

    known = _within(known, MOST_VOXELS)
    written = todo = begun(known)
    names = names_of(written, every)
    if (names != np.arange(num_classes)).any():
        known = [(renamed(labels, names if index is None else names[index]), index) for labels, index in known]
        todo = begun(known)
    tried = _within(known[:: -(-len(known) // TRIED_CASES)], TRIED_VOXELS)
    beginnings, ascents = [None, *_beginnings(todo, every)], []
    for beginning in watched(beginnings, "fusing labels (beginnings)", len(beginnings)):
        some = begun(tried)
        if beginning is not None:
            for case in some:
                case.believe(beginning)
        energy = _climbed(some, every, TRIED_ITERATIONS)
        reached = maximised(some, every)
        ascents.append((_merit(some, reached, energy), reached))
    _, fusion = max(ascents, key=lambda ascent: ascent[0])
    for case in todo:
        fusion.settle(case)
    _climbed(todo, every, LAST_ITERATIONS)
    for case in todo:
        case.decide()
    for case, decided in zip(written, todo, strict=True):  # matrices are of what was written, whatever it was called
        case.hold(decided.belief)
    return with_places(written, every)


def fit_mean_shape(
    cases: Sequence[Labels],
    num_classes: int,
    *,
    reach: float,
    annotator_index: Sequence[Index | None] | None = None,
    annotators: int | None = None,
) -> Fusion:
    """What annotators are worth beside the ``mean_shape`` of their labels: the M-step of ``fit_fusion``, once."""
    known = list(zip(cases, annotator_index or [None] * len(cases), strict=True))
    todo = [LabelledCase(labels, index, num_classes) for labels, index in _within(known, MOST_VOXELS)]
    for case in todo:
        case.suppose(np.moveaxis(mean_shape(case.labels, num_classes, reach), 0, -1))
    return replace(maximised(todo, annotators or len(cases[0])), reach=reach)


def _within(known: Sequence[Known], voxels: int) -> Sequence[Known]:
    """So many of the cases, drawn at random, as hold no more voxels, in their order; one at least."""
    order = np.random.default_rng(0).permutation(len(known))
    sizes = np.array([labels.shape[1:] for labels, _ in known]).prod(axis=1)
    fit = order[np.cumsum(sizes[order]) <= voxels]
    return [known[number] for number in sorted(fit if len(fit) else order[:1])]


def _beginnings(cases: Sequence[LabelledCase], annotators: int) -> list[int]:
    """The annotators whose labels are a beginning; none where no two annotators can be compared."""
    labelled = np.bincount(np.concatenate([case.present for case in cases]), minlength=annotators)
    often = np.argsort(-labelled, kind="stable")[:BEGINNINGS]
    disputed = any(case.disputed.any() for case in cases)
    return [int(each) for each in often if disputed and 2 * labelled[each] >= len(cases)]


def _climbed(cases: Sequence[LabelledCase], annotators: int, iterations: int) -> float:
    """Expectation-maximisation on the cases, in place, to the best truth on the way; returns its free energy.

    Nats per disputed voxel, given the zones: these follow the truth, so that the energy may fall again.
    """
    disputed = max(sum(case.disputed.sum() for case in cases), 1)

    def step() -> float:
        fusion = maximised(cases, annotators)
        return sum(case.explain(fusion.log_confusion, fusion.log_class_of_zone) for case in cases) / disputed

    return float(climb(cases, step, iterations))


def _merit(cases: Sequence[LabelledCase], fusion: Fusion, energy: float) -> float:
    """How good an ascent to ``fusion`` is: F - (1 - ``TRUTH_COUNTS``) F_t + ``OVERLAP_COUNTS`` x overlap, F its energy.

    F_t is the truth's share of F, sum_t p[t] log (p(t given z) / p[t]): too dear in F, because the voxels of a border
    are not independent, and dearer the longer the border is, so that the smallest truth would win. Of nested masks each
    explains the others about as well: the one in the middle overlaps with them most.
    """
    disputed = max(sum(case.disputed.sum() for case in cases), 1)
    of_truth = sum(case.energy_of_truth(fusion.log_class_of_zone) for case in cases) / disputed
    return energy - (1 - TRUTH_COUNTS) * of_truth + OVERLAP_COUNTS * _overlap(cases, len(fusion.log_confusion))


def _overlap(cases: Sequence[LabelledCase], annotators: int) -> float:
    """The mean Dice of the most probable truth and the labels, over foreground classes and all annotators but one.

    The one is left out with whom the truth agrees most: that it is his labels is no merit of it.
    """
    classes = range(1, cases[0].classes)
    both, either = np.zeros((2, annotators, cases[0].classes))
    for case in cases:
        truth = case.belief.best
        for annotator, drawn in zip(case.present, case.labels, strict=True):
            for label in classes:
                mine, found = drawn == label, (truth == label) & (drawn != UNLABELLED)
                both[annotator, label] += 2 * (mine & found).sum()
                either[annotator, label] += mine.sum() + found.sum()
    dice = np.divide(both, either, out=np.full(both.shape, np.nan), where=either > 0)
    of_annotators = np.array([row[~np.isnan(row)].mean() for row in dice if not np.isnan(row).all()])
    return float(np.sort(of_annotators)[:-1].mean()) if len(of_annotators) > 1 else 1.0
