"""The table of stages, and by the bits of their checkpoints: what each of them moves, and where it begins."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from medseg.amodal.network.pcnet import PartialCompletionNetwork
from medseg.amodal.nouns import MaskBatch
from medseg.amodal.objective import CompleteShapes, OccludedShapes, PartialCompletion, VisibleParts
from medseg.amodal.stages import AmodalRecipe, EpochsConfig, ObjectiveConfig, stages
from medseg.contracts import Losses, Stage, Target
from medseg.training.checkpoint import BEST, LAST, load, load_weights
from medseg.training.loop import fit
from medseg.training.settings import LoopConfig, TrackingConfig
from medseg.training.tracking import Tracker

from .conftest import BATCH, STEPS, TINY, Rectangles, vae

EPOCHS = EpochsConfig(complete=2, occluded=2, visible=1)
WEIGHTS = ObjectiveConfig(
    beta=1.0, partial_beta=0.1, gamma=1.0, delta=0.5, occluder_weight=5.0, known_background=True, free_bits=0.05,
    warmup=1.0,
)  # fmt: skip
CHILDREN = ("complete", "partial", "anchor", "decoder", "completing")


def table(recipe: AmodalRecipe) -> tuple[Stage, ...]:
    return stages(recipe, WEIGHTS, EPOCHS, learning_rate=0.01, visible_lr_factor=0.2)


class Stopped(Rectangles):
    """SIGTERM arrives while this batch is made."""

    def __init__(self, target: Target, epoch: int, step: int) -> None:
        super().__init__()
        self.when = (target, epoch, step)

    def batch(self, target: Target, epoch: int, step: int, rank: int = 0, world: int = 1) -> MaskBatch:
        if (target, epoch, step) == self.when:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().batch(target, epoch, step, rank=rank, world=world)


class Dead(Rectangles):
    """The first batch of this target never comes, so that the stage is left as it began."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target

    def batch(self, target: Target, epoch: int, step: int, rank: int = 0, world: int = 1) -> MaskBatch:
        if target == self.target:
            raise OSError("the disk is gone")
        return super().batch(target, epoch, step, rank=rank, world=world)


def run(
    folder: Path, recipe: AmodalRecipe = "three_stages", source: Rectangles | None = None, resume: bool = False
) -> None:
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    model: nn.Module = PartialCompletionNetwork(TINY) if recipe == "pcnet" else vae()
    config = LoopConfig(
        batch_size=BATCH, clip_norm=1.0, ema_decay=0.9, weight_decay=0.1, accelerator="cpu", checkpoint_every=2
    )
    with Tracker(folder, TrackingConfig(), config={}, group="rectangles") as tracker:
        fit(
            model, table(recipe), source or Rectangles(), folder, config=config, seed=1,
            tracker=tracker, fingerprint="data", resume=resume, progress=False,
        )  # fmt: skip


def state(folder: Path, stage: str, name: str) -> dict[str, Tensor]:
    content = load(folder / stage / name)
    return content["model"] if name == LAST else content


def same(one: dict[str, Tensor], other: dict[str, Tensor], child: str, of_other: str = "") -> bool:
    """Whether a child has the same bits in both, weights and buffers alike."""
    names = [name.removeprefix(child) for name in one if name.startswith(f"{child}.")]
    assert names
    return all(torch.equal(one[child + name], other[(of_other or child) + name]) for name in names)


@pytest.fixture(scope="module")
def amodal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the three stages."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("finished")
    run(folder)
    return folder


# --------------------------------------------------------------------------------------- the table
def row(stage: Stage) -> tuple[object, ...]:
    return (
        stage.name,
        stage.target,
        stage.trains,
        type(stage.objective),
        stage.criterion,
        stage.epochs,
        stage.learning_rate,
    )


def test_the_three_stages():
    rows = table("three_stages")
    assert [row(stage) for stage in rows] == [
        ("complete", "complete", ("complete", "decoder"), CompleteShapes, "negative_elbo", 2, 0.01),
        ("occluded", "occluded", ("partial", "completing"), OccludedShapes, "objective", 2, 0.01),
        ("visible", "visible", ("partial",), VisibleParts, "missed", 1, 0.002),
    ]
    assert [dict(stage.starts_as) for stage in rows] == [{}, {"partial": "complete"}, {"anchor": "partial"}]
    assert [stage.objective for stage in rows] == [
        CompleteShapes(beta=1.0, free_bits=0.05, warmup=1.0),
        OccludedShapes(beta=0.1, gamma=1.0, occluder_weight=5.0),
        VisibleParts(beta=0.1, delta=0.5, known_background=True),
    ]


def test_the_ablations_leave_one_stage_out():
    names = [stage.name for stage in table("without_visible")]
    assert names == ["complete", "occluded"]
    complete, visible = table("without_occluded")
    assert (complete.name, visible.name) == ("complete", "visible")
    assert visible.starts_as == {"anchor": "complete", "partial": "complete"}
    assert visible.trains == ("partial", "completing")
    (occluded,) = table("without_complete")
    assert occluded.trains == ("complete", "partial", "completing") and not occluded.starts_as


def test_the_rival_trains_all_of_itself_for_as_long_as_the_three_stages():
    (stage,) = table("pcnet")
    assert row(stage) == ("occluded", "occluded", ("",), PartialCompletion, "cross_entropy", 5, 0.01)
    assert stage.objective == PartialCompletion(occluder_weight=5.0)


# ------------------------------------------------------------------------------------- what moves
def test_each_stage_moves_what_the_table_says_and_not_a_bit_more(amodal: Path):
    torch.manual_seed(0)
    first = vae().state_dict()
    one, two, three = (state(amodal, name, LAST) for name in ("complete", "occluded", "visible"))
    best = {name: state(amodal, name, BEST) for name in ("complete", "occluded")}
    assert {child for child in CHILDREN if not same(first, one, child)} == {"complete", "decoder"}
    assert {child for child in CHILDREN if not same(best["complete"], two, child)} == {"partial", "completing"}
    assert {child for child in CHILDREN if not same(best["occluded"], three, child)} == {"partial", "anchor"}
    assert same(three, best["occluded"], "anchor", "partial")  # and there it stayed
    assert same(load_weights(amodal / "weights.pt"), best["complete"], "decoder")
    assert same(load_weights(amodal / "weights.pt"), best["complete"], "complete")


def test_every_stage_asks_for_its_own_view(tmp_path: Path):
    source = Rectangles()
    run(tmp_path, source=source)
    targets = [("complete", 2), ("occluded", 2), ("visible", 1)]
    assert source.seen == [(target, e, s) for target, epochs in targets for e in range(epochs) for s in range(STEPS)]


# ---------------------------------------------------------------------------------- where it begins
def test_stage_two_begins_with_the_best_of_stage_one_and_q2_as_q1(tmp_path: Path):
    with pytest.raises(OSError, match="the disk is gone"):
        run(tmp_path, source=Dead("occluded"))
    begun, best = state(tmp_path, "occluded", LAST), state(tmp_path, "complete", BEST)
    assert same(best, begun, "complete", "partial") and same(begun, best, "complete") and same(begun, best, "decoder")
    assert not same(state(tmp_path, "complete", LAST), best, "decoder")  # the best is not simply the last


def test_stage_three_begins_with_the_best_of_stage_two_and_keeps_it_as_the_anchor(tmp_path: Path):
    with pytest.raises(OSError, match="the disk is gone"):
        run(tmp_path, source=Dead("visible"))
    begun, best = state(tmp_path, "visible", LAST), state(tmp_path, "occluded", BEST)
    assert same(begun, best, "partial") and same(begun, best, "anchor", "partial")
    assert not same(begun, begun, "complete", "partial")


def test_stage_three_is_left_out_where_it_makes_completions_worse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    judged = iter([2.0, 3.0])  # before the stage, and after its only epoch
    plain = VisibleParts.__call__

    def says(self: VisibleParts, model: nn.Module, batch: MaskBatch, *, epoch: float = math.inf) -> Losses:
        losses = plain(self, model, batch, epoch=epoch)
        if epoch == math.inf:
            losses.metrics["missed"] = torch.tensor(next(judged))
        return losses

    monkeypatch.setattr(VisibleParts, "__call__", says)
    run(tmp_path)
    assert same(load_weights(tmp_path / "weights.pt"), state(tmp_path, "occluded", BEST), "partial")
    assert not same(state(tmp_path, "visible", LAST), state(tmp_path, "occluded", BEST), "partial")


def test_without_stage_two_q2_and_the_anchor_begin_as_q1(tmp_path: Path):
    with pytest.raises(OSError, match="the disk is gone"):
        run(tmp_path, "without_occluded", Dead("visible"))
    begun, best = state(tmp_path, "visible", LAST), state(tmp_path, "complete", BEST)
    assert same(best, begun, "complete", "partial") and same(best, begun, "complete", "anchor")


# ------------------------------------------------------------------------------------------ resume
@pytest.mark.parametrize("when", [("complete", 1, 1), ("occluded", 0, 0), ("occluded", 1, 1), ("visible", 0, 2)])
def test_a_run_that_was_stopped_in_any_stage_ends_with_the_same_bits(amodal: Path, tmp_path: Path, when: tuple):
    with pytest.raises(SystemExit) as left:
        run(tmp_path, source=Stopped(*when))
    assert left.value.code == 143 and not (tmp_path / "weights.pt").exists()
    run(tmp_path, resume=True)
    expected, got = load_weights(amodal / "weights.pt"), load_weights(tmp_path / "weights.pt")
    assert expected.keys() == got.keys() and all(torch.equal(expected[name], got[name]) for name in expected)


def test_the_rival_walks_the_same_loop(tmp_path: Path):
    run(tmp_path, "pcnet")
    torch.manual_seed(0)
    first, last = PartialCompletionNetwork(TINY).state_dict(), load_weights(tmp_path / "weights.pt")
    assert first.keys() == last.keys() and not any(torch.equal(first[name], last[name]) for name in first)
