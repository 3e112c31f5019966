from __future__ import annotations

import json
import math
import multiprocessing
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from toy_run import STEPS, TerminatedSource, ToyModel, ToySource, cross_entropy, toy_fit, toy_stages

from medseg.annotators.nouns import ImageBatch
from medseg.contracts import Losses, Refused, Stage, Target
from medseg.training.checkpoint import load, load_weights


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def metrics_of(folder: Path) -> list[dict]:
    return [{key: value for key, value in row.items() if key not in ("seconds", "waited")} for row in rows(folder)]


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = load_weights(one / "weights.pt"), load_weights(other / "weights.pt")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


class Climber(nn.Module):
    """One number that every step raises by the learning rate."""

    def __init__(self) -> None:
        super().__init__()
        self.height = nn.Parameter(torch.zeros(()))


def climb(model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf) -> Losses:
    """The loss falls for ever, the nll is least at a height of 8."""
    assert isinstance(model, Climber)
    return Losses(total=-model.height, metrics={"nll": (model.height.detach() - 8) ** 2})


def climb_stage(name: str, epochs: float) -> Stage:
    return Stage(
        name=name, target="annotated", trains=("",), objective=climb, criterion="nll", epochs=epochs, learning_rate=1.0
    )


# ------------------------------------------------------------------------------------ what is chosen
def test_the_best_epoch_is_the_one_with_the_least_validation_nll(tmp_path: Path) -> None:
    stages = [climb_stage("joint", 5)]
    model = toy_fit(tmp_path, Climber(), stages, schedule="constant", ema_decay=None)
    assert model.height.item() == pytest.approx(2 * STEPS)
    assert [row["val/nll"] for row in rows(tmp_path)] == pytest.approx([16, 0, 16, 64, 144], abs=1e-3)
    assert [row["val/loss"] for row in rows(tmp_path)] == pytest.approx([-4, -8, -12, -16, -20])
    assert [row["best/nll"] for row in rows(tmp_path)] == pytest.approx([16, 0, 0, 0, 0], abs=1e-3)
    torch.testing.assert_close(load_weights(tmp_path / "weights.pt"), load(tmp_path / "joint" / "best.ckpt"))


def test_train_metrics_are_the_mean_over_the_steps_of_the_epoch(tmp_path: Path) -> None:
    toy_fit(tmp_path, Climber(), [climb_stage("joint", 1)], schedule="constant", ema_decay=None)
    (row,) = rows(tmp_path)
    assert row["train/nll"] == pytest.approx((64 + 49 + 36 + 25) / 4, rel=1e-4)
    assert (row["stage"], row["epoch"], row["step"]) == ("joint", 1, 4)


def test_the_last_epoch_of_a_fraction_is_shorter_than_the_others(tmp_path: Path) -> None:
    """Six steps in epochs of four; the cosine ends with them."""
    toy_fit(tmp_path, Climber(), [climb_stage("joint", 1.5)], schedule="constant", ema_decay=None)
    assert [(row["epoch"], row["step"]) for row in rows(tmp_path)] == [(1, 4), (2, 6)]
    assert rows(tmp_path)[1]["train/nll"] == pytest.approx((16 + 9) / 2, rel=1e-4)
    model = toy_fit(tmp_path / "cosine", Climber(), [climb_stage("joint", 1.5)], ema_decay=None)
    heights = sum((1 + math.cos(math.pi * step / 6)) / 2 for step in range(6))
    assert model.height.item() == pytest.approx(heights, rel=1e-5)


def test_the_stage_says_which_metric_is_its_criterion(tmp_path: Path) -> None:
    def climb_and_tell(model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf) -> Losses:
        losses = climb(model, batch)
        return Losses(total=losses.total, metrics=losses.metrics | {"depth": losses.total.detach()})

    stage = replace(climb_stage("joint", 3), objective=climb_and_tell, criterion="depth")
    model = toy_fit(tmp_path, Climber(), [stage], schedule="constant", ema_decay=None)
    assert model.height.item() == pytest.approx(3 * STEPS)  # its nll is the largest
    assert [row["best/depth"] for row in rows(tmp_path)] == pytest.approx([-4, -8, -12])
    assert not any("best/nll" in row for row in rows(tmp_path))


def test_a_criterion_that_the_objective_does_not_tell_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        toy_fit(tmp_path, Climber(), [replace(climb_stage("joint", 3), criterion="elbo")])
    assert refused.value.complaints == ("criterion: expected one of loss, nll, got 'elbo' (joint)",)


def test_an_objective_is_told_the_epoch_and_nothing_of_it_in_validation(tmp_path: Path) -> None:
    told: list[float] = []

    def listening(model: nn.Module, batch: ImageBatch, *, epoch: float = math.nan) -> Losses:
        told.append(epoch)
        return climb(model, batch)

    toy_fit(tmp_path, Climber(), [replace(climb_stage("joint", 2), objective=listening)])
    held_out = [math.inf] * 3
    assert told == [0.0, 0.25, 0.5, 0.75, *held_out, 1.0, 1.25, 1.5, 1.75, *held_out]


def test_a_stage_ends_when_patience_does(tmp_path: Path) -> None:
    toy_fit(tmp_path, Climber(), [climb_stage("joint", 9)], schedule="constant", ema_decay=None, patience=2)
    assert [row["epoch"] for row in rows(tmp_path)] == [1, 2, 3, 4]


def test_a_stage_begins_with_the_best_weights_of_the_one_before(tmp_path: Path) -> None:
    stages = [climb_stage("warmup", 4), climb_stage("joint", 1)]
    toy_fit(tmp_path, Climber(), stages, schedule="constant", ema_decay=None, checkpoint_every=100)
    begun = load(tmp_path / "joint" / "previous.ckpt")
    assert float(begun["model"]["height"]) == pytest.approx(8)
    assert rows(tmp_path)[-1]["val/nll"] == pytest.approx(16, abs=1e-3)


@pytest.mark.parametrize(("least_gain", "height"), [(0.0, STEPS), (0.7, STEPS), (0.8, 0)])
def test_a_stage_that_must_improve_by_a_part_stays_where_it_does_not(
    tmp_path: Path, least_gain: float, height: int
) -> None:
    """From (0 - 8)^2 = 64 to (4 - 8)^2 = 16, which is three quarters less."""
    stage = replace(climb_stage("joint", 1), must_improve=True, least_gain=least_gain)
    model = toy_fit(tmp_path, Climber(), [stage], schedule="constant", ema_decay=None)
    assert model.height.item() == pytest.approx(height)


def test_with_an_average_the_averaged_weights_are_validated_and_handed_on(tmp_path: Path) -> None:
    model = toy_fit(tmp_path, Climber(), [climb_stage("joint", 1)], schedule="constant", ema_decay=0.9)
    average = 1.0
    for t, height in enumerate([2.0, 3.0, 4.0], start=1):
        decay = min(0.9, (1 + t) / (10 + t))
        average = decay * average + (1 - decay) * height
    assert model.height.item() == pytest.approx(average, abs=1e-5)
    assert rows(tmp_path)[-1]["val/nll"] == pytest.approx((average - 8) ** 2, rel=1e-4)


def test_an_nll_that_is_never_finite_is_refused(tmp_path: Path) -> None:
    def blind(model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf) -> Losses:
        assert isinstance(model, Climber)
        return Losses(total=-model.height, metrics={"nll": torch.tensor(math.nan)})

    with pytest.raises(Refused) as refused:
        toy_fit(
            tmp_path,
            Climber(),
            [
                Stage(
                    name="joint",
                    target="annotated",
                    trains=("",),
                    objective=blind,
                    criterion="nll",
                    epochs=1,
                    learning_rate=1.0,
                )
            ],
        )
    assert refused.value.complaints == ("val/nll: expected a finite number in some epoch, got none (joint)",)


# --------------------------------------------------------------------------------- what stays still
def test_what_a_stage_does_not_train_does_not_move_buffers_included(tmp_path: Path) -> None:
    model = ToyModel(norm=nn.BatchNorm2d)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    stage = Stage(
        name="joint",
        target="annotated",
        trains=("head",),
        objective=cross_entropy,
        criterion="nll",
        epochs=2,
        learning_rate=1e-2,
    )
    toy_fit(tmp_path, model, [stage], weight_decay=0.1)
    after = load(tmp_path / "joint" / "last.ckpt")["model"]
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"head.weight", "head.bias"}


def test_what_a_stage_trains_moves_buffers_included(tmp_path: Path) -> None:
    model = ToyModel(norm=nn.BatchNorm2d)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    toy_fit(
        tmp_path,
        model,
        [
            Stage(
                name="joint",
                target="annotated",
                trains=("network",),
                objective=cross_entropy,
                criterion="nll",
                epochs=1,
                learning_rate=1e-2,
            )
        ],
    )
    handed_on = load_weights(tmp_path / "weights.pt")
    moved = {name for name in before if not torch.equal(before[name], handed_on[name])}
    assert moved == {name for name in before if name.startswith("network")}
    assert int(handed_on["network.1.num_batches_tracked"]) == STEPS


# -------------------------------------------------------------------------------------- where it is
def test_every_stage_asks_for_its_view_of_every_step_once(tmp_path: Path) -> None:
    source = ToySource()
    toy_fit(tmp_path, source=source)
    targets = ("majority_vote", "annotated")
    expected = [(target, epoch, step) for target in targets for epoch in range(2) for step in range(STEPS)]
    assert source.seen == expected


def test_a_checkpoint_at_the_end_of_an_epoch_names_the_beginning_of_the_next(tmp_path: Path) -> None:
    toy_fit(tmp_path)
    last = load(tmp_path / "joint" / "last.ckpt")["position"]
    assert (last["stage_index"], last["epoch"], last["step"], last["global_step"]) == (1, 2, 0, 16)
    between = load(tmp_path / "joint" / "previous.ckpt")["position"]
    assert (between["epoch"], between["step"], between["global_step"]) == (1, 3, 15)


def test_a_checkpoint_lies_there_before_the_first_step(tmp_path: Path) -> None:
    class Dead(ToySource):
        def batch(self, *_: object, **__: object) -> ImageBatch:
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        toy_fit(tmp_path, source=Dead())
    assert load(tmp_path / "warmup" / "last.ckpt")["position"]["global_step"] == 0


def test_processes_that_make_batches_change_nothing(tmp_path: Path) -> None:
    toy_fit(tmp_path / "alone")
    toy_fit(tmp_path / "workers", workers=2)
    assert_same_weights(tmp_path / "alone", tmp_path / "workers")
    assert metrics_of(tmp_path / "alone") == metrics_of(tmp_path / "workers")


@pytest.mark.parametrize("workers", [0, 2])
def test_the_views_of_the_stages_are_loaded_once_before_any_batch(tmp_path: Path, workers: int) -> None:
    class Loading(ToySource):
        def load(self, targets) -> None:
            assert not self.seen
            super().load(targets)

    source = Loading()
    toy_fit(tmp_path, source=source, workers=workers)
    assert source.loaded == [("majority_vote", "annotated")]


def test_what_goes_wrong_in_a_worker_ends_the_run_and_names_the_step(tmp_path: Path) -> None:
    class Dead(ToySource):
        def batch(self, target: Target, epoch: int, step: int, rank: int, world: int) -> ImageBatch:
            if (target, epoch, step) == ("annotated", 1, 2):
                raise Refused(["image: expected 2 channels, got 1 (c07)"])
            return super().batch(target, epoch, step, rank=rank, world=world)

    with pytest.raises(Refused) as refused:
        toy_fit(tmp_path, source=Dead(), workers=2)
    assert refused.value.complaints == ("image: expected 2 channels, got 1 (c07)",)
    assert refused.value.__notes__ == ["while making the batch of epoch 2, step 3"]
    assert load(tmp_path / "joint" / "last.ckpt")["position"]["epoch"] == 1


def test_mixed_precision_keeps_the_weights_in_full_precision(tmp_path: Path) -> None:
    toy_fit(tmp_path / "full", ToyModel())
    toy_fit(tmp_path / "mixed", ToyModel(), precision="bf16-mixed")
    assert all(tensor.dtype == torch.float32 for tensor in load_weights(tmp_path / "mixed/weights.pt").values())
    full, mixed = rows(tmp_path / "full")[-1]["val/nll"], rows(tmp_path / "mixed")[-1]["val/nll"]
    assert full != mixed
    assert mixed == pytest.approx(full, rel=0.05)


# -------------------------------------------------------------------------------------- not finite
class PoisonedSource(ToySource):
    def batch(self, target: str, epoch: int, step: int, rank: int, world: int) -> ImageBatch:
        batch = super().batch(target, epoch, step, rank=rank, world=world)  # type: ignore[arg-type]
        if (epoch, step) == (1, 2):
            batch.image[3] = math.nan
        return batch


def test_a_loss_that_is_not_finite_stops_saves_and_names_the_cases(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        toy_fit(tmp_path, source=PoisonedSource())
    sentence = "loss: expected a finite number, got nan (warmup, epoch 2, step 3; cases c00, c01, c02, c03)"
    assert refused.value.complaints == (sentence,)
    saved = load(tmp_path / "warmup" / "last.ckpt")
    assert (saved["position"]["epoch"], saved["position"]["step"]) == (1, 2)
    assert all(torch.isfinite(tensor).all() for tensor in saved["model"].values())


def test_gradients_that_are_not_finite_do_not_reach_the_weights(tmp_path: Path) -> None:
    def cliff(model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf) -> Losses:
        assert isinstance(model, Climber)
        return Losses(
            total=model.height.abs().sqrt(), metrics={"nll": model.height.detach()}
        )  # d sqrt(h) = inf at h = 0

    with pytest.raises(Refused, match="got 0 with gradients that are not") as refused:
        toy_fit(
            tmp_path,
            Climber(),
            [
                Stage(
                    name="joint",
                    target="annotated",
                    trains=("",),
                    objective=cliff,
                    criterion="nll",
                    epochs=1,
                    learning_rate=1.0,
                )
            ],
            clip_norm=None,
        )
    assert "cases c00, c01, c02, c03" in str(refused.value)
    assert float(load(tmp_path / "joint" / "last.ckpt")["model"]["height"]) == 0


# ------------------------------------------------------------------------------------------ resume
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("when", [("majority_vote", 1, 1), ("annotated", 0, 0), ("annotated", 1, STEPS - 1)])
def test_a_terminated_run_leaves_with_143_and_goes_on_as_if_it_had_not(
    tmp_path: Path, when: tuple, workers: int
) -> None:
    toy_fit(tmp_path / "whole")
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as left:
        toy_fit(tmp_path / "parts", source=TerminatedSource(*when), workers=workers)
    assert left.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is handler
    assert multiprocessing.active_children() == []
    assert not (tmp_path / "parts" / "weights.pt").exists()
    toy_fit(tmp_path / "parts", resume=True, workers=workers)
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")
    assert metrics_of(tmp_path / "whole") == metrics_of(tmp_path / "parts")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("step", [0, 1])
def test_a_run_terminated_in_the_rest_of_an_epoch_goes_on_too(tmp_path: Path, step: int, workers: int) -> None:
    """One and a half epochs of four steps: the second epoch has two, and after the last one nothing is left to do."""
    toy_fit(tmp_path / "whole", stages=toy_stages(1.5))
    with pytest.raises(SystemExit):
        toy_fit(tmp_path / "parts", stages=toy_stages(1.5), source=TerminatedSource("annotated", 1, step))
    toy_fit(tmp_path / "parts", stages=toy_stages(1.5), resume=True, workers=workers)
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")
    assert metrics_of(tmp_path / "whole") == metrics_of(tmp_path / "parts")


def test_the_last_checkpoint_being_broken_the_previous_one_is_taken_and_named(tmp_path: Path) -> None:
    toy_fit(tmp_path / "whole")
    with pytest.raises(SystemExit):
        toy_fit(tmp_path / "parts", source=TerminatedSource("annotated", 1, 1))
    last = tmp_path / "parts" / "joint" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:-100])
    with pytest.warns(UserWarning, match=r"broken checkpoint .*last\.ckpt.*resuming from .*previous\.ckpt"):
        toy_fit(tmp_path / "parts", resume=True)
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")
    assert metrics_of(tmp_path / "whole") == metrics_of(tmp_path / "parts")


def test_resuming_a_finished_run_trains_nothing(tmp_path: Path) -> None:
    toy_fit(tmp_path)
    weights, source = load_weights(tmp_path / "weights.pt"), ToySource()
    toy_fit(tmp_path, source=source, resume=True)
    assert source.seen == []
    torch.testing.assert_close(load_weights(tmp_path / "weights.pt"), weights, rtol=0, atol=0)
    assert len(rows(tmp_path)) == 4


def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path: Path) -> None:
    toy_fit(tmp_path)
    with pytest.raises(Refused) as refused:
        toy_fit(tmp_path)
    assert refused.value.complaints == (
        f"run folder: expected no checkpoints, or resume, got checkpoints ({tmp_path})",
    )


def test_resume_with_other_settings_stages_or_data_names_every_difference(tmp_path: Path) -> None:
    toy_fit(tmp_path)
    with pytest.raises(Refused) as refused:
        toy_fit(tmp_path, stages=toy_stages(3)[1:], resume=True, fingerprint="other data", clip_norm=2.0)
    where = f"(checkpoint in {tmp_path})"
    assert f"clip_norm: expected 1.0, got 2.0 {where}" in refused.value.complaints
    assert f"fingerprint of the data: expected data, got other data {where}" in refused.value.complaints
    assert f"joint.epochs: expected 2, got 3 {where}" in refused.value.complaints
    assert f"stages: expected warmup, joint, got joint {where}" in refused.value.complaints


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("parts", [2, 4])
def test_a_batch_in_parts_is_the_whole_batch(parts: int, workers: int, tmp_path: Path) -> None:
    """Four cases in twos or one by one: neither group norm nor the mean over cases knows a batch."""
    source = ToySource()
    toy_fit(tmp_path / "whole", ToyModel(), source=ToySource())
    toy_fit(tmp_path / "parts", ToyModel(), source=source, accumulate=parts, workers=workers)
    for ours, reference in zip(metrics_of(tmp_path / "parts"), metrics_of(tmp_path / "whole"), strict=True):
        assert ours.pop("stage") == reference.pop("stage")
        assert ours == pytest.approx(reference, rel=1e-5)
    first, second = (load_weights(tmp_path / name / "weights.pt") for name in ("parts", "whole"))
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-6)
    if not workers:
        assert source.seen[:parts] == [("majority_vote", 0, 0)] * parts


def test_parts_that_do_not_divide_a_batch_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        toy_fit(tmp_path, accumulate=3)
    expected = "a multiple of 3, for one process times training.accumulate=3"
    assert refused.value.complaints == (f"batch size: expected {expected}, got 4 (training.batch_size)",)


def test_in_parts_too_a_run_goes_on_bit_by_bit_and_names_all_cases_of_a_broken_loss(tmp_path: Path) -> None:
    toy_fit(tmp_path / "whole", accumulate=2)
    with pytest.raises(SystemExit):
        toy_fit(tmp_path / "parts", source=TerminatedSource("annotated", 0, 2), accumulate=2)
    toy_fit(tmp_path / "parts", resume=True, accumulate=2)
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")
    assert metrics_of(tmp_path / "whole") == metrics_of(tmp_path / "parts")

    def breaking(model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf) -> Losses:
        losses = cross_entropy(model, batch, epoch=epoch)
        return Losses(total=losses.total / (0 if 1 in batch.case_index else 1), metrics=losses.metrics)

    stages = [replace(stage, objective=breaking) for stage in toy_stages()]
    with pytest.raises(Refused, match=r"got inf \(warmup, epoch 1, step 1; cases c00, c02, c01, c03\)"):
        toy_fit(tmp_path / "broken", stages=stages, accumulate=2)


def test_resume_may_change_how_a_run_is_computed(tmp_path: Path) -> None:
    toy_fit(tmp_path / "whole")
    with pytest.raises(SystemExit):
        toy_fit(tmp_path / "parts", source=TerminatedSource("annotated", 0, 2))
    toy_fit(tmp_path / "parts", resume=True, workers=2, checkpoint_every=1)
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")


def test_resume_with_another_model_names_the_weights(tmp_path: Path) -> None:
    toy_fit(tmp_path)
    other = ToyModel()
    other.head = nn.Conv2d(6, 3, 1)
    with pytest.raises(Refused) as refused:
        toy_fit(tmp_path, other, resume=True)
    where = f"(checkpoint in {tmp_path})"
    assert refused.value.complaints == (
        f"weight head.bias: expected (2,), got (3,) {where}",
        f"weight head.weight: expected (2, 6, 1, 1), got (3, 6, 1, 1) {where}",
    )


def test_resume_of_a_run_that_has_no_checkpoint_yet_begins_it(tmp_path: Path) -> None:
    toy_fit(tmp_path / "new")
    toy_fit(tmp_path / "resumed", resume=True)
    assert_same_weights(tmp_path / "new", tmp_path / "resumed")
