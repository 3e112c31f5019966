"""What the annotators cost: a whole training step, against the same network's step without them.

python benchmarks/step.py [--quick] [--threads N] [--rounds N] [--only CLASSESxANNOTATORS]

A step is forward, loss, backward and Adam of a small U-Net on a batch of four 128x128 images. The variants take
turns in one process, in another order each round; a figure is the median over rounds of a variant's time divided by
the plain step's time of that same round, so that a load on the machine falls on all of them. Memory is the peak of
what torch holds in tensors on the CPU during one step, beyond weights and optimiser state (from the profiler's
record of every allocation and release).

plain            cross-entropy on the majority vote, no confusion matrices
published        Zhang et al., NeurIPS 2020, Eq. 2-3 as they stand: softplus, normalised over O, C p voxel by voxel
straightforward  the observed row of C in log space, left to autograd
pixel private    medseg, a matrix per voxel, likelihood per_annotator
pixel shared     medseg, a matrix per voxel, likelihood shared_truth
global shared    medseg, a matrix per annotator, likelihood shared_truth
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, nll_loss, softplus
from torch.profiler import ProfilerActivity, profile

from medseg.annotators.confusion import ConfusionHead
from medseg.annotators.model import Evidence, TrueLabelNetwork
from medseg.contracts import UNLABELLED

SETTINGS = ((2, 4), (4, 4), (4, 8), (10, 8))
BATCH, SIDE, FEATURES = 4, 128, 16

Loss = Callable[[Evidence, Tensor, ConfusionHead], Tensor]


def plain(evidence: Evidence, labels: Tensor, head: ConfusionHead) -> Tensor:
    """-log p of the first annotator's labels, which cost as much as a vote that is made beforehand."""
    return nll_loss(evidence.log_probs, labels[:, 0], ignore_index=UNLABELLED)


def published(evidence: Evidence, labels: Tensor, head: ConfusionHead) -> Tensor:
    """sum over a of -log (C^(a) p)[y_a], C = softplus(logits) / sum over O, C p as a product of matrices."""
    annotators, classes, _ = head.bias.shape
    logits = confusion_logits(evidence, head)
    probs = evidence.log_probs.exp().flatten(2).permute(0, 2, 1).reshape(-1, classes, 1)
    total = probs.new_zeros(())
    for a in range(annotators):
        weights = softplus(logits[:, a])
        confusion = weights / weights.sum(dim=1, keepdim=True)
        by_voxel = confusion.flatten(3).permute(0, 3, 1, 2).reshape(-1, classes, classes)
        annotator_probs = torch.bmm(by_voxel, probs).squeeze(2)
        total = total + nll_loss(annotator_probs.log(), labels[:, a].flatten(), ignore_index=UNLABELLED)
    return total


def straightforward(evidence: Evidence, labels: Tensor, head: ConfusionHead) -> Tensor:
    """sum over a of -logsumexp over t of (log C^(a)[y_a,t] + log p[t]), C = softmax(logits) over O."""
    log_confusion = confusion_logits(evidence, head).log_softmax(dim=2)
    index = labels.clamp(min=0)[:, :, None, None].expand(-1, -1, 1, log_confusion.shape[3], -1, -1)
    rows = log_confusion.gather(2, index).squeeze(2)
    nll = -(rows + evidence.log_probs[:, None]).logsumexp(dim=2)
    return torch.where(labels == UNLABELLED, 0.0, nll).sum() / labels[:, 0].numel()


def confusion_logits(evidence: Evidence, head: ConfusionHead) -> Tensor:
    """bias + W f (B,A,O,T,S...) by a 1x1 convolution."""
    assert head.weight is not None
    kernel = head.weight.flatten(0, 2)[..., None, None]
    return conv2d(evidence.features, kernel, head.bias.flatten()).unflatten(1, head.bias.shape)


def pixel_private(evidence: Evidence, labels: Tensor, head: ConfusionHead) -> Tensor:
    return head.nll(evidence.log_probs, labels, evidence.features, "per_annotator").nll.mean()


def pixel_shared(evidence: Evidence, labels: Tensor, head: ConfusionHead) -> Tensor:
    return head.nll(evidence.log_probs, labels, evidence.features, "shared_truth").nll.mean()


def global_shared(evidence: Evidence, labels: Tensor, head: ConfusionHead) -> Tensor:
    return head.nll(evidence.log_probs, labels, None, "shared_truth").nll.mean()


VARIANTS: Mapping[str, Loss] = {
    "plain": plain,
    "published": published,
    "straightforward": straightforward,
    "pixel private": pixel_private,
    "pixel shared": pixel_shared,
    "global shared": global_shared,
}


class Trainee:
    """A network with its head and optimiser; every variant has its own, all of them alike."""

    def __init__(self, classes: int, annotators: int, loss: Loss) -> None:
        torch.manual_seed(0)
        self.network = TrueLabelNetwork(2, 1, classes, channels=(16, 32, 64, 128), features=FEATURES)
        self.head = ConfusionHead(annotators, classes, FEATURES)
        self.optimiser = torch.optim.Adam(nn.ModuleList([self.network, self.head]).parameters())
        self.loss = loss

    def step(self, image: Tensor, labels: Tensor) -> float:
        """One training step -> its wall-clock time in seconds."""
        start = time.perf_counter()
        self.optimiser.zero_grad()
        self.loss(self.network(image), labels, self.head).backward()
        self.optimiser.step()
        return time.perf_counter() - start


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
    """Print one line per variant: ratio of times (with its quartiles), seconds, peak memory."""
    torch.manual_seed(1)
    image = torch.randn(BATCH, 1, SIDE, SIDE)
    labels = torch.randint(0, classes, (BATCH, annotators, SIDE, SIDE))
    trainees = {name: Trainee(classes, annotators, loss) for name, loss in VARIANTS.items()}
    seconds: dict[str, list[float]] = {name: [] for name in trainees}
    peaks = {name: 0 for name in trainees}
    for name, trainee in trainees.items():
        trainee.step(image, labels)
        peaks[name] = peak_bytes(lambda trainee=trainee: trainee.step(image, labels))
    names = list(trainees)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            seconds[name].append(trainees[name].step(image, labels))
    print(f"\n{classes} classes x {annotators} annotators")
    print(f"{'':16} {'time / plain':>12} {'quartiles':>13} {'ms':>8} {'peak MB':>8} {'beyond plain':>13}")
    for name in names:
        ratios = [ours / base for ours, base in zip(seconds[name], seconds["plain"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        milliseconds = 1e3 * statistics.median(seconds[name])
        peak, beyond = peaks[name] / 1e6, (peaks[name] - peaks["plain"]) / 1e6
        spread = f"{low:.2f} - {high:.2f}"
        print(f"{name:16} {middle:12.2f} {spread:>13} {milliseconds:8.1f} {peak:8.1f} {beyond:13.1f}", flush=True)


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
