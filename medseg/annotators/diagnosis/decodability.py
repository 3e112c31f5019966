"""What can be read off each level of the true-label network, before training and after.

Hermann and Lampinen 2020 ("What shapes feature representations?"): a property that a linear probe reads off a trained
network better than off the same network before training was enhanced, one that it reads off worse was suppressed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from medseg.annotators.diagnosis.examined import Examined
from medseg.annotators.diagnosis.probes import CHANCE, Property, can_be_asked, gain, probe
from medseg.annotators.diagnosis.voxels import Voxels, sampled
from medseg.contracts import UNLABELLED, Case, watched

MOST_GROUPS = 12
"""A column of the manifest with more values than this is no site."""
CLASS, INTENSITY, POSITION = "true class", "intensity", "position"


def decodability(examined: Examined) -> pd.DataFrame:
    """A row per property and level, see ``columns``: probes fitted on training cases, scored on held-out ones.

    Raises Refused where a run has several networks, and for files that cannot be read.
    """
    networks = [examined.network(trained=trained) for trained in (False, True)]
    learned = sampled(examined, examined.learned_from, networks)
    held_out = sampled(examined, examined.held_out, networks)
    names = examined.labelling.annotators
    pairs = list(zip(properties(learned, names, held_out), properties(held_out, names, learned), strict=True))
    pairs = [(here, there) for here, there in pairs if can_be_asked(here, there)]
    found = [list(_rows(learned, held_out, *pair)) for pair in watched(pairs, "probing", len(pairs))]
    return pd.DataFrame([row for rows in found for row in rows])


def properties(voxels: Voxels, annotators: Sequence[str], beside: Voxels) -> Iterator[Property]:
    """What is asked: class, each annotator's deviation from it, columns of the manifest, intensity, position.

    beside: the other voxels that are asked the same; a column's groups are those of both.
    """
    reference = np.where(voxels.reference == UNLABELLED, np.nan, voxels.reference)
    yield Property(name=CLASS, values=reference)
    for index, name in enumerate(annotators):
        written = voxels.labels[:, index]
        deviates = np.where((written == UNLABELLED) | np.isnan(reference), np.nan, written != voxels.reference)
        yield Property(name=f"{name} deviates", values=deviates)
    for column, groups in columns_of_cases([*voxels.cases, *beside.cases]).items():
        of_case = [groups.get(case.covariates.get(column, ""), np.nan) for case in voxels.cases]
        yield Property(name=column, values=np.array(of_case)[voxels.case_index])
    yield Property(name=INTENSITY, values=voxels.intensity)
    yield Property(name=POSITION, values=voxels.position)


def columns_of_cases(cases: Sequence[Case]) -> dict[str, dict[str, int]]:
    """Column of the manifest that has few values -> value -> its index."""
    found = {}
    for column in dict.fromkeys(name for case in cases for name in case.covariates):
        values = sorted({case.covariates.get(column, "") for case in cases} - {""})
        if 2 <= len(values) <= MOST_GROUPS:
            found[column] = {value: index for index, value in enumerate(values)}
    return found


def _rows(learned: Voxels, held_out: Voxels, here: Property, there: Property) -> Iterator[dict[str, object]]:
    """A row per level of one property."""
    for number, level in enumerate(learned.levels[0]):
        said = [
            probe(fitted[number].values, here, asked[number].values)
            for fitted, asked in zip(learned.levels, held_out.levels, strict=True)
        ]
        found = gain(said[0], said[1], there, held_out.patients)
        yield {
            "property": here.name,
            "level": level.name,
            "channels": level.values.shape[1],
            "score": here.score,
            "chance": CHANCE[here.score],
            "before": found.before,
            "after": found.after,
            "change": found.after - found.before,
            "change_low": found.low,
            "change_high": found.high,
            "verdict": found.verdict,
        }


def said_of_decodability(table: pd.DataFrame) -> list[str]:
    """What training enhanced and suppressed on the last level, in sentences."""
    last = table[table["level"] == table["level"].iloc[-1]]
    lines = []
    for verdict in ("enhanced", "suppressed"):
        rows = [f"{row.property} ({row.before:.2f} to {row.after:.2f})" for row in last.itertuples()
                if row.verdict == verdict]  # fmt: skip
        lines.append(f"decodability: on the last level training {verdict} {', '.join(rows) or 'nothing for certain'}")
    return lines
