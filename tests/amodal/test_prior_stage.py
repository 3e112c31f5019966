"""The stage of a prior by pixels: its row, what it moves, and that nothing else is changed by it."""

from __future__ import annotations

import json
import math
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor

from medseg.amodal.assembly import AmodalSignature, build_amodal_model
from medseg.amodal.config import AmodalConfig
from medseg.amodal.network.layout import PriorLayout
from medseg.amodal.network.model import AmodalVAE
from medseg.amodal.nouns import MaskBatch
from medseg.amodal.objective import ShapesByCells
from medseg.amodal.stages import AmodalRecipe, EpochsConfig, ObjectiveConfig, stages
from medseg.contracts import ClassLabel, ObjectRules, Stage, Target
from medseg.training.checkpoint import BEST, LAST, load, load_weights
from medseg.training.loop import fit
from medseg.training.settings import LoopConfig, TrackingConfig
from medseg.training.tracking import Tracker

from .conftest import BATCH, STEPS, TINY, Rectangles, occluded_batch, rectangle

PRIOR = PriorLayout(kind="pixelcnn", size=TINY.size, classes=TINY.classes, cell=4, channels=4, layers=2)


def table(recipe: AmodalRecipe = "three_stages", by_pixels: bool = True) -> tuple[Stage, ...]:
    epochs = EpochsConfig(complete=1, prior=2, occluded=1, visible=1)
    return stages(
        recipe, ObjectiveConfig(), epochs, learning_rate=0.01, visible_lr_factor=0.2, by_pixels=by_pixels
    )  # fmt: skip


def with_prior() -> AmodalVAE:
    torch.manual_seed(0)
    return AmodalVAE(TINY, PRIOR)


class Stopped(Rectangles):
    """SIGTERM arrives while so manieth batch of complete shapes is made."""

    def __init__(self, when: int) -> None:
        super().__init__()
        self.when = when

    def batch(self, target: Target, epoch: int, step: int, rank: int = 0, world: int = 1) -> MaskBatch:
        batch = super().batch(target, epoch, step, rank=rank, world=world)
        if len(self.seen) == self.when:
            os.kill(os.getpid(), signal.SIGTERM)
        return batch


def run(folder: Path, source: Rectangles | None = None, resume: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    config = LoopConfig(batch_size=BATCH, weight_decay=0.1, accelerator="cpu", checkpoint_every=2)
    with Tracker(folder, TrackingConfig(), config={}, group="rectangles") as tracker:
        fit(
            with_prior(), table(), source or Rectangles(), folder, config=config, seed=1,
            tracker=tracker, fingerprint="data", resume=resume, progress=False,
        )  # fmt: skip


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    """Children of the model of which any bit changed, weights and buffers alike."""
    return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("finished") / "run"
    run(folder)
    return folder


def test_the_prior_is_one_row_behind_stage_one_or_the_first():
    names = {recipe: [stage.name for stage in table(recipe)] for recipe in ("three_stages", "without_complete")}
    assert names == {
        "three_stages": ["complete", "prior", "occluded", "visible"],
        "without_complete": ["prior", "occluded"],
    }
    row = table()[1]
    assert (row.target, row.trains, row.criterion, row.epochs) == ("complete", ("prior",), "nats", 2)
    assert isinstance(row.objective, ShapesByCells) and not row.starts_as
    assert [stage.name for stage in table(by_pixels=False)] == ["complete", "occluded", "visible"]
    assert [stage.name for stage in table("pcnet")] == ["occluded"]


def test_it_minimises_the_nats_of_the_amodal_mask_and_not_of_what_is_seen():
    model = with_prior()
    assert model.prior is not None
    for weights in (model.prior.to_logits.weight, model.prior.to_logits.bias):
        torch.nn.init.zeros_(weights)  # type: ignore[arg-type]
    torch.nn.init.constant_(model.prior.to_logits.bias, math.log(3))  # type: ignore[arg-type]
    batch = occluded_batch(rectangle(4, 0, 4, 16), rectangle(0, 8, 16, 8))  # of 16 cells 4 full, 2 of them below
    losses = ShapesByCells()(model, batch)
    assert losses.total.item() == pytest.approx(4 * math.log(4 / 3) + 12 * math.log(4), rel=1e-5)
    assert losses.metrics["nats"] == losses.total and not losses.metrics["nats"].requires_grad


def test_its_stage_moves_the_prior_alone_and_no_other_stage_moves_it(finished: Path):
    last = {name: load(finished / name / LAST)["model"] for name in ("complete", "prior", "occluded", "visible")}
    best = {name: load_weights(finished / name / BEST) for name in last}
    assert moved(with_prior().state_dict(), last["complete"]) == {"complete", "decoder"}
    assert moved(best["complete"], last["prior"]) == {"prior"}
    assert moved(best["prior"], last["occluded"]) == {"partial", "completing"}
    assert "prior" not in moved(best["occluded"], load_weights(finished / "weights.pt"))


@pytest.mark.parametrize("when", [STEPS + 1, 2 * STEPS + 2])
def test_a_run_that_was_stopped_in_its_stage_ends_with_the_same_bits(finished: Path, tmp_path: Path, when: int):
    with pytest.raises(SystemExit):
        run(tmp_path / "run", Stopped(when))
    run(tmp_path / "run", resume=True)
    whole, resumed = (load_weights(folder / "weights.pt") for folder in (finished, tmp_path / "run"))
    assert whole.keys() == resumed.keys() and not moved(whole, resumed)
    rows = [json.loads(line)["stage"] for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert rows == ["complete", "prior", "prior", "occluded", "visible"]


def test_without_it_a_model_is_bit_for_bit_what_it_was_and_with_it_every_other_part_is():
    values = {"experiment": "x", "recipe": "three_stages", "data": {"cohort": "none", "frame": {"size": [16, 16]}},
              "network": {"channels": [4, 8], "coarse": 4, "fine": 2}}  # fmt: skip
    classes = (ClassLabel(name="background", value=0), ClassLabel(name="rod", value=1))
    signature = AmodalSignature(classes=classes, rules=ObjectRules(), spatial_dims=2)

    def weights(**further: object) -> dict[str, Tensor]:
        config = AmodalConfig.model_validate_json(json.dumps(values | further))
        return build_amodal_model(config, signature).state_dict()

    plain, beside = weights(), weights(prior={"kind": "pixelcnn"})
    assert not any(name.startswith("prior") for name in plain)
    assert {name for name in beside if not name.startswith("prior.")} == plain.keys()
    assert all(torch.equal(plain[name], beside[name]) for name in plain)
