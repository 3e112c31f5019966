"""The verbs for Python: folders and overrides in, cohorts, run folders and tables out; see docs/python.md.

They do what the command line does, and import what is heavy when they are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medseg.contracts import AskedMaps, Cohort, Evaluation, Refused, Report, complaint

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from medseg.annotators import FusedCohort

Folder = str | PathLike[str]


def index(
    folder: Folder,
    out: Folder | None = None,
    *,
    rules: str | None = None,
    overwrite: bool = False,
    **choices: Any,
) -> Cohort:
    """Write manifest.csv and cohort.yaml for a folder of images and masks (`medseg index`).

    out: a folder for the two files; by default ``folder`` itself. rules: how label maps are taken apart, YAML as
    ``objects:`` of cohort.yaml. overwrite: replace existing files. choices: what files cannot say, as on the command
    line: layout, pattern (of images, of masks), task, patient_from, classes, ignore, colours, annotators, split_words
    (``--map``), spacing. Raises Refused if no layout fits or two do, and for whatever the layout itself refuses.

    >>> import medseg
    >>> cohort = medseg.index("cells", out="indexed_again")
    >>> cohort.annotators, len(cohort.cases)
    (('good', 'over', 'swap'), 12)
    """
    from medseg.cohorts import load_cohort
    from medseg.experiment.cohorts import index_folder

    target = Path(folder if out is None else out)
    index_folder(Path(folder), target, overwrite=overwrite, rules=rules, **choices)
    return load_cohort(target)


def check(cohort: Folder) -> Report:
    """Read every file of a cohort; ``str`` of the report is what `medseg check` prints.

    ``errors``: what stops a training, a sentence each. Raises Refused where the manifest itself cannot be read.

    >>> import medseg
    >>> report = medseg.check("cells")
    >>> report.errors
    ()
    """
    from medseg.experiment.cohorts import check_folder

    return check_folder(Path(cohort))


def train(config: Folder, overrides: Sequence[str] = (), out: Folder | None = None, *, resume: bool = False) -> Path:
    """Train the stages of a config file, or those planned for a folder; returns the run folder (`medseg train`).

    overrides: ``dotted.key=value``, as on the command line. out: the run folder, by default
    runs/<experiment>/<recipe>-seed<k>[-fold<f>]. resume: go on where it stopped.
    Raises Refused with every mistake of the config, for a bad cohort, and for a run folder that is taken.

    >>> import medseg
    >>> run = medseg.train("cells.yaml", ["recipe=soft_mean", "seed=3"], out="runs/seed3")
    >>> (run / "weights.pt").is_file()
    True
    """
    from medseg.experiment.plan import configured

    resolved = configured(Path(config), overrides, print)
    from medseg.experiment.train import default_run_folder, train as run_training

    run = default_run_folder(resolved) if out is None else Path(out)
    run_training(resolved, run, resume, progress=False)
    return run


def predict(
    run: Folder | Sequence[Folder],
    images: Folder,
    out: Folder,
    *,
    annotators: bool = True,
    annotator_probabilities: bool = False,
    confusion: bool = False,
    samples: int | None = None,
    mirror: bool | None = None,
) -> Sequence[Path]:
    """Maps of an image, or of every one of a folder, on its own grid, written to ``out`` (`medseg predict`).

    Recovered truth, probabilities, every annotator's labels, entropy. run: several are an ensemble, the mean of what
    they say, as of the folds of one config. annotators: their labels; annotator_probabilities: each annotator's too;
    confusion: every annotator's matrices; samples: so many plausible segmentations of each image. mirror: the mean over
    mirror images too (None: as ``inference.mirror`` of the run's config).
    Returns the path of each case's truth. Raises Refused before anything is written.

    >>> import medseg
    >>> maps = medseg.predict("runs/pixel", images="cells/images", out="maps_again")
    >>> len(maps), maps[0].name
    (12, 'sample_000.png')
    """
    from medseg.experiment.predict import predict_images

    first, *others = [Path(run)] if isinstance(run, str | PathLike) else map(Path, run)
    asked = AskedMaps(
        annotators=annotators,
        annotator_probabilities=annotator_probabilities,
        confusion=confusion,
        samples=samples,
        ensemble=tuple(others),
        mirror=mirror,
    )
    return predict_images(first, Path(images), Path(out), asked)


def fuse(cohort: Folder, out: Folder, *, method: str = "fused", run: Folder | None = None) -> FusedCohort:
    """One consensus of all annotators' labels for every case, written to ``out`` (`medseg fuse`; docs/fusing.md).

    method: fused, vote, soft, staple, or model with a ``run`` whose network and matrices are the model. ``str`` gives
    what the command prints. Raises Refused before anything is written.

    >>> import medseg
    >>> fused = medseg.fuse("cells", "voted", method="vote")
    >>> len(fused.cases), sorted(path.name for path in Path("voted").iterdir())
    (12, ['consensus', 'entropy', 'probabilities', 'weights.csv'])
    """
    from medseg.experiment.fuse import fuse_cohort

    return fuse_cohort(Path(cohort), Path(out), way=method, run=None if run is None else Path(run))


def evaluate(
    run: Folder, *, cohort: Folder | None = None, stage: str | None = None, draw: bool = True, split: str = "test"
) -> Evaluation:
    """Score a run's test cases (`medseg evaluate`); ``str`` gives what the command prints.

    cohort: another one, all of its cases. split: val or train instead of test, into a folder of that name. stage: the
    run as this stage of method two left it. draw: the pictures and the page too. Writes scores.csv and report/ into the
    run folder. Raises Refused where there is nothing to score.

    >>> import medseg
    >>> found = medseg.evaluate("runs/pixel", draw=False)
    >>> any(score.metric == "truth_dice" and 0 <= score.value <= 1 for score in found.scores)
    True
    """
    from medseg.experiment.evaluate import evaluate_run

    return evaluate_run(Path(run), None if cohort is None else Path(cohort), stage, split, draw=draw)


def compare(runs: Sequence[Folder], reference: str | None = None) -> pd.DataFrame:
    """A row per metric and recipe of evaluated runs, paired over seeds, folds and cases (`medseg compare`).

    reference: the recipe that the others are paired with; by default that of the first run. Columns: metric, recipe,
    direction, unit, reference, mean, low, high, worst_seed, difference, difference_low, difference_high, runs, seeds,
    values, undefined. Runs of one recipe are named by the keys of their configs that differ. Raises Refused for folders
    without scores, and for two of one run and config.

    >>> import medseg
    >>> table = medseg.compare(["runs/pixel", "runs/soft_mean"], reference="soft_mean")
    >>> sorted(set(table["recipe"]))
    ['shared_truth_pixel', 'soft_mean']
    """
    from medseg.experiment.methods import metrics
    from medseg.reporting import compare as compared, load_runs

    missing = [run for run in map(Path, runs) if not (run / "scores.csv").is_file()]
    if missing:
        raise Refused(complaint("run folder", "scores.csv (medseg.evaluate)", "none", str(run)) for run in missing)
    frame = load_runs([Path(run) for run in runs])
    recipes = sorted(frame["recipe"].unique())
    if reference is not None and reference not in recipes:
        raise Refused([complaint("reference", f"one of {', '.join(recipes)}", reference, "compare")])
    return compared(frame, metrics(), reference)


def simulate_annotator(
    labels: NDArray[np.integer], style: str, num_classes: int, rng: np.random.Generator
) -> NDArray[np.integer]:
    """What an annotator of known style writes where the truth is ``labels``, class indices (S...) in 0..T-1.

    style: good, over, under, fractured, fractured_over, blank, swap, displaced, jitter or confusion, with its strength
    (voxels; of confusion a share) after a colon: ``"over:2"``. Raises Refused for another style.

    >>> import medseg
    >>> import numpy as np
    >>> truth = np.zeros((9, 9), int)
    >>> truth[3:6, 3:6] = 1
    >>> int(medseg.simulate_annotator(truth, "blank", 2, np.random.default_rng(0)).sum())
    0
    >>> bool(medseg.simulate_annotator(truth, "over:2", 2, np.random.default_rng(0)).sum() > 9)
    True
    """
    from medseg.annotators import simulate

    return simulate(labels, style, num_classes, rng)
