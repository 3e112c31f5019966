"""What a model is made to say of an object: the answer, the samples around it, and how novel it looks."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from medseg.amodal.completion import beliefs as module
from medseg.amodal.completion.beliefs import believe
from medseg.amodal.network.layout import Layout, PriorLayout
from medseg.amodal.network.model import Code, Latent
from medseg.amodal.network.pcnet import PartialCompletionNetwork
from medseg.amodal.network.pixelcnn import PixelCNN
from medseg.amodal.nouns import MaskBatch

from ..conftest import TINY, Rectangles, known_model, occluded_batch, rectangle, vae

BATCH = Rectangles.make("occluded", 3)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def certain(latent: Latent, generator: torch.Generator | None = None) -> Code:
    """The draw of a z without any doubt."""
    return latent.mean()


# ---------------------------------------------------------------------------------------- samples
@pytest.fixture
def one_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A z of its own for each sample."""
    monkeypatch.setattr(module, "CUTS", 1)


def test_three_samples_share_a_draw_of_z():
    assert [len(believe(vae(), BATCH, samples).samples) for samples in (0, 1, 3, 4, 20)] == [0, 1, 1, 2, 7]


@pytest.mark.usefixtures("one_cut")
def test_the_same_generator_gives_the_same_samples_and_another_gives_others():
    model = vae()
    said = [believe(model, BATCH, 6, generator=generator(seed)) for seed in (1, 1, 2)]
    assert said[0].probs.shape == (4, 1, 16, 16) and said[0].samples.shape == (6, 4, 1, 16, 16)
    assert torch.equal(said[0].samples, said[1].samples) and not torch.equal(said[0].samples, said[2].samples)
    assert torch.equal(said[0].probs, said[2].probs)  # the answer is not drawn
    assert len(torch.unique(said[0].samples, dim=0)) == 6
    assert believe(model, BATCH, 0).samples.shape == (0, 4, 1, 16, 16)


@pytest.mark.parametrize("samples", [1, 3, 9, 20])
def test_samples_that_are_decoded_together_are_those_decoded_one_by_one(samples: int, monkeypatch: pytest.MonkeyPatch):
    together = believe(vae(), BATCH, samples, generator()).samples
    monkeypatch.setattr(module, "DECODED_AT_ONCE", 1)
    torch.testing.assert_close(believe(vae(), BATCH, samples, generator()).samples, together)


@pytest.mark.usefixtures("one_cut")
def test_a_sample_is_drawn_around_the_answer(monkeypatch: pytest.MonkeyPatch):
    model = vae()
    drawn = believe(model, BATCH, 3, generator(), mirror=False)
    assert (drawn.samples - drawn.probs).abs().amax((1, 2, 3, 4)).min() > 0
    monkeypatch.setattr(Latent, "sample", certain)
    still = believe(model, BATCH, 3, mirror=False)
    torch.testing.assert_close(still.samples, still.probs.expand(3, *still.probs.shape))


@pytest.mark.usefixtures("one_cut")
def test_samples_go_round_the_mirror_images_and_the_answer_is_their_mean(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Latent, "sample", certain)
    still = believe(vae(), BATCH, 8)
    torch.testing.assert_close(still.samples[:2].mean(0), still.probs)  # the object and its mirror image
    torch.testing.assert_close(still.samples[:2], still.samples[6:])
    layout = Layout(size=(8, 8, 8), classes=1, channels=(8, 8), patch=1, coarse=3, fine=2, level=1)
    masks = torch.rand(1, 1, 8, 8, 8)
    volume = MaskBatch(
        visible=masks, occluder=1 - masks, amodal=masks, class_index=torch.tensor([0]), case_index=torch.tensor([0])
    )
    of_volume = believe(vae(layout), volume, 8)
    torch.testing.assert_close(of_volume.samples.mean(0), of_volume.probs)


def test_an_object_and_its_mirror_image_get_mirrored_answers():
    model, flipped = vae(), replace(BATCH, visible=BATCH.visible.flip(2), occluder=BATCH.occluder.flip(2))
    torch.testing.assert_close(believe(model, flipped, 0).probs, believe(model, BATCH, 0).probs.flip(2))
    symmetric = occluded_batch(rectangle(5, 3, 6, 10), rectangle(0, 6, 16, 4))  # its own mirror image
    probs = believe(model, symmetric, 0).probs
    torch.testing.assert_close(probs, probs.flip(2))
    alone = believe(model, symmetric, 0, mirror=False).probs
    assert not torch.allclose(alone, alone.flip(2))


def test_the_amodal_mask_is_not_looked_at():
    model, blind = vae(), replace(BATCH, amodal=torch.full_like(BATCH.amodal, torch.nan))
    told, untold = (believe(model, batch, 2, generator=generator()) for batch in (BATCH, blind))
    assert torch.equal(told.samples, untold.samples) and torch.equal(told.probs, untold.probs)
    assert torch.equal(told.visible_misfit, untold.visible_misfit)


# ----------------------------------------------------------------------------------------- visible misfit
def test_the_visible_misfit_is_one_minus_the_iou_of_what_can_be_seen():
    batch = occluded_batch(rectangle(4, 2, 4, 10), rectangle(0, 10, 16, 6))  # 4 x 8 visible
    answers = {
        "right": (rectangle(4, 2, 4, 10), 0.0),
        "right where it can be seen": (rectangle(4, 2, 4, 8), 0.0),
        "half": (rectangle(4, 2, 2, 10), 0.5),
        "twice as wide": (rectangle(2, 2, 8, 10), 0.5),
        "elsewhere": (rectangle(10, 2, 4, 8), 1.0),
    }
    for what, (decoded, visible_misfit) in answers.items():
        said = believe(known_model((2 * decoded - 1) * 30), batch, 0, mirror=False)
        assert said.visible_misfit.tolist() == pytest.approx([visible_misfit], abs=1e-6), what


def test_nats_are_those_of_the_completed_shape_and_take_the_place_of_the_misfit_where_asked_for():
    amodal, occluder = rectangle(0, 0, 4, 16), rectangle(0, 8, 16, 8)
    answer = rectangle(0, 0, 16, 12) * 8.0 - 4  # a column of cells more in the occluder; outside it nothing is added
    model, batch = known_model(answer), occluded_batch(amodal, occluder)
    model.prior = PixelCNN(PriorLayout(size=(16, 16), classes=2, cell=4, channels=4, layers=2))
    completed = torch.zeros(1, 1, 4, 4)
    completed[..., 0, :2] = completed[..., :, 2] = 1
    said = believe(model, batch, 0, mirror=False, nats=True)
    assert said.nats is not None and torch.equal(said.unlike, said.nats)
    torch.testing.assert_close(said.nats, model.prior.nats(completed, batch.class_index))
    untold = believe(model, batch, 0, mirror=False)
    assert untold.nats is None and torch.equal(untold.unlike, said.visible_misfit)


# --------------------------------------------------------------------------------------- the rival
def test_a_network_that_cannot_draw_has_no_samples_and_no_misfit():
    torch.manual_seed(0)
    network = PartialCompletionNetwork(TINY)
    said = believe(network, BATCH, 5, generator=generator())
    assert said.samples.shape == (0, 4, 1, 16, 16) and said.visible_misfit.isnan().all()
    alone = believe(network, BATCH, 0, mirror=False).probs
    with torch.no_grad():
        torch.testing.assert_close(alone, network(BATCH.visible, BATCH.occluder, BATCH.class_index).sigmoid())
    assert not torch.allclose(said.probs, alone)
    flipped = replace(BATCH, visible=BATCH.visible.flip(2), occluder=BATCH.occluder.flip(2))
    torch.testing.assert_close(believe(network, flipped, 0).probs.flip(2), said.probs)


def test_a_network_with_dropout_draws_and_answers_without():
    torch.manual_seed(0)
    dropping = PartialCompletionNetwork(TINY.model_copy(update={"dropout": 0.5})).eval()
    plain = PartialCompletionNetwork(TINY).eval()
    plain.load_state_dict(dropping.state_dict())
    said = [believe(dropping, BATCH, 14, generator=generator(seed)) for seed in (1, 1, 2)]
    assert said[0].samples.shape == (5, 4, 1, 16, 16)  # three samples a draw
    assert torch.equal(said[0].samples, said[1].samples) and not torch.equal(said[0].samples, said[2].samples)
    assert len(torch.unique(said[0].samples, dim=0)) == 5
    for one in said:
        torch.testing.assert_close(one.probs, believe(plain, BATCH, 0).probs)
    assert believe(dropping, BATCH, 0).samples.shape == (0, 4, 1, 16, 16)


def test_draws_with_dropout_go_round_the_mirror_images(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    network = PartialCompletionNetwork(TINY.model_copy(update={"dropout": 0.5})).eval()
    monkeypatch.setattr(network, "dropping", lambda generator: nullcontext())
    said = believe(network, BATCH, 24)
    torch.testing.assert_close(said.samples.mean(0), said.probs)
    torch.testing.assert_close(said.samples[:4], said.samples[4:])
    assert not torch.allclose(said.samples[0], said.samples[1])
