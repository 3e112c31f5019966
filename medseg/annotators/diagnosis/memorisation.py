"""How much of an annotator's noise a network learns by heart: the same training on labels of other images.

Zhang et al. 2017: a network that fits labels which its images tell nothing of has learned them by heart. Told in nats
per voxel: of the labels as training was shown them, and of clean labels of cases that it did not see.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from medseg.annotators.config import RunConfig
from medseg.annotators.diagnosis.corruption import corrupted, write_corrupted
from medseg.annotators.diagnosis.examined import Examined
from medseg.annotators.people.intervals import means
from medseg.cohorts import apply, find_cohort, load_cohort, read_splits
from medseg.contracts import Cohort, Refused, complaint

ALL, EACH = "all", "each"
"""Words for whose labels are swapped: everybody's at once, or one annotator's after the other's."""
NATS = "annotator_nll"


@dataclass(frozen=True, kw_only=True)
class Retraining:
    """One training on corrupted labels, of the run's recipe and config."""

    whose: str
    """The annotator whose labels are swapped, or ALL."""
    percent: int
    """Of the cases; 0 is shared by all of ``whose``."""
    cohort: Path
    """The corrupted cohort."""
    run: Path
    """The folder of the training, with scores.csv of its test cases and of those of training, below train/."""
    overrides: tuple[str, ...]
    """``dotted.key=value`` over the config of the run."""


def retrainings(
    run: Path, place: Path, *, whose: Sequence[str], percents: Sequence[int], steps: int | None
) -> list[Retraining]:
    """Every training that ``memorisation`` compares, 0 % first; writes their cohorts below ``place``.

    whose: names of annotators, ALL, EACH. steps: of all stages together, None: the run's own.
    Raises Refused for a run of another method, for unknown annotators, shares that are none, and without test cases.
    """
    examined = Examined.load(run)
    names = _chosen(whose, examined.labelling.annotators)
    shares = sorted({*percents, 0})
    if len(shares) < 2 or shares[0] < 0 or shares[-1] > 100:
        raise Refused([complaint("--shares", "percentages above 0, to 100", ", ".join(map(str, percents)), str(run))])
    if not examined.labelling.cohort.split("test"):
        raise Refused([complaint("test split", "at least one case, whose labels stay clean", "none", str(run))])
    if steps is not None and steps < 2:
        raise Refused([complaint("--steps", "at least 2", steps, str(run))])
    plan = [(ALL, 0), *((name, percent) for percent in shares[1:] for name in names)]
    whole = load_cohort(find_cohort(examined.predictor.config.data.cohort))  # with cases that nobody labelled
    cohort = apply(whole, read_splits(run / "splits.json"))
    return [_retraining(examined, cohort, place, whose=name, percent=percent, steps=steps) for name, percent in plan]


def _retraining(
    examined: Examined, cohort: Cohort, place: Path, *, whose: str, percent: int, steps: int | None
) -> Retraining:
    config = examined.predictor.config
    name = f"{whose}-{percent}" if percent else "clean"
    touched = examined.labelling.annotators if whose == ALL else (whose,)
    root = write_corrupted(cohort, place / "cohorts" / name, annotators=touched, share=percent / 100)
    length, overrides = _steps(config, steps)
    overrides += [f"data.cohort={json.dumps(str(root.resolve()))}", "data.cache=null", 'tracking.wandb="off"']
    return Retraining(
        whose=whose,
        percent=percent,
        cohort=root,
        run=place / "runs" / f"{name}-{length}steps",
        overrides=tuple(overrides),
    )


def _steps(config: RunConfig, steps: int | None) -> tuple[int, list[str]]:
    """The steps of all stages together, and the overrides that make them so many, divided as in the config."""
    own = config.training.steps
    if steps is None:
        return own.warmup + own.joint, []
    warmup = min(max(1, round(steps * own.warmup / (own.warmup + own.joint))), steps - 1)
    return steps, [f"training.steps.warmup={warmup}", f"training.steps.joint={steps - warmup}"]


def _chosen(whose: Sequence[str], annotators: Sequence[str]) -> list[str]:
    known = (ALL, EACH, *annotators)
    if unknown := [name for name in whose if name not in known]:
        expected = f"of {', '.join(known)}"
        raise Refused(complaint("--whose", expected, name, "memorisation") for name in unknown)
    each = [name for word in whose for name in (annotators if word == EACH else (word,))]
    return list(dict.fromkeys(each)) or [ALL]


def memorisation(cohort: Cohort, annotators: Sequence[str], trained: Sequence[Retraining]) -> pd.DataFrame:
    """A row per training and annotator, see ``columns``. cohort: with every case in its split; the clean one."""
    patients = {case.name: case.patient for case in cohort.cases}
    clean = _nats(trained[0].run)
    rows: list[dict[str, object]] = []
    for one in trained:
        touched = corrupted(cohort, annotators if one.whose == ALL else (one.whose,), one.percent / 100)
        shown, held_out = _nats(one.run / "train"), _nats(one.run)
        for name in annotators:
            inside = set(touched.get(name, ()))
            row: dict[str, object] = {"swapped": one.whose if one.percent else "nobody", "percent": one.percent}
            row |= {"annotator": name, **_interval("shown_nats", shown[name], patients)}
            row |= {"swapped_nats": float(shown[name][shown[name].index.isin(inside)].mean())}
            row |= _interval("held_out_nats", held_out[name], patients)
            row |= _interval("worse_by", held_out[name] - clean[name], patients)
            row |= {"last_nats": _last_nats(one.run)}
            rows.append(row)
    return pd.DataFrame(rows)


def _nats(folder: Path) -> dict[str, pd.Series]:
    """Annotator -> nats per voxel of each case, from scores.csv."""
    table = pd.read_csv(folder / "scores.csv", dtype={"case": str, "annotator": str}, keep_default_na=False)
    rows = table[table["metric"] == NATS]
    return {
        str(name): pd.Series(part["value"].astype(float).to_numpy(), index=part["case"])
        for name, part in rows.groupby("annotator")
    }


def _last_nats(run: Path) -> float:
    """Nats per voxel of the labels as shown, of all annotators, as the last epoch of a training met them; or nan."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    return float(next((row["train/nll"] for row in reversed(rows) if row.get("train/nll") is not None), np.nan))


def _interval(name: str, values: pd.Series, patients: dict[str, str]) -> dict[str, float]:
    """Mean over cases and its 95 % interval over patients."""
    found = means(values.to_numpy(np.float64)[:, None], [patients[str(case)] for case in values.index])
    ends = {"": found.value, "_low": found.low, "_high": found.high}
    return {f"{name}{end}": float(value[0]) for end, value in ends.items()}


def said_of_memorisation(table: pd.DataFrame) -> Iterator[str]:
    """At which share the held-out likelihood of each annotator breaks: it is worse than at 0 for certain.

    And what the labels cost in the last epoch, before the best weights on validation cases are taken.
    """
    swaps = table[table["percent"] > 0]
    for swapped, of_one in swaps.groupby("swapped", sort=False):
        found = []
        for name, rows in of_one.groupby("annotator", sort=False):
            worse = rows[rows["worse_by_low"] > 0].sort_values("percent")
            if len(worse):
                first = worse.iloc[0]
                found.append(f"of {name} at {first['percent']} % (by {first['worse_by']:.2g} nats)")
        whose = "all labels" if swapped == ALL else f"labels of {swapped}"
        breaks = ", ".join(found) or f"of nobody, up to {of_one['percent'].max()} %"
        yield f"memorisation: with {whose} swapped, the likelihood of clean held-out labels breaks {breaks}"
        most = of_one["percent"].max()
        clean, last = (float(part["last_nats"].iloc[0]) for part in (table, of_one[of_one["percent"] == most]))
        yield (
            f"memorisation: in the last epoch the labels as shown cost {clean:.3f} nats without a swap, {last:.3f} "
            f"with {most} % of {whose} swapped: the nearer, the more is learned by heart"
        )
