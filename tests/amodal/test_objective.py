"""Every term against a sum by hand: N(1, 2^2) and N(0, 1) are .443147 nats apart one way and 1.306853 the other."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from medseg.amodal.network.divergences import Divergence, divergence, divergence_from_prior
from medseg.amodal.network.model import Latent, gaussian as normal
from medseg.amodal.network.pcnet import PartialCompletionNetwork
from medseg.amodal.nouns import MaskBatch
from medseg.amodal.objective import (
    ORDER,
    CompleteShapes,
    OccludedShapes,
    PartialCompletion,
    VisibleParts,
)

from .conftest import TINY, Rectangles, Says, condition, gaussian, known_model, occluded_batch, rectangle, vae

LN2 = math.log(2)
FROM_WIDE = 0.5 * (1 + 4 - 1 - math.log(4))
"""KL(N(1,4) || N(0,1)) = ((1 - 0)^2 + 4) / 2 - 1/2 + log(1/2)."""
TO_WIDE = 0.5 * ((1 + 1) / 4 - 1 + math.log(4))
"""KL(N(0,1) || N(1,4)) = ((0 - 1)^2 + 1) / 8 - 1/2 + log 2."""
AMODAL, OCCLUDER = rectangle(4, 2, 4, 10), rectangle(0, 10, 16, 6)
"""40 voxels, of which 8 lie below an occluder of 96."""


def batch() -> MaskBatch:
    return occluded_batch(AMODAL, OCCLUDER)


def even() -> Tensor:
    """Logits that hold every voxel for as likely as not: ln 2 nats each."""
    return torch.zeros(1, 1, 16, 16)


# ------------------------------------------------------------------------------------- divergences
def test_a_gaussian_does_not_diverge_from_itself():
    q = Latent.of(*(normal(torch.randn(shape), torch.randn(shape)) for shape in ((3, 4), (3, 2, 5, 5))))
    assert torch.equal(divergence(q, q).sum(), torch.zeros(3))


def test_the_divergence_is_the_sum_by_hand_in_either_direction():
    wide, narrow = gaussian(1.0, 2.0, coarse=3, fine=2), gaussian(0.0, 1.0, coarse=3, fine=2)
    assert (round(FROM_WIDE, 6), round(TO_WIDE, 6)) == (1.306853, 0.443147)
    there, back = divergence(wide, narrow), divergence(narrow, wide)
    torch.testing.assert_close(there.coarse, torch.full((1, 3), FROM_WIDE))
    torch.testing.assert_close(there.fine, torch.full((1, 2), 4 * FROM_WIDE))  # four positions of each channel
    torch.testing.assert_close(back.sum(), torch.tensor([(3 + 2 * 4) * TO_WIDE]))
    torch.testing.assert_close(divergence_from_prior(wide).sum(), there.sum())


def test_free_bits_are_a_floor_under_the_mean_of_each_dimension_and_channel():
    kl = Divergence(coarse=torch.tensor([[0.0, 0.3], [0.0, 0.1]]), fine=torch.tensor([[0.0], [0.1]]))
    assert kl.with_free_bits(0.0).item() == pytest.approx(0.0 + 0.2 + 0.05)
    assert kl.with_free_bits(0.1).item() == pytest.approx(0.1 + 0.2 + 0.1)


# ----------------------------------------------------------------------------------------- stage I
def test_stage_one_is_the_negative_elbo_and_its_divergence_sets_in_over_the_warmup():
    model, misfit = known_model(even(), complete=gaussian(1.0, 2.0)), 256 * LN2
    kl = 5 * FROM_WIDE  # a coarse dimension and four positions of a fine channel
    objective = CompleteShapes(beta=3.0, free_bits=0.0, warmup=4.0)
    totals = [objective(model, batch(), epoch=epoch).total.item() for epoch in (0.0, 1.0, 4.0, math.inf)]
    assert totals == pytest.approx([misfit, misfit + 0.25 * 3 * kl, misfit + 3 * kl, misfit + 3 * kl], rel=1e-5)
    metrics = objective(model, batch(), epoch=0.0).metrics
    assert metrics["negative_elbo"].item() == pytest.approx(misfit + 3 * kl, rel=1e-5)  # the same in every epoch
    assert (metrics["reconstruction"].item(), metrics["kl"].item()) == pytest.approx((misfit, kl), rel=1e-5)
    assert objective(model, batch()).total.item() == totals[-1]  # without a clock, as in validation
    at_once = CompleteShapes(beta=3.0, free_bits=0.0, warmup=0.0)(model, batch(), epoch=0.0)
    assert at_once.total.item() == pytest.approx(misfit + 3 * kl)


def test_stage_one_encodes_the_amodal_mask_with_nothing_over_it_and_likes_what_is_right():
    model = known_model((2 * AMODAL - 1) * 4.0)
    total = CompleteShapes(beta=1.0, free_bits=0.0, warmup=0.0)(model, batch()).total
    assert total.item() == pytest.approx(256 * math.log1p(math.exp(-4)), rel=1e-5)
    asked = model.complete.asked[0]  # type: ignore[union-attr]
    assert torch.equal(asked[0], AMODAL)


def test_dimensions_that_carry_nothing_are_not_active():
    latent = gaussian(0.0, 1.0, coarse=3)
    latent.coarse = normal(torch.tensor([[1.0, 0.0, 0.1]]), torch.zeros(1, 3))  # .5, 0 and .005 nats
    metrics = CompleteShapes(beta=1.0, free_bits=0.0, warmup=0.0)(known_model(even(), complete=latent), batch()).metrics
    assert metrics["active"].item() == 1


# ---------------------------------------------------------------------------------------- stage II
def test_stage_two_counts_the_occluder_more_and_goes_from_complete_to_partial():
    model = known_model(even(), complete=gaussian(0.0, 1.0), partial=gaussian(1.0, 2.0))
    losses = OccludedShapes(beta=0.5, gamma=2.0, occluder_weight=5.0)(model, batch())
    misfit, kl, gap = (256 + 4 * 96) * LN2, 5 * FROM_WIDE, 5 * TO_WIDE
    whole = misfit + 0.5 * kl + 2 * gap + ORDER * LN2
    assert losses.total.item() == pytest.approx(whole, rel=1e-5)
    metrics = {name: value.item() for name, value in losses.metrics.items()}
    assert metrics == pytest.approx(
        {
            "objective": whole,
            "occluded": 96 * LN2,
            "kl": kl,
            "gap": gap,
            "gap_coarse": TO_WIDE,
            "order": LN2,
            "iou": 32 / 40,
        },
        rel=1e-5,
    )  # half is no answer: what is seen remains


def test_the_completing_decoder_is_taught_by_what_q1_knows_and_by_what_q2_guesses():
    model = known_model(even(), complete=gaussian(3.0, 1e-6), partial=gaussian(-3.0, 1e-6))
    OccludedShapes(beta=0.1, gamma=1.0, occluder_weight=5.0)(model, batch())
    told = [code.coarse.item() for code, *_ in model.completing.asked]  # type: ignore[union-attr]
    assert told == pytest.approx([3.0, -3.0], abs=1e-3)


def test_who_lies_in_front_is_learnt_from_whether_anything_is_hidden():
    model, free = known_model(even()), occluded_batch(AMODAL, 0 * OCCLUDER)
    model.partial = Says(replace(condition(gaussian(0.0, 1.0)), hidden=torch.tensor([2.0])))  # type: ignore[assignment]
    stage = OccludedShapes(beta=0.1, gamma=1.0, occluder_weight=5.0)
    order = [stage(model, shown).metrics["order"].item() for shown in (batch(), free)]
    assert order == pytest.approx([math.log1p(math.exp(-2)), math.log1p(math.exp(2))], rel=1e-5)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ((2 * AMODAL - 1) * 4.0, 1.0),
        (rectangle(4, 0, 4, 16) * 8.0 - 4, 40 / 56),  # four columns more in the occluder; none where it cannot be
        (rectangle(0, 0, 4, 4) * 8.0 - 4, 32 / 40),
    ],
)
def test_the_overlap_that_is_watched_is_that_of_what_is_seen_with_what_grows_into_the_occluder(
    logits: Tensor, expected: float
) -> None:
    stage = OccludedShapes(beta=0.5, gamma=2.0, occluder_weight=5.0)
    assert stage(known_model(logits), batch()).metrics["iou"].item() == pytest.approx(expected)
    assert "iou" not in stage(known_model(logits), batch(), epoch=3.0).metrics  # in validation alone
    redrawn = CompleteShapes(beta=1.0, free_bits=0.0, warmup=0.0)(known_model(logits), batch()).metrics["iou"].item()
    alone = (logits > 0) & (AMODAL > 0)
    assert redrawn == pytest.approx(alone.sum().item() / ((logits > 0) | (AMODAL > 0)).sum().item())


def test_stage_two_shows_the_partial_encoder_what_is_visible_and_moves_it_alone():
    torch.manual_seed(0)
    model, shown = vae(), batch()
    model.complete.requires_grad_(False)
    OccludedShapes(beta=0.1, gamma=1.0, occluder_weight=5.0)(model, shown).total.backward()
    assert all(weight.grad is None for weight in model.complete.parameters())
    for child in (model.partial, model.completing):
        assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in child.parameters())
    assert all(weight.grad is None for weight in model.decoder.parameters())
    stand_in = known_model(even())
    OccludedShapes(beta=0.1, gamma=1.0, occluder_weight=5.0)(stand_in, shown)
    asked = stand_in.partial.asked[0]  # type: ignore[union-attr]
    assert torch.equal(asked[0], shown.visible) and torch.equal(asked[1], OCCLUDER)


# --------------------------------------------------------------------------------------- stage III
def test_stage_three_sees_the_visible_voxels_and_where_the_object_cannot_be():
    latent, before = gaussian(1.0, 2.0), gaussian(0.0, 1.0)
    model = known_model(even(), partial=latent, anchor=before)
    blind = VisibleParts(beta=0.5, delta=2.0, known_background=False)(model, batch())
    seeing = VisibleParts(beta=0.5, delta=2.0, known_background=True)(model, batch())
    terms = 0.5 * 5 * FROM_WIDE + 2 * 5 * FROM_WIDE
    assert blind.total.item() == pytest.approx(32 * LN2 + terms, rel=1e-5)
    assert seeing.total.item() == pytest.approx((32 + 256 - 32 - 96) * LN2 + terms, rel=1e-5)
    assert seeing.metrics["drift"].item() == pytest.approx(5 * FROM_WIDE, rel=1e-5)
    assert seeing.metrics["area"].item() == pytest.approx(128 / 32)


def test_growing_outside_of_the_occluder_costs_only_with_known_background():
    tight, wide = (2 * batch().visible - 1) * 9.0, torch.full((1, 1, 16, 16), 9.0)
    within = (2 * (batch().visible + OCCLUDER) - 1) * 9.0

    def misfit(logits: Tensor, known_background: bool) -> float:
        return VisibleParts(beta=0.0, delta=0.0, known_background=known_background)(
            known_model(logits), batch()
        ).total.item()

    assert misfit(wide, False) == pytest.approx(misfit(tight, False), rel=1e-4)
    assert misfit(wide, True) == pytest.approx(misfit(tight, True) + 9.0 * (256 - 32 - 96), rel=1e-3)
    assert misfit(within, True) == pytest.approx(misfit(tight, True), rel=1e-4)


@pytest.mark.parametrize("known_background", [True, False])
def test_what_is_occluded_never_enters_stage_three(known_background: bool):
    logits = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(1)).requires_grad_()
    objective = VisibleParts(beta=0.1, delta=0.0, known_background=known_background)
    told = objective(known_model(logits), batch())
    told.total.backward()
    assert logits.grad is not None
    assert not logits.grad[OCCLUDER.bool()].any() and logits.grad[batch().visible.bool()].all()
    again = objective(known_model(logits), replace(batch(), amodal=1 - AMODAL))
    assert again.total.item() == told.total.item()
    assert again.metrics["missed"].item() != told.metrics["missed"].item()  # which is looked at in validation


def test_stage_three_is_held_to_what_stage_two_said_behind_the_occluder():
    model = known_model(even())
    sure = torch.full((1, 1, 16, 16), math.log(3))  # p = 3/4 before, 1/2 now

    class Decodes(torch.nn.Module):
        def forward(self, code: object, condition: object, class_index: object) -> Tensor:
            return sure if condition is model.anchor.answer else even()

    model.completing = Decodes()  # type: ignore[assignment]
    model.anchor = Says(condition(gaussian(0.0, 1.0)))  # type: ignore[assignment]
    drift = VisibleParts(beta=0.0, delta=1.0, known_background=True)(model, batch()).metrics["drift"].item()
    apart = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert drift == pytest.approx(96 * apart, rel=1e-4)


def test_stage_three_does_not_move_its_anchor():
    torch.manual_seed(0)
    model = vae()
    VisibleParts(beta=0.1, delta=1.0, known_background=True)(model, Rectangles.make("visible", 0)).total.backward()
    assert all(weight.grad is None for weight in model.anchor.parameters())
    assert any(weight.grad is not None for weight in model.partial.parameters())


# --------------------------------------------------------------------------------------- the rival
class Known(PartialCompletionNetwork):
    """Says the same logits whatever it sees."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__(TINY)
        self.says = Says(logits)

    def forward(self, visible: Tensor, occluder: Tensor, class_index: Tensor) -> Tensor:
        said = self.says(visible, occluder, class_index)
        assert isinstance(said, Tensor)
        return said


def test_the_rival_counts_the_occluder_more_too():
    losses = PartialCompletion(occluder_weight=5.0)(Known(even()), batch())
    assert (
        losses.total.item() == losses.metrics["cross_entropy"].item() == pytest.approx((256 + 4 * 96) * LN2, rel=1e-5)
    )
    assert losses.metrics["occluded"].item() == pytest.approx(96 * LN2, rel=1e-5)
