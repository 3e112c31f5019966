"""Annotators of whom there is no label, told by what is said of them: how near do predictions come to what they drew?

    python benchmarks/unseen_annotators.py --out runs/unseen [--seeds N] [--steps N]

World. Rendered images with one object, and 40 annotators. Each moves the known border by an offset that is a function
of his experience (0 to 20 years: 2 voxels too far out to 2 too far in) and of himself (a normal number of deviation
0.5), and by a smooth field of deviation 0.5 that is another in every image. Of each two things are said: his
experience, and a tool, which has nothing to do with it. Ten are held out: the training has none of their labels. The
other 30 have labelled a few images each, four to an image. `medseg train` (recipe fused) and `medseg predict --as` see
no more than that; all 40 draw the test images.

Shown. Of the ten: Spearman's rank correlation and the slope of predicted on drawn relative area (``styles.py``: medians
over images; area over the mean area of all 40). Nats per voxel: the mean over voxels, images and annotators of - log
q[y], of the labels y that were drawn, under

told        the map that was predicted by what is said of the annotator
mean style  the map of one of whom nothing is said
seen, own   of the 30 whose labels the training has, under their own maps
seen, mean  and under the mean style
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from styles import DRAWN, PREDICTED, area_slope

from medseg.annotators.simulation.mistakes import BoundaryShift
from medseg.annotators.simulation.samples import PNG_SCALE, render
from medseg.annotators.simulation.simulators import CORRELATION
from medseg.cohorts import write_cohort
from medseg.contracts import Case, ClassLabel, Cohort, Said, Volume, dump_yaml
from medseg.images import read_channels, write_labels

SIDE, CASES, TESTED = 48, 60, 20
ANNOTATORS, UNSEEN, PRESENT = 40, 10, 4
YEARS, FARTHEST, OWN, WAVERING = 20.0, 2.0, 0.5, 0.5
TOOLS = ("amira", "imagej")
MEAN = "mean_style"
CONFIG = """\
experiment: unseen_annotators
recipe: fused
seed: {seed}
data:
  cohort: {cohort}
  split: {{val: 0.15, test: 0}}
  grid: {{mode: resize, size: [{side}, {side}]}}
  augment: {{flip_axes: [0, 1], rotate90: true, intensity: 0.2, noise: 0.05}}
network: {{name: dynunet, channels: [16, 32, 64], deep_supervision: 1, residual_units: 0}}
training: {{batch_size: 8, steps: {{warmup: {warmup}, joint: {joint}}}, dice_weight: 1, learning_rate: 0.002}}
"""

Labels = NDArray[np.integer]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class World:
    """Images whose truth is known, and annotators of whom something is said."""

    images: list[NDArray[np.float32]]
    """(S...) each; the first ``CASES`` are to be trained on."""
    truths: list[Labels]
    """(S...) class indices."""
    offset: Floats
    """(A,) voxels."""
    said: Mapping[str, Said]
    """Of each annotator; the last ``UNSEEN`` are held out."""
    seed: int
    """Of all that is drawn."""

    def drawn(self, case: int, annotator: int) -> Labels:
        """What an annotator draws of a case."""
        rng = np.random.default_rng((self.seed, case, annotator, 1))
        field = gaussian_filter(rng.normal(size=(SIDE, SIDE)), CORRELATION, mode="wrap")
        moved = self.offset[annotator] + WAVERING * field / field.std()
        return BoundaryShift(offset=moved).apply(self.truths[case], 2)


def draw_world(seed: int) -> World:
    """Which of them are held out does not depend on their experience."""
    rng, samples = np.random.default_rng((seed, 2)), render(seed, 2, SIDE, CASES + TESTED)
    years = rng.permutation(np.linspace(0, YEARS, ANNOTATORS))
    tools = rng.choice(TOOLS, ANNOTATORS)
    return World(
        images=[sample.image for sample in samples],
        truths=[(sample.truth > 0).astype(np.int16) for sample in samples],
        offset=FARTHEST * (1 - 2 * years / YEARS) + OWN * rng.normal(size=ANNOTATORS),
        said={
            f"annotator{number:02d}": {"experience": round(float(own), 1), "tool": str(tool)}
            for number, (own, tool) in enumerate(zip(years, tools, strict=True))
        },
        seed=seed,
    )


def write_world(world: World, out: Path) -> None:
    """cohort/, with the labels of those who are seen, and test/, the images of which predictions are made."""
    names, rng = list(world.said), np.random.default_rng((world.seed, 3))
    seen, cases = ANNOTATORS - UNSEEN, []
    whose = np.concatenate([rng.permutation(seen) for _ in range(-(-CASES * PRESENT // seen))])
    for index, image in enumerate(world.images):
        stored = np.rint(image * PNG_SCALE).clip(0, 65_535).astype(np.uint16)
        name = f"c{index:03d}.png"
        path = _written(out / ("cohort/images" if index < CASES else "test") / name, stored)
        if index < CASES:
            present = sorted(set(whose[index * PRESENT :][:PRESENT].tolist()))
            masks = {
                names[a]: _written(out / "cohort/annotations" / names[a] / name, world.drawn(index, a)) for a in present
            }
            cases.append(Case(name=path.stem, patient=path.stem, images=(path,), annotations=masks))
    classes = (ClassLabel(name="background", value=0), ClassLabel(name="object", value=1))
    shared = {"root": out / "cohort", "name": "unseen", "channels": ("intensity",), "spatial_dims": 2}
    told = {name: world.said[name] for name in names[:seen]}
    write_cohort(Cohort(**shared, classes=classes, annotators=tuple(told), people=told, cases=tuple(cases)))


def _written(path: Path, array: Labels) -> Path:
    kind = np.uint16 if array.max() > 255 else np.uint8
    return write_labels(path, Volume(array=array.astype(kind), affine=np.eye(4), spacing_mm=None))


def tell(*words: object) -> None:
    """The public command."""
    subprocess.run([sys.executable, "-m", "medseg", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Of the test images."""

    areas: pd.DataFrame
    """A row per annotator with the medians DRAWN and PREDICTED, those who are held out last."""
    nats: Floats
    """(A,2) of each annotator's labels: under his own map, under the mean style."""


def judge(world: World, maps: Path) -> Judged:
    """What was drawn beside the probabilities of `medseg predict`."""
    names = list(world.said)
    areas, nats = np.zeros((2, TESTED, ANNOTATORS)), np.zeros((TESTED, ANNOTATORS, 2))
    for number, index in enumerate(range(CASES, CASES + TESTED)):
        drawn = [world.drawn(index, a) for a in range(ANNOTATORS)]
        mean_map = _object_probs(maps, MEAN, index)
        usual = np.mean([labels.sum() for labels in drawn])
        for a, (name, labels) in enumerate(zip(names, drawn, strict=True)):
            own = _object_probs(maps, name, index)
            areas[:, number, a] = labels.sum() / usual, (own > 0.5).sum() / usual
            nats[number, a] = [_nats(labels, probs) for probs in (own, mean_map)]
    medians = np.median(areas, axis=1)
    return Judged(areas=pd.DataFrame({DRAWN: medians[0], PREDICTED: medians[1]}, index=names), nats=nats.mean(axis=0))


def _object_probs(maps: Path, name: str, index: int) -> Floats:
    (path,) = (maps / "annotator_probabilities" / name / "object").glob(f"c{index:03d}.*")
    return np.asarray(read_channels([path]).array[0], np.float64)


def _nats(labels: Labels, probs: Floats) -> float:
    return float(-np.log(np.where(labels > 0, probs, 1 - probs).clip(1e-7)).mean())


def row(world: World, judged: Judged) -> list[float]:
    """In the order of ``HEAD``."""
    areas = judged.areas[-UNSEEN:]
    seen = judged.areas[:-UNSEEN]
    correlations = [each[DRAWN].corr(each[PREDICTED], method="spearman") for each in (areas, seen)]
    unseen_nats, seen_nats = judged.nats[-UNSEEN:].mean(axis=0), judged.nats[:-UNSEEN].mean(axis=0)
    return [correlations[0], area_slope(areas), correlations[1], area_slope(seen), *unseen_nats, *seen_nats]


HEAD = ("Spearman", "slope", "Spearman of seen", "slope of seen", "told", "mean style", "seen, own", "seen, mean")


def cpu_seconds() -> float:
    """Of this process and its children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measure(seed: int, out: Path, steps: int) -> list[float]:
    """One world, one run; what is there already is not made again."""
    world, place = draw_world(seed), out / f"seed{seed}"
    if not (place / "test").is_dir():
        write_world(world, place)
    if not (place / "run" / "weights.pt").is_file():
        values = {"seed": seed, "cohort": place / "cohort", "side": SIDE, "warmup": steps // 4}
        (place / "run.yaml").write_text(CONFIG.format(**values, joint=steps - steps // 4))
        tell("train", place / "run.yaml", "--out", place / "run")
    if not (place / "maps").is_dir():
        unseen = {name: dict(world.said[name]) for name in list(world.said)[-UNSEEN:]}
        told = ("--annotator-probabilities", "--as", dump_yaml(unseen), "--as", f"{MEAN}: {{}}")
        tell("predict", place / "run", "--images", place / "test", "--out", place / "maps", *told)
    return row(world, judge(world, place / "maps"))


def lines(rows: Iterable[tuple[int, list[float], float]]) -> Iterable[str]:
    """The table, one row as soon as it is known."""
    yield "seed  " + "  ".join(HEAD) + "  CPU seconds"
    for seed, found, seconds in rows:
        places = [2] * 4 + [4] * 4
        cells = [f"{value:{len(name)}.{digits}f}" for name, value, digits in zip(HEAD, found, places, strict=True)]
        yield f"{seed:4d}  " + "  ".join(cells) + f"  {seconds:.0f}"


def main() -> None:
    """Read the arguments, print a row per seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=500)
    arguments = parser.parse_args()

    def rows() -> Iterable[tuple[int, list[float], float]]:
        for seed in range(arguments.seeds):
            begun = cpu_seconds()
            yield seed, measure(seed, arguments.out, arguments.steps), cpu_seconds() - begun

    for line in lines(rows()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
