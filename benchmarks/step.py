"""What the annotators cost: a training step of a recipe's last stage, against that of the soft mean.

python benchmarks/step.py [--quick] [--threads N] [--rounds N] [--only CLASSESxANNOTATORS]

A step is what the loop does with a batch of four 128x128 images: forward, loss, backward, clipping, AdamW. Model,
stage and optimiser are those that a run of the recipe has, with the defaults of the config and a U-Net of four levels.
The variants take turns in one process, in another order each round; a figure is the median over rounds of a variant's
time divided by the plain step's time of that same round, so that a load on the machine falls on all of them. Memory is
the peak of what torch holds in tensors on the CPU during one step, beyond weights and optimiser state (from the
profiler's record of every allocation and release).

soft_mean            the plain step: cross-entropy to all labels, no confusion matrices
fused                the default's styles, of a truth that stands: the network forward alone, matrices at some of the
                     voxels; the steps before, which move the truth, are plain ones
anchored             the same with a matrix per voxel
shared_truth_pixel   a matrix per voxel, one truth for all annotators
shared_truth_global  a matrix per annotator, one truth for all annotators
untiled              shared_truth_pixel by the definition of the likelihood and autograd
published            Zhang et al., NeurIPS 2020, Eq. 2-3 as they stand, on the same trunk: softplus, normalised over O,
                     C p voxel by voxel
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, nll_loss, one_hot, softplus
from torch.profiler import ProfilerActivity, profile

from medseg.annotators.assembly import Signature, build_annotator_model, build_stages
from medseg.annotators.config import RunConfig
from medseg.annotators.mathematics.confusion import PixelConfusion
from medseg.annotators.mathematics.likelihood import likelihood_terms
from medseg.annotators.mathematics.model import AnnotatorModel
from medseg.annotators.nouns import ImageBatch
from medseg.contracts import UNLABELLED, ClassLabel, Losses
from medseg.training.processes import launch
from medseg.training.state import Position, StageState

SETTINGS = ((2, 4), (2, 10), (4, 4), (4, 8), (10, 8))
BATCH, SIDE = 4, 128
PLAIN = "soft_mean"
VARIANTS = {  # variant -> its recipe
    PLAIN: PLAIN,
    "fused": "fused",
    "anchored": "anchored",
    "shared_truth_pixel": "shared_truth_pixel",
    "shared_truth_global": "shared_truth_global",
    "untiled": "shared_truth_pixel",
    "published": "per_annotator_pixel",
}


def published(model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf) -> Losses:
    """sum over a of -log (C^(a) p)[y_a], C = softplus(logits) / sum over O, C p as a product of matrices."""
    assert isinstance(model, AnnotatorModel) and isinstance(model.confusion, PixelConfusion)
    truth, bias = model(batch.image), model.confusion.bias
    features = model.confusion_features(batch.image, truth)
    assert features is not None
    kernel = model.confusion.weight.flatten(0, 2)[..., None, None]
    logits = conv2d(features, kernel, bias.flatten()).unflatten(1, bias.shape)
    annotators, classes, _ = bias.shape
    probs = truth.log_probs.exp().flatten(2).permute(0, 2, 1).reshape(-1, classes, 1)
    total = probs.new_zeros(())
    for a in range(annotators):
        weights = softplus(logits[:, a])
        confusion = weights / weights.sum(dim=1, keepdim=True)
        by_voxel = confusion.flatten(3).permute(0, 3, 1, 2).reshape(-1, classes, classes)
        annotator_probs = torch.bmm(by_voxel, probs).squeeze(2)
        total = total + nll_loss(annotator_probs.log(), batch.labels[:, a].flatten(), ignore_index=UNLABELLED)
    return Losses(total=total, metrics={"nll": total.detach()})


class Trainee:
    """A variant at the beginning of its recipe's last stage, as the loop has it."""

    def __init__(self, variant: str, classes: int, annotators: int) -> None:
        config = RunConfig.model_validate(
            {
                "experiment": "benchmark",
                "recipe": VARIANTS[variant],
                "data": {"cohort": "none", "grid": {"size": (SIDE, SIDE)}},
                "network": {"channels": (16, 32, 64, 128)},
                "training": {"accelerator": "cpu"},
            }
        )
        labels = tuple(ClassLabel(name=f"class {value}", value=value) for value in range(classes))
        names = tuple(f"annotator {number}" for number in range(annotators))
        model = build_annotator_model(config, Signature(annotators=names, classes=labels, channels=1, spatial_dims=2))
        stage = build_stages(config)[-1]
        if variant == "published":
            stage = replace(stage, objective=published)
        if variant == "untiled":
            assert isinstance(model, AnnotatorModel) and model.confusion is not None
            model.confusion.terms_of = likelihood_terms
        training = config.training
        self.fabric, self.clip_norm = launch(training), training.clip_norm
        self.state = StageState.begin(self.fabric, model, stage, position=Position(), config=training)

    def step(self, batch: ImageBatch) -> float:
        """One training step -> its wall-clock time in seconds."""
        start = time.perf_counter()
        losses = self.state.task(batch, 0.0)
        self.fabric.backward(losses.total)
        self.fabric.clip_gradients(self.state.task, self.state.optimizer, max_norm=self.clip_norm)
        self.state.optimizer.step()
        self.state.optimizer.zero_grad()
        return time.perf_counter() - start


def random_batch(classes: int, annotators: int) -> ImageBatch:
    """Noise, labelled at random; what the labels say together is their mean."""
    torch.manual_seed(1)
    image = torch.randn(BATCH, 1, SIDE, SIDE)
    labels: Tensor = torch.randint(0, classes, (BATCH, annotators, SIDE, SIDE))
    mean = one_hot(labels, classes).float().mean(dim=1).movedim(-1, 1)
    return ImageBatch(image=image, labels=labels, case_index=torch.arange(BATCH), consensus=mean)


def peak_bytes(step: Callable[[], object]) -> int:
    """The most that torch's CPU allocator holds at once during the step, beyond what it held before."""
    os.environ["KINETO_LOG_LEVEL"] = "99"  # else the profiler writes its stages to the terminal
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        step()
    assert record.profiler is not None and record.profiler.kineto_results is not None
    events = [event for event in record.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()  # pyright: ignore[reportAttributeAccessIssue]
        peak = max(peak, held)
    return peak


def measure(classes: int, annotators: int, rounds: int) -> None:
    """Print one line per variant: ratio of times (with its quartiles), milliseconds, peak memory."""
    batch = random_batch(classes, annotators)
    trainees = {name: Trainee(name, classes, annotators) for name in VARIANTS}
    seconds: dict[str, list[float]] = {name: [] for name in trainees}
    peaks = {name: 0 for name in trainees}
    for name, trainee in trainees.items():
        trainee.step(batch)
        peaks[name] = peak_bytes(lambda trainee=trainee: trainee.step(batch))
    names = list(trainees)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            seconds[name].append(trainees[name].step(batch))
    print(f"\n{classes} classes x {annotators} annotators")
    print(f"{'':20} {'time / plain':>12} {'quartiles':>13} {'ms':>8} {'peak MB':>8} {'beyond plain':>13}")
    for name in names:
        ratios = [ours / base for ours, base in zip(seconds[name], seconds[PLAIN], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        milliseconds = 1e3 * statistics.median(seconds[name])
        peak, beyond = peaks[name] / 1e6, (peaks[name] - peaks[PLAIN]) / 1e6
        spread = f"{low:.2f} - {high:.2f}"
        print(f"{name:20} {middle:12.2f} {spread:>13} {milliseconds:8.1f} {peak:8.1f} {beyond:13.1f}", flush=True)


def main() -> None:
    """Read the arguments, measure every setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3 rounds, the two smaller settings")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", help="one setting, such as 10x8")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    settings = [setting for setting in SETTINGS if arguments.only in (None, "{}x{}".format(*setting))]
    print(f"torch {torch.__version__}, {arguments.threads} threads, batch {BATCH}, {SIDE}x{SIDE}")
    for classes, annotators in settings[:2] if arguments.quick else settings:
        measure(classes, annotators, 3 if arguments.quick else arguments.rounds)


if __name__ == "__main__":
    main()
