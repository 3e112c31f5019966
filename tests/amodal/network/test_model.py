"""The auto-encoder in 2D and 3D: its shapes, its seeds, its classes, and that it learns without giving up its code."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

from medseg.amodal.network.divergences import divergence_from_prior
from medseg.amodal.network.layout import Layout
from medseg.amodal.network.model import AmodalVAE, Code, Latent, gaussian
from medseg.amodal.network.pcnet import PartialCompletionNetwork
from medseg.amodal.nouns import MaskBatch
from medseg.amodal.objective import CompleteShapes

from ..conftest import TINY, Rectangles, rectangle, vae

SIZES = ((16, 16), (16, 8), (8, 16, 8))


@pytest.mark.parametrize(("size", "patch", "level"), itertools.product(SIZES, (1, 2), (0, 1)))
def test_one_code_for_pictures_and_volumes(size: tuple[int, ...], patch: int, level: int):
    layout = Layout(size=size, classes=2, channels=(8, 8), patch=patch, coarse=3, fine=2, level=level)
    masks, classes = torch.rand(2, 1, *size), torch.tensor([0, 1])
    model = vae(layout)
    seen = model.partial(masks, masks, classes)
    latent = seen.latent
    grid = tuple(length // patch >> level for length in size)
    assert latent.coarse.mean.shape == latent.coarse.stddev.shape == (2, 3)
    assert latent.fine.mean.shape == latent.fine.stddev.shape == (2, 2, *grid)
    assert layout.deepest == tuple(length // patch // 2 for length in size)
    assert model.decoder(latent.mean(), classes).shape == (2, 1, *size)
    assert model.completing(latent.mean(), seen, classes).shape == (2, 1, *size)
    assert PartialCompletionNetwork(layout)(masks, masks, classes).shape == (2, 1, *size)


def test_three_levels_and_no_way_up_where_the_fine_part_lies_deepest():
    layout = Layout(size=(16, 16), classes=1, channels=(8, 12, 16), patch=1, coarse=3, fine=2, level=2)
    model = vae(layout)
    latent = model.complete(torch.rand(1, 1, 16, 16), torch.tensor([0]))
    assert latent.fine.mean.shape == (1, 2, 4, 4) and len(model.complete.up) == 0
    assert model.decoder(latent.mean(), torch.tensor([0])).shape == (1, 1, 16, 16)


def test_weights_and_samples_are_functions_of_their_seeds():
    one, same, other = vae(seed=1), vae(seed=1), vae(seed=2)
    states = [model.state_dict() for model in (one, same, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["decoder.to_logits.weight"], states[2]["decoder.to_logits.weight"])
    latent = one.complete(rectangle(2, 2, 4, 9), torch.tensor([0]))
    drawn = [latent.sample(torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)]
    assert torch.equal(drawn[0].coarse, drawn[1].coarse) and torch.equal(drawn[0].fine, drawn[1].fine)
    assert not torch.equal(drawn[0].coarse, drawn[2].coarse) and not torch.equal(drawn[0].fine, drawn[2].fine)


def test_a_sample_lies_so_many_sigmas_from_the_mean():
    latent = vae().complete(rectangle(2, 2, 4, 9), torch.tensor([0]))
    drawn = latent.sample(torch.Generator().manual_seed(5))
    noise = torch.randn(1, 4, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(drawn.coarse, latent.coarse.mean + latent.coarse.stddev * noise)
    mean = latent.fine.mean
    still = Latent.of(latent.coarse, gaussian(mean, torch.full_like(mean, -60.0))).sample()
    torch.testing.assert_close(still.fine, mean)


def test_no_sigma_runs_away():
    model = vae()
    for layer in (model.partial.gaussians.to_coarse, model.partial.gaussians.to_fine):
        torch.nn.init.constant_(layer.bias, 1000.0)  # type: ignore[arg-type]
    latent = model.partial(torch.rand(1, 1, 16, 16), torch.rand(1, 1, 16, 16), torch.tensor([0])).latent
    most = torch.tensor(2.0).exp()
    assert (latent.coarse.stddev == most).all() and (latent.fine.base_dist.stddev == most).all()


def test_the_occluder_and_both_parts_of_the_code_matter():
    model, index, nothing = vae(), torch.tensor([0]), torch.zeros(1, 1, 16, 16)
    mask = rectangle(2, 2, 4, 9)
    seen, told = model.partial(mask, nothing, index), model.partial(mask, 1 - mask, index)
    assert not torch.allclose(seen.latent.coarse.mean, told.latent.coarse.mean)
    code = seen.latent.mean()
    for moved in (replace(code, coarse=code.coarse + 1), replace(code, fine=code.fine + 1)):
        assert not torch.allclose(model.decoder(moved, index), model.decoder(code, index))
        assert not torch.allclose(model.completing(moved, seen, index), model.completing(code, seen, index))


def test_a_completion_is_told_the_condition_beside_z():
    model, index, mask = vae(), torch.tensor([0]), rectangle(2, 2, 4, 9)
    one, other = (model.partial(mask, occluder, index) for occluder in (0 * mask, 1 - mask))
    code = one.latent.mean()
    assert not torch.allclose(model.completing(code, one, index), model.completing(code, other, index))


def test_classes_begin_alike_and_grow_apart():
    model, batch = vae(), Rectangles.make("complete", 0)
    code = Code(coarse=torch.ones(1, 4), fine=torch.ones(1, 2, 4, 4))

    def decoded(index: int) -> torch.Tensor:
        return model.decoder(code, torch.tensor([index]))

    assert torch.equal(decoded(0), decoded(1))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(2):
        optimizer.zero_grad()
        CompleteShapes(beta=1.0, free_bits=0.0, warmup=0.0)(model, batch).total.backward()
        optimizer.step()
    assert (decoded(0) - decoded(1)).abs().max() > 1e-3


def test_the_rival_sees_the_occluder_and_has_no_code():
    torch.manual_seed(0)
    network, mask, index = PartialCompletionNetwork(TINY), rectangle(2, 2, 4, 9), torch.tensor([0])
    assert not torch.allclose(network(mask, 0 * mask, index), network(mask, 1 - mask, index))
    assert torch.equal(network(mask, 0 * mask, index), network(mask, 0 * mask, index))


@pytest.mark.parametrize("size", [(16, 16), (8, 8, 8)])
def test_the_rival_drops_whole_channels_when_it_is_told_to_and_in_training(size: tuple[int, ...]):
    layout = Layout(size=size, classes=1, channels=(8, 8), coarse=4, fine=2, dropout=0.5)
    network, plain = (PartialCompletionNetwork(Layout(**{**layout.model_dump(), "dropout": p})) for p in (0.5, 0.0))
    assert network.draws and not plain.draws
    plain.load_state_dict(network.state_dict())
    asked = torch.rand(2, 1, *size), torch.rand(2, 1, *size), torch.tensor([0, 0])
    network.eval()
    assert torch.equal(network(*asked), plain(*asked))
    with network.dropping(None):
        told = network.down[0].dropout(torch.ones(40, 8, *size)).flatten(2)
        assert not network.training and not torch.equal(network(*asked), plain(*asked))
    assert ((told == 0).all(2) | (told == 2).all(2)).all() and 0 < (told == 0).float().mean() < 1
    assert torch.equal(network(*asked), plain(*asked))
    network.train()
    with network.dropping(None):
        pass
    assert not torch.equal(network(*asked), plain(*asked))


def test_what_drops_out_is_a_function_of_the_generator_and_nobody_elses_numbers_change():
    network = PartialCompletionNetwork(TINY.model_copy(update={"dropout": 0.5})).eval()
    asked = rectangle(2, 2, 4, 9), rectangle(0, 6, 16, 4), torch.tensor([0])
    drawn = []
    torch.manual_seed(5)
    for seed in (1, 1, 2):
        with network.dropping(torch.Generator().manual_seed(seed)):
            drawn.append(network(*asked))
    after = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(3))
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_two_shapes_are_learnt_and_told_apart_by_the_code():
    masks = torch.cat([rectangle(2, 2, 4, 11), rectangle(3, 6, 11, 3)]).repeat(4, 1, 1, 1)
    batch = MaskBatch(
        visible=masks,
        occluder=0 * masks,
        amodal=masks,
        class_index=torch.zeros(8, dtype=torch.long),
        case_index=torch.arange(8),
    )
    torch.manual_seed(0)
    model, objective = AmodalVAE(TINY), CompleteShapes(beta=1.0, free_bits=0.05, warmup=0.0)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(120):
        optimizer.zero_grad()
        objective(model, batch).total.backward()
        optimizer.step()
    with torch.no_grad():
        latent = model.complete(masks, batch.class_index)
        redrawn = model.decoder(latent.mean(), batch.class_index) > 0
        active = objective(model, batch).metrics["active"].item()
    both, either = (redrawn & (masks > 0)).sum((1, 2, 3)), (redrawn | (masks > 0)).sum((1, 2, 3))
    assert (both / either).min() > 0.95
    assert active >= 1 and divergence_from_prior(latent).sum().min() > 0.5  # nats: one bit tells two shapes apart
