"""A prior by pixels on top of a finished run of method two: what it finds unlike, and what it draws.

    python benchmarks/shape_prior.py RUN --out OUT --others runs/cohorts/cx22 runs/cohorts/hippocampus

Trains the stage ``prior`` alone, on the weights of RUN, and finds its limit of abstaining; OUT is then a run folder
like any other, and a second call only measures. Further words are overrides of the config
(``training.epochs.prior=40``).

Unlike shapes: in the place of each unoccluded test object, under an occluder drawn as for it, one of as large an area:
an object of the ``--others`` (cohorts of label maps; of a volume the slice with most of it), a smooth blob, the union
of two test objects; and half of the object, cut through its centre in a random direction. Every score is counted
against the test objects themselves: AUROC, and the share beyond the 99th percentile of the objects that calibrate, of
which those of the test objects are false alarms. Scores: the visible misfit, the nats of the PixelCNN, and those of the
Gaussian prior with its decoder (the negative ELBO of stage I at the mean of z), all of the same completions.

Draws: of the PixelCNN, and of z ~ N(0, I) through the decoder of stage I, of the classes of the test objects, at the
resolution of the PixelCNN. ``likely``: the mean nats of the PixelCNN. ``fidelity``: the mean IoU of a draw and the most
alike shape of the test objects; ``coverage``: of each of those and the most alike draw.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from answer_rules import percentile
from numpy.typing import NDArray
from one_stage import train_stage
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from unlike_shapes import Mask, masks_of, unlike

from medseg.amodal.assembly import (
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
from medseg.amodal.occlusion.batches import batch_of
from medseg.cohorts import apply, find_cohort, load_objects, read_splits

AT_ONCE = 32
SCORES = ("visible misfit", "nats, Gaussian", "nats, PixelCNN")


def train_prior(run: Path, out: Path, overrides: Sequence[str]) -> None:
    """The stage ``prior`` of a run that had none, and the limit of its nats; samples are cut as those of the run."""
    changed = ["prior.kind=pixelcnn", "prior.novelty=nats", *overrides]
    weights = run / "weights.pt"
    config, cohort = train_stage(run, out, "prior", weights=weights, overrides=changed, new_parts=True)
    limit = misfit_limit(Completer.load(out), calibrating_objects(config, cohort))
    replace(Calibration.read(run), misfit_limit=limit).write(out)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What both tables are about."""

    whole: list[AmodalObject]
    """Unoccluded test objects."""
    occluded: list[AmodalObject]
    """Test objects that are really occluded."""
    held_out: list[AmodalObject]
    """Unoccluded validation objects, as many as test objects."""
    others: dict[str, list[Mask]]
    """Another cohort -> shapes of it."""


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


def measure_novelty(
    completer: Completer, config: AmodalConfig, limits: Mapping[int, float | None], shown: Shown
) -> None:
    """Print a row per kind of unlike shape. limits: of some of ``SCORES``, by their places."""
    familiar = scores(completer, simulated_objects(shown.whole, config))
    print("\n| shapes | n |" + "".join(f" {name}: AUROC | beyond |" for name in SCORES))
    print(f"|{' --- |' * (2 + 2 * len(SCORES))}")
    kinds = ((name, simulated_objects(made, config)) for name, made in unlike(shown.whole, shown.others))
    for name, made in (("test, simulated", None), *kinds, ("test, really occluded", shown.occluded)):
        values = familiar if made is None else scores(completer, made)
        row = f"| {name} | {values.shape[1]} |"
        for number, (usual, odd) in enumerate(zip(familiar, values, strict=True)):
            truth = np.repeat([0, 1], [len(usual), len(odd)])
            area = "" if made is None else f"{roc_auc_score(truth, np.concatenate([usual, odd])):.3f}"
            most = limits.get(number)
            row += f" {area} | {'' if most is None else f'{100 * (odd > most).mean():.0f} %'} |"
        print(row, flush=True)


# --------------------------------------------------------------------------------------- the draws
@torch.no_grad()
def measure_draws(completer: Completer, shown: Shown) -> None:
    """Print a row for each prior, and for validation objects, shown in the same way."""
    model, generator = completer.model, torch.Generator().manual_seed(0)
    assert isinstance(model, AmodalVAE) and model.prior is not None
    known, held_out = batch_of(shown.whole, completer.frame), batch_of(shown.held_out, completer.frame)
    shapes, classes = model.prior.shapes(known.amodal), known.class_index
    code = model.complete(known.amodal, classes).mean().redrawn(generator)
    drawn = {
        "validation objects": (model.prior.shapes(held_out.amodal), held_out.class_index),
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
    parser.add_argument("--objects", type=int, default=100, help="of each kind; of really occluded ones all")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if not (asked.out / CALIBRATION).is_file():
        train_prior(asked.run, asked.out, asked.overrides)
    config = read_amodal_run(asked.out)
    cohort = apply(load_objects(find_cohort(config.data.cohort)), read_splits(asked.out / "splits.json"))
    rules = config.data.frame
    shown = Shown(
        whole=unoccluded_objects(cohort, "test", rules, asked.objects),
        occluded=occluded_objects(cohort, "test", config),
        held_out=unoccluded_objects(cohort, "val", rules, asked.objects),
        others={Path(folder).name: masks_of(folder, len(rules.size)) for folder in asked.others},
    )
    completer = Completer.load(asked.out)
    familiar = calibrating_objects(config, cohort)
    limits = {0: percentile(Completer.load(asked.run), familiar), 2: percentile(completer, familiar)}
    measure_novelty(completer, config, limits, shown)
    measure_draws(completer, shown)


if __name__ == "__main__":
    main()
