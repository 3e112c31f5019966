"""Deviations in clusters, and how well each cluster, and each annotator, can be learned or told in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medseg.annotators.diagnosis.deviations import Deviations, deviations_of
from medseg.annotators.diagnosis.examined import Examined
from medseg.annotators.diagnosis.groups import clusters, condensed
from medseg.annotators.diagnosis.learnability import judged
from medseg.annotators.diagnosis.sheet import Question, questions_of
from medseg.contracts import Refused, complaint

CLUSTER, ANNOTATOR = "cluster", "annotator"
"""What groups are made by."""


@dataclass(frozen=True, kw_only=True)
class Concepts:
    """What is found."""

    deviations: Deviations
    """N masks."""
    cluster: NDArray[np.int64]
    """(N,) from 1 on, the largest first."""
    masks: pd.DataFrame
    """(N) rows, see ``columns``."""
    judged: pd.DataFrame
    """A row per group and way of telling it, see ``columns``."""
    questions: list[Question]
    """Of the sheet."""
    names: list[str]
    """Of the clusters."""


def concepts(examined: Examined) -> Concepts:
    """Examples are masks of cases that are not held out; asked about are those of held-out cases.

    Raises Refused where fewer than two masks have anything to be compared with, and for files that cannot be read.
    """
    labelling = examined.labelling
    cases, found = labelling.cohort.cases, deviations_of(labelling)
    if len(found) < 2:
        expected = "two or more with a reference that has a class"
        raise Refused([complaint("masks", expected, len(found), labelling.cohort.name)])
    features = condensed(found.images)
    cluster = clusters(features)
    held_out = {case.name for case in examined.held_out}
    shown = np.array([cases[index].name not in held_out for index in found.case_index])
    told = {
        "features": features,
        "descriptors": found.descriptors,
        "shown": shown,
        "patients": [cases[index].patient for index in found.case_index],
    }
    names = [f"cluster {number}" for number in range(1, int(cluster.max()) + 1)]
    rows = [
        {"grouping": grouping} | row
        for grouping, groups, of in (
            (CLUSTER, cluster - 1, names),
            (ANNOTATOR, found.annotator, list(labelling.annotators)),
        )
        for row in judged(groups, of, **told)
    ]
    masks = pd.DataFrame(
        {
            "case": [cases[index].name for index in found.case_index],
            "annotator": [labelling.annotators[index] for index in found.annotator],
            "class": [labelling.classes[index] for index in found.label],
            "cluster": cluster,
        }
    ).join(found.descriptors)
    return Concepts(
        deviations=found,
        cluster=cluster,
        masks=masks,
        judged=pd.DataFrame(rows),
        questions=questions_of(cluster - 1, shown, names),
        names=names,
    )


def said_of_clusters(table: pd.DataFrame) -> Iterator[str]:
    """Of the table ``Concepts.judged``: each cluster by the most examples, and by its line of words."""
    for name, rows in table[table["grouping"] == CLUSTER].groupby("group", sort=False):
        defined = rows[rows["accuracy"].notna()]
        ways = [f"in {row.accuracy:.2f} of the choices " + (f"by {row.line}" if row.line else f"with {row.told_by}")
                for row in defined.iloc[-2:].itertuples()]  # fmt: skip
        told = f"is told from others {' and '.join(ways)}" if ways else "has too few masks to be asked about"
        yield f"clusters: {name} ({rows['members'].iloc[0]} masks) {told}"
    yield "clusters: sheet.html beside this page asks people the same; `medseg diagnose RUN --answers FILE` judges them"
