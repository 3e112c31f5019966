"""The prior by pixels in 2D and 3D: what each cell sees, that probabilities sum to one, what is learnt and drawn."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from medseg.amodal.network.layout import PriorLayout
from medseg.amodal.network.pixelcnn import REACH, CausalConvolution, PixelCNN

GRIDS = ((6, 5), (3, 4, 3))


def pixelcnn(grid: tuple[int, ...], classes: int = 1, layers: int = 3, channels: int = 4) -> PixelCNN:
    """Of a frame of two voxels per cell; weights a function of nothing."""
    torch.manual_seed(0)
    size = tuple(2 * length for length in grid)
    layout = PriorLayout(kind="pixelcnn", size=size, classes=classes, cell=2, channels=channels, layers=layers)
    return PixelCNN(layout)


def influences(model: torch.nn.Module, grid: tuple[int, ...], *rest: Tensor) -> Tensor:
    """(N,N) whether output i moves with input j, by the gradient."""
    shapes = torch.rand(1, 1, *grid, dtype=torch.double)
    jacobian = torch.autograd.functional.jacobian(lambda entering: model.double()(entering, *rest).flatten(), shapes)
    assert isinstance(jacobian, Tensor)
    return jacobian.flatten(1) != 0


@pytest.mark.parametrize("grid", GRIDS)
def test_every_cell_sees_all_that_come_before_it_and_neither_itself_nor_a_later_one(grid: tuple[int, ...]):
    seen = influences(pixelcnn(grid), grid, torch.tensor([0]))
    before = torch.ones_like(seen).tril(-1)
    assert torch.equal(seen, before)


@pytest.mark.parametrize(("grid", "itself"), itertools.product(GRIDS, (True, False)))
def test_a_convolution_sees_what_its_axis_allows(grid: tuple[int, ...], itself: bool):
    cells = list(itertools.product(*map(range, grid)))
    for axis in range(len(grid)):
        seen = influences(CausalConvolution(len(grid), axis, 1, 1, itself=itself), grid)
        for (i, cell), (j, other) in itertools.product(enumerate(cells), enumerate(cells)):
            moves = [b - a for a, b in zip(cell, other, strict=True)]
            nearest = 0 if itself else -1
            allowed = (
                not any(moves[:axis])
                and nearest - REACH <= moves[axis] <= nearest
                and all(abs(move) <= REACH for move in moves[axis + 1 :])
            )
            assert seen[i, j].item() == allowed, (axis, cell, other)


@pytest.mark.parametrize("grid", [(2, 2), (2, 2, 2)])
def test_the_probabilities_of_all_shapes_sum_to_one(grid: tuple[int, ...]):
    cells = math.prod(grid)
    shapes = torch.tensor(list(itertools.product((0.0, 1.0), repeat=cells))).reshape(-1, 1, *grid)
    model = pixelcnn(grid, classes=2)
    for part in model.layers:
        torch.nn.init.normal_(part.of_class.weight)  # type: ignore[union-attr, arg-type]
    with torch.no_grad():
        nats = [model.nats(shapes, torch.full((len(shapes),), index)) for index in (0, 1)]
    assert len(shapes) == 2**cells and not torch.allclose(nats[0], nats[1])
    for of_class in nats:
        assert (-of_class).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_nats_are_minus_the_log_of_the_product_of_even_odds():
    model = pixelcnn((4, 4))
    torch.nn.init.zeros_(model.to_logits.weight)  # type: ignore[arg-type]
    torch.nn.init.zeros_(model.to_logits.bias)  # type: ignore[arg-type]
    assert model.nats(torch.ones(1, 1, 4, 4), torch.tensor([0])).item() == pytest.approx(16 * math.log(2))


def test_a_cell_belongs_to_a_shape_that_fills_half_of_it():
    masks = torch.zeros(1, 1, 4, 4)
    masks[..., 0, :2] = 1  # half of the first cell
    masks[..., 3, 3] = 1  # a quarter of the last
    assert pixelcnn((2, 2)).shapes(masks).flatten().tolist() == [1, 0, 0, 0]
    assert pixelcnn((2, 2, 2)).shapes(torch.full((1, 1, 4, 4, 4), 0.49)).sum() == 0


@pytest.mark.parametrize("grid", [(4, 4), (3, 3, 3)])
def test_of_two_shapes_each_is_learnt_to_cost_a_bit_and_only_these_are_drawn(grid: tuple[int, ...]):
    one, other = torch.zeros(2, 1, 1, *grid)
    one[..., 1:, :2], other[..., :2, 1:] = 1, 1
    shapes, model = torch.cat([one, other]), pixelcnn(grid, channels=8)
    index = torch.zeros(2, dtype=torch.long)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(150):
        optimizer.zero_grad()
        model.nats(shapes, index).mean().backward()
        optimizer.step()
    nats = model.nats(shapes, index).tolist()
    assert nats == pytest.approx([math.log(2)] * 2, abs=0.05)
    drawn = model.sample(torch.zeros(40, dtype=torch.long), torch.Generator().manual_seed(0))
    each = [(drawn == shape).flatten(1).all(1) for shape in shapes]
    assert (each[0] | each[1]).float().mean() >= 0.95 and min(each[0].sum(), each[1].sum()) >= 10


def test_the_class_tells_which_of_two_shapes_it_is():
    shapes = torch.stack([torch.zeros(1, 3, 3), torch.ones(1, 3, 3)])
    model, index = pixelcnn((3, 3), classes=2), torch.tensor([0, 1])
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(100):
        optimizer.zero_grad()
        model.nats(shapes, index).mean().backward()
        optimizer.step()
    assert model.nats(shapes, index).max() < 0.1 < 1 < model.nats(shapes, 1 - index).min()


def test_draws_are_a_function_of_the_generator():
    model, index = pixelcnn((4, 4)), torch.tensor([0, 0])
    drawn = [model.sample(index, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert set(drawn[0].unique().tolist()) <= {0.0, 1.0}
