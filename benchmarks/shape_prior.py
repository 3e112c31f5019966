"""A prior by pixels on top of a finished run of method two: what it finds unlike, and what it draws.

    python benchmarks/shape_prior.py RUN --out OUT --others runs/cohorts/cx22 runs/cohorts/hippocampus

Trains the stage ``prior`` alone, on the weights of RUN, and finds its limit; OUT is then a run folder like any other,
and a second call only measures. Further words are overrides of the config (``training.epochs.prior=40``).

Unlike shapes: in the place of each unoccluded test object, under an occluder drawn as for it, one of as large an area:
an object of the ``--others`` (cohorts of label maps; of a volume the slice with most of it), a smooth blob, the union
of two test objects; and half of the object, cut through its centre in a random direction. Every score is counted
against the test objects themselves: AUROC, and the share that its limit leaves alone, of which those of the test
objects are false alarms. Scores: the visible misfit, the nats of the PixelCNN, and those of the Gaussian prior with its
decoder (the negative ELBO of stage I at the mean of z), all of the same completions.

Draws: of the PixelCNN, and of z ~ N(0, I) through the decoder of stage I, of the classes of the test objects, at the
resolution of the PixelCNN. ``likely``: the mean nats of the PixelCNN. ``fidelity``: the mean IoU of a draw and the most
alike shape of the test objects; ``coverage``: of each of those and the most alike draw.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from medseg.amodal.assembly import (
    assemble_amodal,
    occluded_objects,
    read_amodal_run,
    simulated_objects,
    unoccluded_objects,
)
from medseg.amodal.completion.beliefs import believe, shape_nats
from medseg.amodal.completion.calibrate import calibrating_objects, misfit_limit
from medseg.amodal.completion.calibration import CALIBRATION, Calibration
from medseg.amodal.completion.completer import Completer
from medseg.amodal.config import AmodalConfig
from medseg.amodal.network.divergences import divergence_from_prior
from medseg.amodal.network.model import AmodalVAE
from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import complete_objects, objects_of_split
from medseg.amodal.occlusion.batches import batch_of
from medseg.cohorts import apply, find_cohort, fingerprint, load_objects, read_splits
from medseg.config import dump_config
from medseg.contracts import ObjectCohort
from medseg.experiment.methods import load_config
from medseg.training import load_weights
from medseg.training.loop import fit
from medseg.training.settings import TrackingConfig
from medseg.training.tracking import Tracker

Mask = NDArray[np.bool_]
AT_ONCE = 32
MOST = 300
SCORES = ("visible misfit", "nats, Gaussian", "nats, PixelCNN")


def train_prior(run: Path, out: Path, overrides: Sequence[str]) -> None:
    """The stage ``prior`` of a run that had none, and the limit of its nats; samples are cut as those of the run."""
    out.mkdir(parents=True)
    for name in ("model.json", "splits.json"):
        shutil.copy(run / name, out)
    config = load_config(run / "config.yaml", ["prior.kind=pixelcnn", "prior.novelty=nats", *overrides])
    assert isinstance(config, AmodalConfig)
    (out / "config.yaml").write_text(dump_config(config))
    cohort = load_objects(find_cohort(config.data.cohort))
    data, cohort = fingerprint(cohort), apply(cohort, read_splits(out / "splits.json"))
    parts = assemble_amodal(config, cohort)
    parts.model.load_state_dict(load_weights(run / "weights.pt"), strict=False)  # all but the prior
    stages = [stage for stage in parts.stages if stage.name == "prior"]
    with Tracker(out, TrackingConfig(wandb="off"), config={}, group=config.experiment) as tracker:
        fit(
            parts.model,
            stages,
            parts.source,
            out,
            config=config.training,
            seed=config.seed,
            tracker=tracker,
            fingerprint=data,
            progress=False,
        )
    limit = misfit_limit(Completer.load(out), calibrating_objects(config, cohort))
    replace(Calibration.read(run), misfit_limit=limit).write(out)


# ---------------------------------------------------------------------------------- unlike shapes
def unlike(objects: Sequence[AmodalObject], others: dict[str, list[Mask]]) -> Iterator[tuple[str, list[AmodalObject]]]:
    """The name of each kind, and one shape of it in the place of every object."""
    rng = np.random.default_rng(0)
    seconds = [objects[number] for number in rng.integers(len(objects), size=len(objects)).tolist()]
    for name, masks in others.items():
        yield name, [_in_place(one, _scaled(masks[rng.integers(len(masks))], one)) for one in objects]
    yield "blob", [_in_place(one, _blob(one, rng)) for one in objects]
    yield "union of two", [_in_place(one, _union(one, two)) for one, two in zip(objects, seconds, strict=True)]
    yield "half", [_in_place(one, _half(one.visible, rng)) for one in objects]


def _in_place(amodal_object: AmodalObject, mask: Mask) -> AmodalObject:
    return replace(amodal_object, visible=mask, amodal=mask, occluder=np.zeros_like(mask))


def _scaled(mask: Mask, like: AmodalObject) -> Mask:
    """As many voxels as the object has, or nearly."""
    factor = (np.count_nonzero(like.visible) / np.count_nonzero(mask)) ** (1 / mask.ndim)
    scaled = np.asarray(ndimage.zoom(np.pad(mask, 1).astype(np.float32), factor, order=1))
    return np.pad(scaled, 1) >= 0.5


def _blob(like: AmodalObject, rng: np.random.Generator) -> Mask:
    """The highest voxels of a smooth noise that falls off from the middle, as many as the object has."""
    size, dims = np.count_nonzero(like.visible), like.visible.ndim
    radius = size ** (1 / dims) / 2
    noise = ndimage.gaussian_filter(rng.normal(size=(int(6 * radius) + 4,) * dims), radius / 2)
    places = np.indices(noise.shape).reshape(dims, -1) - (noise.shape[0] - 1) / 2
    height = noise / noise.std() - (np.linalg.norm(places, axis=0) / radius).reshape(noise.shape)
    return height >= np.partition(height.ravel(), -size)[-size]


def _union(one: AmodalObject, other: AmodalObject) -> Mask:
    """Both, crossing in their middles, made as large as the one."""
    shape = np.maximum(one.visible.shape, other.visible.shape)
    both = np.zeros(shape, bool)
    for mask in (one.visible, other.visible):
        first = (shape - mask.shape) // 2
        both[tuple(slice(low, low + length) for low, length in zip(first, mask.shape, strict=True))] |= mask
    return _scaled(both, one)


def _half(mask: Mask, rng: np.random.Generator) -> Mask:
    places = np.argwhere(mask)
    along = (np.indices(mask.shape).T - places.mean(0)) @ rng.normal(size=mask.ndim)
    return mask & (along.T >= 0)


def masks_of(folder: str, dims: int) -> list[Mask]:
    """The complete objects of another cohort; of volumes, for a run of pictures, the slice with most of each."""
    cohort = load_objects(find_cohort(folder))
    cohort = replace(cohort, cases=tuple(replace(case, split="test") for case in cohort.cases))
    masks = [one.visible for one in complete_objects(objects_of_split(cohort, "test"), cohort.rules)]
    if masks[0].ndim > dims:
        masks = [mask[..., int(mask.sum((0, 1)).argmax())] for mask in masks]
    return masks


# -------------------------------------------------------------------------------------- the scores
@torch.no_grad()
def scores(completer: Completer, objects: Sequence[AmodalObject]) -> NDArray[np.float64]:
    """(3,B): ``SCORES`` of each."""
    model, found = completer.model, []
    assert isinstance(model, AmodalVAE)
    for start in range(0, len(objects), AT_ONCE):
        batch = batch_of(objects[start : start + AT_ONCE], completer.frame)
        said = believe(model, batch, 0, mirror=completer.mirror)
        completed = torch.maximum(batch.visible, (said.probs >= 0.5) * batch.occluder)
        latent = model.complete(completed, batch.class_index)
        logits = model.decoder(latent.mean(), batch.class_index)
        misfit = binary_cross_entropy_with_logits(logits, completed, reduction="none").flatten(1).sum(1)
        gaussian = misfit + divergence_from_prior(latent).sum()
        found.append(torch.stack([said.visible_misfit, gaussian, shape_nats(model, batch, said.probs)]))
    return torch.cat(found, dim=1).double().numpy()


def measure_novelty(run: Path, out: Path, cohort: ObjectCohort, others: dict[str, list[Mask]]) -> None:
    """Print a row per kind of unlike shape."""
    config, completer = read_amodal_run(out), Completer.load(out)
    limits = {0: Calibration.read(run).misfit_limit, 2: completer.calibration.misfit_limit}
    known = unoccluded_objects(cohort, "test", config.data.frame, MOST)
    familiar = scores(completer, simulated_objects(known, config))
    real = scores(completer, occluded_objects(cohort, "test", config))
    print("\n| shapes | n |" + "".join(f" {name}: AUROC | alone |" for name in SCORES))
    print(f"|{' --- |' * (2 + 2 * len(SCORES))}")
    kinds = {name: scores(completer, simulated_objects(made, config)) for name, made in unlike(known, others)}
    for name, values in {"test, simulated": familiar, "test, really occluded": real, **kinds}.items():
        row = f"| {name} | {values.shape[1]} |"
        for number, (usual, odd) in enumerate(zip(familiar, values, strict=True)):
            truth = np.repeat([0, 1], [len(usual), len(odd)])
            area = "" if values is familiar else f"{roc_auc_score(truth, np.concatenate([usual, odd])):.3f}"
            limit = limits.get(number)
            row += f" {area} | {'' if limit is None else f'{100 * (odd > limit).mean():.0f} %'} |"
        print(row, flush=True)


# --------------------------------------------------------------------------------------- the draws
@torch.no_grad()
def measure_draws(out: Path, cohort: ObjectCohort, count: int) -> None:
    """Print a row for each prior, and for the unoccluded training objects, shown in the same way."""
    config, completer = read_amodal_run(out), Completer.load(out)
    model, generator = completer.model, torch.Generator().manual_seed(0)
    assert isinstance(model, AmodalVAE) and model.prior is not None
    rules = config.data.frame
    shown = {split: batch_of(unoccluded_objects(cohort, split, rules, count), rules) for split in ("test", "train")}
    shapes, classes = model.prior.shapes(shown["test"].amodal), shown["test"].class_index
    code = model.complete(shown["test"].amodal, classes).mean().redrawn(generator)
    drawn = {
        "training objects": (model.prior.shapes(shown["train"].amodal), shown["train"].class_index),
        "z ~ N(0, I)": (model.prior.shapes(model.decoder(code, classes).sigmoid()), classes),
        "PixelCNN": (model.prior.sample(classes, generator), classes),
    }
    print(
        f"\n| draws | n | likely, nats (test: {model.prior.nats(shapes, classes).mean():.1f}) | fidelity | coverage |"
    )
    print("| --- | --- | --- | --- | --- |")
    for name, (draws, of_class) in drawn.items():
        alike = _ious(draws, shapes)
        nats = model.prior.nats(draws, of_class).mean()
        print(f"| {name} | {len(draws)} | {nats:.1f} | {alike.amax(1).mean():.3f} | {alike.amax(0).mean():.3f} |")


def _ious(some: Tensor, others: Tensor) -> Tensor:
    """(N,1,s...), (M,1,s...) of 0 and 1 -> (N,M)."""
    a, b = some.flatten(1), others.flatten(1)
    both = a @ b.T
    return both / (a.sum(1)[:, None] + b.sum(1) - both).clamp(min=1)


def main() -> None:
    """Parse the command line, train where nothing stands yet, print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("overrides", nargs="*", help="dotted.key=value")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--others", nargs="*", default=[], help="cohorts of unlike objects")
    parser.add_argument("--draws", type=int, default=200)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if not (asked.out / CALIBRATION).is_file():
        train_prior(asked.run, asked.out, asked.overrides)
    config = read_amodal_run(asked.out)
    cohort = apply(load_objects(find_cohort(config.data.cohort)), read_splits(asked.out / "splits.json"))
    others = {Path(folder).name: masks_of(folder, len(config.data.frame.size)) for folder in asked.others}
    measure_novelty(asked.run, asked.out, cohort, others)
    measure_draws(asked.out, cohort, asked.draws)


if __name__ == "__main__":
    main()
