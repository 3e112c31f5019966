"""Test images turned, dimmed, noisy, blurred: which view of them is best, and which score finds them unlike.

    python benchmarks/disturbed.py runs/lidc2d/fused-seed0-fold0 --out runs/disturbed
    python benchmarks/disturbed.py RUN --out OUT --unlike runs/cohorts/bubil_fibroblast,runs/cohorts/mnist

The test cases of each run are written again under four disturbances that training has not seen in this strength, and
evaluated by `medseg evaluate --cohort` as the run is (none), with mirror images (flips, of a run that was trained on
some), and with the best of the learned changes (of a run with training.selector_steps). Shown are Dice with the known
truth or the vote, the mean over runs, and seconds of CPU per image over those of none. Below it the area under the ROC
curve with which energy, entropy and 1 - maximum probability (`medseg predict --novelty`) tell disturbed images, and
those of other cohorts, from the test images as they are.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, rotate
from scipy.stats import mannwhitneyu
from worlds import listed

from medseg.annotators.evaluation import evaluate_annotators
from medseg.annotators.predicting.novelty import Novelty, novelty
from medseg.annotators.predicting.predictor import Predictor
from medseg.cohorts import apply, find_cohort, load_cohort, read_splits, write_cohort
from medseg.contracts import Case, Cohort, Refused, Score, complaint
from medseg.images import read_channels, read_labels, suffix_of, write_labels, write_map
from medseg.reporting import markdown, number_text

Array = NDArray[Any]
AS_THEY_ARE = "as they are"


def turned(array: Array, order: int) -> Array:
    """(S...) by 30 degrees in the first two axes; outside, the border."""
    return rotate(array, 30, axes=(0, 1), reshape=False, order=order, mode="nearest")


def dimmed(array: Array, rng: np.random.Generator) -> Array:
    """Half of the range, to the power of 2."""
    low, high = float(array.min()), float(array.max())
    return low + (high - low) / 2 * ((array - low) / max(high - low, 1e-6)) ** 2


def noisy(array: Array, rng: np.random.Generator) -> Array:
    """White noise of half of the standard deviation."""
    return array + rng.normal(0, 0.5 * float(array.std()), array.shape)


def blurred(array: Array, rng: np.random.Generator) -> Array:
    """By 2 voxels."""
    return gaussian_filter(array.astype(float), 2)


INTENSITIES: Mapping[str, Callable[[Array, np.random.Generator], Array]] = {
    "dimmed": dimmed,
    "noisy": noisy,
    "blurred": blurred,
}
KINDS = (AS_THEY_ARE, "turned", *INTENSITIES)


def disturb(cohort: Cohort, kind: str, out: Path) -> Path:
    """The cases of a cohort under one disturbance, masks along with their image; where it stands it is kept."""
    if (out / "manifest.csv").is_file():
        return out
    cases = [_disturbed(case, kind, out, np.random.default_rng((0, index))) for index, case in enumerate(cohort.cases)]
    write_cohort(replace(cohort, root=out, name=out.name, cases=tuple(cases)))
    return out


def _disturbed(case: Case, kind: str, out: Path, rng: np.random.Generator) -> Case:
    volume, images = read_channels(case.images), []
    suffix = ".tif" if volume.array.ndim == 3 else ".nii.gz"
    for number, channel in enumerate(volume.array):
        array = turned(channel, 1) if kind == "turned" else channel
        array = INTENSITIES[kind](array, rng) if kind in INTENSITIES else array
        path = out / "images" / f"{case.name}_{number:04d}{suffix}"
        images.append(write_map(path, replace(volume, array=array.astype(np.float32))))
    masks = {name: _mask(path, kind, out / "annotations" / name / case.name) for name, path in case.annotations.items()}
    truth = None if case.truth is None else _mask(case.truth, kind, out / "truth" / case.name)
    return replace(case, images=tuple(images), annotations=masks, truth=truth)


def _mask(path: Path, kind: str, to: Path) -> Path:
    volume = read_labels(path, path.stem)
    labels = turned(volume.array, 0) if kind == "turned" else volume.array
    return write_labels(to.with_name(to.name + suffix_of(path)), replace(volume, array=labels))


def viewed(run: Path, view: Mapping[str, object], out: Path) -> Path:
    """A copy of a run whose section ``inference`` is another."""
    if not out.is_dir():
        out.mkdir(parents=True)
        for path in run.iterdir():
            if path.is_file():
                shutil.copy(path, out / path.name)
        values = yaml.safe_load((out / "config.yaml").read_text())
        values["inference"] = dict(view)
        (out / "config.yaml").write_text(yaml.safe_dump(values))
    return out


def views_of(run: Path) -> dict[str, dict[str, object]]:
    """What a run can be asked for."""
    values = yaml.safe_load((run / "config.yaml").read_text())
    found: dict[str, dict[str, object]] = {"none": {}}
    if values["data"]["augment"]["flip_axes"]:
        found["flips"] = {"mirror": True}
    if values["training"].get("selector_steps"):
        found |= {f"learned {best}": {"learned": best} for best in (1, 2, 4)}
    return found


def judged(scores: Sequence[Score]) -> float:
    """The mean Dice with the truth, or where none is known with the vote."""
    for metric in ("truth_dice", "vote_dice"):
        values = [score.value for score in scores if score.metric == metric and not np.isnan(score.value)]
        if values:
            return mean(values)
    raise Refused([complaint("scores", "Dice with a truth or a vote", "none", "disturbed")])


def auroc(known: Sequence[float], other: Sequence[float]) -> float:
    """The probability that one of the others has the higher score."""
    return float(mannwhitneyu(other, known).statistic) / (len(known) * len(other))


def novelties(predictor: Predictor, cohort: Cohort) -> list[Novelty]:
    """Of the images of a cohort."""
    return [novelty(predictor, read_channels(case.images)) for case in cohort.cases]


def main() -> None:
    """Parse the command line, write the disturbed cohorts, score, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--unlike", type=listed, default=[], help="other cohorts, parted by commas")
    arguments = parser.parse_args()
    try:
        _show(arguments)
    except Refused as refused:
        sys.exit("\n".join(f"error: {line}" for line in refused.complaints))


def _show(arguments: argparse.Namespace) -> None:
    dice: dict[str, dict[str, list[float]]] = {}
    seconds: dict[str, list[float]] = {}
    curves: dict[str, dict[str, list[float]]] = {}
    for run in arguments.runs:
        own = load_cohort(find_cohort(Predictor.load(run).config.data.cohort))
        own = apply(own, read_splits(run / "splits.json"))
        own, there = replace(own, cases=own.split("test")), arguments.out / run.name
        cohorts = {kind: disturb(own, kind, there / kind.replace(" ", "_")) for kind in KINDS}
        for name, view in views_of(run).items():
            copy = viewed(run, view, there / "runs" / name.replace(" ", "_"))
            for kind, cohort in cohorts.items():
                began = time.process_time()
                found = judged(evaluate_annotators(copy, cohort, draw=False).scores)
                seconds.setdefault(name, []).append((time.process_time() - began) / len(own.cases))
                dice.setdefault(name, {}).setdefault(kind, []).append(found)
        predictor = Predictor.load(run)
        known = novelties(predictor, load_cohort(cohorts[AS_THEY_ARE]))
        others = {kind: load_cohort(path) for kind, path in cohorts.items() if kind != AS_THEY_ARE}
        others |= {Path(name).name: load_cohort(find_cohort(name)) for name in arguments.unlike}
        for kind, cohort in others.items():
            unlike = novelties(predictor, cohort)
            for score, sign in (("energy", 1), ("entropy", 1), ("max_probability", -1)):
                values = [[sign * getattr(each, score) for each in some] for some in (known, unlike)]
                curves.setdefault(score, {}).setdefault(kind, []).append(auroc(values[0], values[1]))
    least = mean(seconds["none"])
    rows = [
        {"view": name} | {kind: number_text(mean(values)) for kind, values in of_view.items()}
        | {"CPU": f"{mean(seconds[name]) / least:.1f}"}
        for name, of_view in dice.items()
    ]  # fmt: skip
    print(markdown(rows), end="\n\n")
    print(
        markdown(
            [
                {"AUROC of": score} | {kind: number_text(mean(v)) for kind, v in of.items()}
                for score, of in curves.items()
            ]
        )
    )


if __name__ == "__main__":
    main()
