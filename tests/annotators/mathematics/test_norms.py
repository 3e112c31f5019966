"""What stands in the place of a normalisation, by sums that can be done by hand."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from monai.networks.layers.utils import get_norm_layer
from torch import nn

from medseg.annotators.mathematics.model import TrueLabelNetwork
from medseg.annotators.mathematics.norms import (
    FEWEST_CENTRED,
    Bias,
    FilterResponse,
    centre_kernels,
    convolutions,
    grouped,
    hasten,
    settle,
)
from medseg.annotators.mathematics.settings import NetworkConfig

T = 3
SPACES = [(6, 5), (4, 3, 2)]


@pytest.mark.parametrize("space", SPACES)
def test_filter_response_of_a_constant_is_its_sign(space: tuple[int, ...]) -> None:
    constant = torch.tensor([[3.0, -0.2], [50.0, 0.0]]).view(2, 2, *(1,) * len(space)).expand(2, 2, *space)
    norm = FilterResponse(2, threshold=False)
    torch.testing.assert_close(norm(constant), constant.sign(), rtol=1e-4, atol=1e-4)
    nn.init.constant_(norm.weight, 2.0)
    nn.init.constant_(norm.bias, -1.0)
    torch.testing.assert_close(norm(constant), 2 * constant.sign() - 1, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("space", SPACES)
def test_filter_response_keeps_the_mean_and_never_falls_below_its_threshold(space: tuple[int, ...]) -> None:
    features = torch.randn(2, 3, *space) + 4
    norm = FilterResponse(3)
    energy = features.square().flatten(2).mean(dim=2)
    torch.testing.assert_close(norm(features).flatten(2), features.flatten(2) / energy[..., None].sqrt())
    assert norm.tau is not None
    with torch.no_grad():
        norm.tau.copy_(torch.tensor([0.5, 9.0, -9.0]))
    thresholded = norm(features)
    assert (thresholded[:, 0] >= 0.5).all() and (thresholded[:, 1] == 9).all()
    torch.testing.assert_close(
        thresholded[:, 2].mean(), (features / energy.view(2, 3, *(1,) * len(space)).sqrt())[:, 2].mean()
    )
    thresholded.sum().backward()
    assert norm.tau.grad is not None and norm.tau.grad[1] == features[:, 1].numel()


@pytest.mark.parametrize("name", ["instance", "group", "frn", "none", "batch"])
def test_a_sample_is_on_its_own_but_for_the_batch_norm(name: str) -> None:
    """The other sample of the batch is made a hundred times larger."""
    factory = {"instance": "INSTANCE", "group": "GROUPS", "frn": "FRN", "none": "BIAS", "batch": "BATCH"}[name]
    norm = get_norm_layer(factory, spatial_dims=2, channels=4).train()
    features = torch.randn(2, 4, 5, 5)
    loud = torch.cat([features[:1], features[1:] * 100])
    alike = torch.allclose(norm(features)[0], norm(loud)[0], atol=1e-5)
    assert alike == (name != "batch")


@pytest.mark.parametrize("space", SPACES)
def test_groups_divide_the_channels_and_one_group_is_a_layer_norm(space: tuple[int, ...]) -> None:
    assert [grouped(channels).num_groups for channels in (16, 8, 12, 6, 7, 11, 1)] == [8, 8, 6, 6, 7, 1, 1]
    features = torch.randn(2, 11, *space) * 3 + 1
    torch.testing.assert_close(grouped(11)(features), nn.functional.layer_norm(features, (11, *space)))


def test_a_bias_is_all_that_is_left_without_a_norm() -> None:
    norm = Bias(2)
    features = torch.randn(3, 2, 4, 4)
    assert torch.equal(norm(features), features)
    nn.init.constant_(norm.bias, 2.0)
    assert torch.equal(norm(features), features + 2)


def mimic_network(size: tuple[int, ...] = (16, 16)) -> TrueLabelNetwork:
    torch.manual_seed(0)
    deep = {"name": "dynunet", "channels": (8, 12, 16), "deep_supervision": 1}
    return TrueLabelNetwork(NetworkConfig(norm="mimic", features=8, **deep), 1, T, size=size)  # type: ignore[arg-type]


def means(network: nn.Module) -> list[float]:
    """The largest mean of a kernel, over its output channels, of each convolution with enough weights."""
    found = []
    for module in convolutions(network):
        transposed = isinstance(module, nn.ConvTranspose2d | nn.ConvTranspose3d)
        kernels = module.weight.transpose(0, 1) if transposed else module.weight  # pyright: ignore[reportCallIssue]
        if kernels[0].numel() >= FEWEST_CENTRED:
            found.append(kernels.flatten(1).mean(dim=1).abs().max().item())
    return found


@pytest.mark.parametrize("size", [(16, 16), (8, 8, 8)])
def test_mimic_kernels_have_mean_zero_before_and_after_a_step(size: tuple[int, ...]) -> None:
    network = mimic_network(size)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
    assert len(means(network.backbone)) >= 7 and max(means(network.backbone)) < 1e-6
    network(torch.randn(2, 1, *size)).log_probs[:, 0].mean().backward()
    optimizer.step()
    assert max(means(network.backbone)) < 1e-6
    narrow = nn.Conv2d(5, 4, 3)
    before = narrow.weight.clone()
    centre_kernels(narrow)
    assert torch.equal(narrow.weight, before)  # 45 weights


@torch.no_grad()
def test_settled_weights_compute_the_same_and_are_plain_parameters() -> None:
    network, image = mimic_network().eval(), torch.randn(2, 1, 16, 16)
    before, copied = network(image).log_probs, deepcopy(network)
    torch.testing.assert_close(copied(image).log_probs, before)
    settle(network)
    torch.testing.assert_close(network(image).log_probs, before)
    assert max(means(network.backbone)) < 1e-6
    assert not [name for name in network.state_dict() if "parametrizations" in name]


def test_the_last_batch_norm_of_mimic_is_on_the_logits_of_every_grid() -> None:
    """Its scale and shift on all, running numbers of the image's own grid alone."""
    network = mimic_network()
    assert network.last_norm is not None
    with torch.no_grad():
        network.last_norm.weight = torch.tensor([1.0, 2.0, 3.0])  # type: ignore[assignment]
    seen: list[torch.Tensor] = []
    network.to_classes.register_forward_hook(lambda _module, _inputs, logits: seen.append(logits.detach()))
    truth = network.train()(torch.randn(2, 1, 16, 16))
    for logits, log_probs in zip(seen, (truth.log_probs, *truth.coarser), strict=True):
        flat = logits.transpose(0, 1).flatten(1)
        normed = (flat - flat.mean(1, keepdim=True)) / flat.var(1, correction=0, keepdim=True).add(1e-5).sqrt()
        expected = (normed * torch.tensor([[1.0], [2.0], [3.0]])).log_softmax(dim=0)
        torch.testing.assert_close(log_probs.transpose(0, 1).flatten(1), expected, atol=1e-5, rtol=1e-4)
    assert network.last_norm.num_batches_tracked == 1
    torch.testing.assert_close(network.last_norm.running_mean, 0.1 * seen[0].mean(dim=(0, 2, 3)))


def test_scale_and_shift_of_the_logits_go_ten_times_as_far_in_a_step_of_adam() -> None:
    norm = hasten(nn.BatchNorm2d(2))
    assert norm.weight.tolist() == [1.0, 1.0] and norm.bias.tolist() == [0.0, 0.0]  # type: ignore[operator]
    optimizer = torch.optim.Adam(norm.parameters(), lr=0.01)
    norm(torch.randn(2, 2, 8, 8))[:, 1].square().sum().backward()  # a scale of 1 is too large
    optimizer.step()
    torch.testing.assert_close(norm.weight, torch.tensor([1.0, 0.9]), atol=1e-4, rtol=0)
