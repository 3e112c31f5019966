"""The findings as tables, with the columns of ``columns``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations, product

import numpy as np
import pandas as pd

from medseg.annotators.people.columns import COLUMNS
from medseg.annotators.people.findings import Findings
from medseg.annotators.people.intervals import Ratios, means, ratios
from medseg.evaluation import mean_of_defined


def tables_of(findings: Findings) -> dict[str, pd.DataFrame]:
    """File -> table, with the columns of ``COLUMNS``, in their order."""
    makers: dict[str, Callable[[Findings], pd.DataFrame]] = {
        "annotators.csv": _annotators,
        "confusion.csv": _confusion,
        "pairs.csv": _pairs,
        "agreement.csv": _agreement,
        "outliers.csv": _outliers,
        "repeats.csv": _repeats,
        "ask.csv": _ask,
    }
    return {name: _in_order(make(findings), COLUMNS[name]) for name, make in makers.items()}


def _in_order(table: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """With the ends of an interval behind its value; of no row with the columns all the same."""
    with_ends = [name for column in columns for name in (column, f"{column}_low", f"{column}_high")
                 if name in columns or name in table]  # fmt: skip
    return table.reindex(columns=with_ends)


def _annotators(findings: Findings) -> pd.DataFrame:
    labelling, patients = findings.labelling, findings.patients
    joint = findings.stacked("joint")
    measured = (joint.sum(axis=(2, 3)) > 0).sum(axis=0)
    of_true, hits = joint.sum(axis=2)[..., 1:], np.diagonal(joint, axis1=2, axis2=3)[..., 1:]
    voxels, of_observed = joint.sum(axis=(2, 3))[..., None], joint.sum(axis=3)[..., 1:]
    others = voxels - of_true
    squares = ratios(findings.stacked("border_squares"), findings.stacked("border_length"), patients)
    columns = {
        "sensitivity": ratios(hits, of_true, patients),
        "specificity": ratios(others - (of_observed - hits), others, patients),
        "relative_area": means(findings.stacked("relative_area"), patients),
        "boundary_bias": means(findings.stacked("boundary_bias"), patients),
        "border_error_voxels": Ratios(**{name: np.sqrt(values) for name, values in vars(squares).items()}),
    }
    information = labelling.fusion.information()
    rows = [
        {
            "annotator": labelling.annotators[a],
            "class": name,
            "cluster": int(findings.styles.cluster[a]),
            "cases": int(measured[a]),
            "unit": findings.unit,
            "information_nats": float(information[a]),
            **_cells(columns, (a, label)),
        }
        for a, (label, name) in product(range(len(labelling.annotators)), enumerate(labelling.classes[1:]))
    ]
    return pd.DataFrame(rows)


def _confusion(findings: Findings) -> pd.DataFrame:
    annotators, classes = findings.labelling.annotators, findings.labelling.classes
    joint = findings.stacked("joint")
    of_true = np.broadcast_to(joint.sum(axis=2, keepdims=True), joint.shape)
    found = {"share": ratios(joint, of_true, findings.patients)}
    learned = {
        (each.annotator, observed, true): float(each.estimated[o, t])
        for each in findings.labelling.estimated
        for (o, observed), (t, true) in product(enumerate(each.classes), repeat=2)
    }
    rows = [
        {
            "annotator": annotators[a],
            "observed": classes[o],
            "true": classes[t],
            **_cells(found, (a, o, t)),
            "estimated": learned.get((annotators[a], classes[o], classes[t]), np.nan),
        }
        for a, o, t in np.ndindex(joint.shape[1:])
    ]
    return pd.DataFrame(rows)


def _pairs(findings: Findings) -> pd.DataFrame:
    dice = np.stack([each.dice for each in findings.agreement])
    found, counts = {"dice": means(dice, findings.patients)}, (~np.isnan(dice)).sum(axis=0)
    names, distance = findings.labelling.annotators, findings.styles.distance
    return pd.DataFrame([
        {
            "annotator": names[a],
            "other": names[b],
            "cases": int(counts[a, b]),
            **_cells(found, (a, b)),
            "style_distance": float(distance[a, b]),
        }
        for a, b in combinations(range(len(names)), 2)
    ])  # fmt: skip


def _cells(found: Mapping[str, Ratios], place: tuple[int, ...]) -> dict[str, float]:
    """A value and the two ends of its interval, for each name."""
    ends = {"": "value", "_low": "low", "_high": "high"}
    return {f"{name}{end}": float(getattr(values, field)[place])
            for name, values in found.items() for end, field in ends.items()}  # fmt: skip


def _agreement(findings: Findings) -> pd.DataFrame:
    return pd.DataFrame([
        {
            "case": case.name,
            "split": case.split,
            "annotators": int(seen.sum()),
            "dice": mean_of_defined(each.dice[np.triu_indices(len(seen), k=1)]),
            "fleiss_kappa": each.kappa,
            "krippendorff_alpha": each.alpha,
        }
        for case, seen, each in zip(findings.labelling.cohort.cases, findings.seen, findings.agreement, strict=True)
    ])  # fmt: skip


def _outliers(findings: Findings) -> pd.DataFrame:
    cases, found = findings.labelling.cohort.cases, findings.outliers
    return pd.DataFrame([
        {
            "case": cases[n].name,
            "split": cases[n].split,
            "annotator": findings.labelling.annotators[a],
            "dice": float(found.dice[n, a]),
            "z_case": float(found.z_case[n, a]),
            "z_annotator": float(found.z_annotator[n, a]),
        }
        for n, a in found.places.tolist()
    ])  # fmt: skip


def _repeats(findings: Findings) -> pd.DataFrame:
    return pd.DataFrame([
        {
            "annotator": each.annotator,
            "case": each.first,
            "other": each.second,
            "dice": each.dice,
            "others_dice": each.others_dice,
        }
        for each in findings.repeats
    ])  # fmt: skip


def _ask(findings: Findings) -> pd.DataFrame:
    cases, names = findings.labelling.cohort.cases, findings.labelling.annotators
    return pd.DataFrame([
        {
            "case": cases[ask.case].name,
            "split": cases[ask.case].split,
            "annotator": names[ask.annotator],
            "gain_nats": ask.gain,
            "present": ask.present,
            "voxels": ask.voxels,
        }
        for ask in findings.asks
    ])  # fmt: skip
