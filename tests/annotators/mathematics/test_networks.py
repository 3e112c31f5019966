"""Networks by name: each gives features at the image's resolution, and learns with every recipe; others are refused."""

from __future__ import annotations

from copy import deepcopy
from itertools import product
from typing import Any, get_args

import pytest
import torch
from monai.networks.layers.factories import Norm as MonaiNorm
from monai.networks.nets.dynunet import DynUNet
from monai.networks.nets.unet import UNet
from torch import nn

from medseg.annotators.assembly import Signature, build_annotator_model, build_stages
from medseg.annotators.config import RunConfig
from medseg.annotators.mathematics.model import TrueLabelNetwork
from medseg.annotators.mathematics.networks import build_backbone, features_of, network_complaints
from medseg.annotators.mathematics.settings import Block, NetworkConfig, Norm
from medseg.annotators.mathematics.stages import RECIPES, STYLES
from medseg.annotators.nouns import ImageBatch
from medseg.contracts import ClassLabel

T = 3
DEEP = NetworkConfig(name="dynunet", channels=(4, 6, 8, 10), deep_supervision=2, features=5, residual_units=0)
DEEP_KEYS = {"name": "dynunet", "channels": (4, 6, 8), "deep_supervision": 1}
OFFERED: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({"name": "unet", "channels": (4, 8)}, (32, 32)),
    ({"name": "dynunet", "channels": (4, 6, 8)}, (32, 32)),
    ({"name": "dynunet", "channels": (4, 6, 8), "kernels": ((3, 3, 1), 3, 3), "strides": ((2, 2, 1), 2)}, (16, 16, 4)),
    ({"name": "SegResNet", "arguments": {"init_filters": 8}}, (32, 32)),
    ({"name": "SegResNetDS", "arguments": {"init_filters": 8, "dsdepth": 2}}, (16, 16, 16)),
    ({"name": "BasicUNetPlusPlus", "arguments": {"features": (4, 4, 8, 8, 8, 4)}}, (32, 32)),
    ({"name": "AttentionUnet", "arguments": {"channels": (4, 8), "strides": (2,)}}, (32, 32)),
    ({"name": "SwinUNETR", "arguments": {"feature_size": 12, "window_size": 4}}, (64, 64)),
    ({"name": "UNETR", "arguments": {"hidden_size": 24, "mlp_dim": 24, "num_heads": 4, "feature_size": 4}}, (32, 32)),
    ({"name": "MedNeXt", "arguments": {"init_filters": 4}}, (32, 32)),
]


@pytest.mark.parametrize(("keys", "size"), OFFERED, ids=[f"{keys['name']}-{len(size)}d" for keys, size in OFFERED])
def test_every_network_gives_classes_and_features_at_the_image_s_resolution(
    keys: dict[str, Any], size: tuple[int, ...]
) -> None:
    config = NetworkConfig(features=5, **keys)
    assert network_complaints(config, 2, size) == []
    network = TrueLabelNetwork(config, 2, T, size=size)
    for training in (True, False):
        truth = network.train(training)(torch.randn(2, 2, *size))
        assert truth.features.shape == (2, 5, *size)
        torch.testing.assert_close(truth.log_probs.exp().sum(dim=1), torch.ones(2, *size))
    assert truth.coarser == ()


def test_coarser_levels_are_taught_on_their_own_grids_and_in_training_alone() -> None:
    network = TrueLabelNetwork(DEEP, 1, T, size=(32, 16))
    truth = network.train()(torch.randn(2, 1, 32, 16))
    assert [tuple(each.shape) for each in truth.coarser] == [(2, T, 16, 8), (2, T, 8, 4)]
    sum(each.sum() for each in truth.coarser).backward()  # type: ignore[union-attr]
    deepcopy(network)  # what an average of the weights does, in the middle of a training
    assert network.eval()(torch.randn(2, 1, 32, 16)).coarser == ()


def test_the_grid_of_a_dynunet_that_is_not_interpolated_is_the_one_that_monai_interpolates() -> None:
    network = TrueLabelNetwork(DEEP, 1, T, size=(32, 16)).train()
    image = torch.randn(1, 1, 32, 16)
    stacked = network.backbone(image)
    for ours, theirs in zip(features_of(network.backbone, image), stacked.unbind(dim=1), strict=True):
        torch.testing.assert_close(torch.nn.functional.interpolate(ours, (32, 16)), theirs)


def combinations() -> list[Any]:
    """Every norm with every block that it can be in, and each of the two classifiers in turn."""
    found = []
    for number, (norm, block) in enumerate(product((None, *get_args(Norm)), (None, *get_args(Block)))):
        classifier = ("learned", "hadamard")[number % 2]
        if (norm, block) != ("rescale", "plain"):
            found.append(pytest.param(norm, block, classifier, id=f"{norm}-{block}-{classifier}"))
    return found


@pytest.mark.parametrize(
    ("keys", "size"),
    [  # what has been seen of a part in one of two dimensions seldom fails in the other
        pytest.param({"channels": (4, 8)}, (16, 16), id="unet-2d"),
        pytest.param(DEEP_KEYS, (8, 8, 8), id="dynunet-3d"),
        pytest.param({"channels": (4, 8)}, (8, 8, 8), id="unet-3d", marks=pytest.mark.slow),
        pytest.param(DEEP_KEYS, (16, 16), id="dynunet-2d", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(("norm", "block", "classifier"), combinations())
def test_every_norm_block_and_classifier_learns_from_a_batch_of_two_and_of_one(
    norm: str | None, block: str | None, classifier: str, keys: dict[str, Any], size: tuple[int, ...]
) -> None:
    """Every parameter gets a finite gradient, and a step changes what the network says."""
    torch.manual_seed(0)
    config = NetworkConfig.model_validate(
        {**keys, "features": 8, "norm": norm, "block": block, "classifier": classifier}
    )
    assert config.complaints() == network_complaints(config, 2, size) == []
    network = TrueLabelNetwork(config, 2, T, size=size).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for batch in (2, 1):
        image = torch.randn(batch, 2, *size)
        truth = network(image)
        grids = (truth.log_probs, *truth.coarser)
        loss = torch.stack([(each.movedim(1, -1) @ torch.randn(T)).mean() for each in grids]).sum()
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
        assert sum(p.grad.abs().sum() for p in network.backbone.parameters()) > 0  # type: ignore[union-attr]
        optimizer.step()
        assert not torch.equal(network(image).log_probs, truth.log_probs)


def test_without_these_keys_a_network_is_monai_s_own_bit_by_bit() -> None:
    """Weights and names are those of runs from before there were these keys."""
    for config, made in (
        (NetworkConfig(), lambda: UNet(2, 1, 16, (16, 32, 64), (2, 2), num_res_units=2, dropout=0.0)),
        (NetworkConfig(residual_units=0), lambda: UNet(2, 1, 16, (16, 32, 64), (2, 2), num_res_units=0, dropout=0.0)),
        (
            NetworkConfig(name="dynunet", channels=(4, 6, 8)),
            lambda: DynUNet(2, 1, 16, (3, 3, 3), (1, 2, 2), (2, 2), filters=(4, 6, 8), res_block=True),
        ),
    ):
        alike = (config, config.model_copy(update={"norm": "instance", "block": config.blocks}))
        for each in alike:
            torch.manual_seed(0)
            network = TrueLabelNetwork(each, 1, T, size=(16, 16))
            torch.manual_seed(0)
            expected = nn.Sequential(made(), nn.PReLU(), nn.Conv2d(16, T, 1)).state_dict()
            names = {"0": "backbone", "1": "activation", "2": "to_classes"}
            found = network.state_dict()
            assert list(found) == [f"{names[key[0]]}{key[1:]}" for key in expected]
            assert all(torch.equal(*pair) for pair in zip(found.values(), expected.values(), strict=True))


@pytest.mark.parametrize(
    ("name", "arguments", "norms"),
    [
        ("SegResNet", {"init_filters": 8}, ("instance", "batch", "group", "frn", "mimic", "none")),
        ("BasicUNet", {"features": (4, 4, 8, 8, 8, 4)}, ("group", "frn", "mimic", "none")),
        ("UNETR", {"hidden_size": 24, "mlp_dim": 24, "num_heads": 4, "feature_size": 4}, ("batch", "group", "none")),
    ],
)
def test_other_networks_of_monai_have_the_norm_that_is_asked_for(
    name: str, arguments: dict[str, Any], norms: tuple[str, ...]
) -> None:
    kinds = {
        "instance": nn.InstanceNorm2d,
        "batch": nn.BatchNorm2d,
        "group": nn.GroupNorm,
        "frn": MonaiNorm["FRN", 2],
        "mimic": MonaiNorm["BIAS", 2],
        "none": MonaiNorm["BIAS", 2],
    }
    for norm in norms:
        config = NetworkConfig.model_validate({"name": name, "arguments": arguments, "norm": norm})
        assert config.complaints() == network_complaints(config, 1, (32, 32)) == []
        found = [
            type(each)
            for each in build_backbone(config, 1, (32, 32)).modules()
            if isinstance(each, tuple(kinds.values()))
        ]
        assert set(found) == {kinds[norm]} and len(found) > 8


def test_plain_blocks_need_no_word_of_their_units() -> None:
    assert NetworkConfig(block="plain").residual_units == 0
    assert NetworkConfig(block="plain") == NetworkConfig(block="plain", residual_units=0)
    assert NetworkConfig(block="preactivation").residual_units == NetworkConfig().residual_units == 2
    assert [NetworkConfig(residual_units=units).blocks for units in (0, 1)] == ["plain", "residual"]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("keys", [{}, {"norm": "mimic"}, {"norm": "frn", "classifier": "hadamard", "features": 4}])
def test_every_recipe_teaches_the_coarser_levels_and_the_overlap(recipe: str, keys: dict[str, Any]) -> None:
    """Each of its parameters gets a gradient, in every stage that moves the truth."""
    config = RunConfig.model_validate(
        {
            "experiment": "test",
            "recipe": recipe,
            "data": {"cohort": "none", "grid": {"size": (16, 16)}},
            "network": DEEP.model_dump() | keys,
            "training": {"dice_weight": 1},
        }
    )
    classes = tuple(ClassLabel(name=str(value), value=value) for value in range(T))
    signature = Signature(annotators=("a", "b"), classes=classes, channels=1, spatial_dims=2)
    model = build_annotator_model(config, signature)
    labels = torch.randint(0, T, (2, 2, 16, 16))
    alone = RECIPES[recipe].target not in ("annotated", "fused")
    batch = ImageBatch(
        image=torch.randn(2, 1, 16, 16),
        labels=labels[:, :1] if alone else labels,
        case_index=torch.arange(2),
        consensus=torch.nn.functional.one_hot(labels[:, 0], T).float().movedim(-1, 1),
    )
    for stage in build_stages(config):
        if stage.name == STYLES:
            continue
        model.zero_grad(set_to_none=True)
        losses = stage.objective(model, batch, epoch=0.0)
        losses.total.backward()
        heads = [p for name, p in model.named_parameters() if "deep_supervision_heads" in name]
        assert heads and all(p.grad is not None and p.grad.abs().sum() > 0 for p in heads)
        assert losses.total > losses.metrics[stage.criterion]


@pytest.mark.parametrize(
    ("keys", "size", "sentence"),
    [
        (
            {"name": "SegResnet"},
            (16, 16),
            "network.name: expected unet, dynunet or a network of monai.networks.nets such as SegResNet",
        ),
        (
            {"name": "SegResNet", "arguments": {"filters": 8}},
            (16, 16),
            "network.arguments: expected one of spatial_dims",
        ),
        ({"name": "SegResNet"}, (20, 20), "network: expected one that takes images of 20x20, got"),
        ({"name": "DenseNet121"}, (32, 32), "network: expected features [16, 32, 32], got [16] (DenseNet121)"),
        (
            {"name": "AttentionUnet", "norm": "group", "arguments": {"channels": (4, 8), "strides": (2,)}},
            (32, 32),
            "network.norm: expected null for a network without an argument norm or norm_name, got group",
        ),
        (
            {"name": "UNETR", "norm": "frn"},
            (32, 32),
            "network.norm: expected another one for a network without an argument act, got frn (UNETR)",
        ),
        (
            {"name": "SegResNet", "norm": "batch", "arguments": {"norm": "BATCH"}},
            (32, 32),
            "network.norm: expected null for a network whose norm is in network.arguments, got batch (SegResNet)",
        ),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_computed(
    keys: dict[str, Any], size: tuple[int, ...], sentence: str
) -> None:
    (found,) = network_complaints(NetworkConfig(**keys), 1, size)
    assert found.startswith(sentence)


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        ({"deep_supervision": 1}, "network.deep_supervision: expected at most 0 for unet, got 1"),
        (
            {"name": "dynunet", "deep_supervision": 2},
            "network.deep_supervision: expected at most 1 for dynunet of 3 levels, got 2",
        ),
        ({"name": "dynunet", "channels": (4, 8)}, "network.channels: expected at least 3 levels, got [4, 8]"),
        ({"name": "dynunet", "kernels": (3, 3)}, "network.kernels: expected 3 (as many as channels), got 2"),
        (
            {"block": "plain", "residual_units": 2},
            "network.residual_units: expected 0 for plain blocks, got 2",
        ),
        (
            {"block": "preactivation", "residual_units": 0},
            "network.residual_units: expected at least 1 for preactivation blocks, got 0",
        ),
        (
            {"name": "SegResNet", "block": "residual"},
            "network.block: expected null for SegResNet, whose blocks are its own, got residual",
        ),
        (
            {"norm": "rescale", "residual_units": 0},
            "network.norm: expected unet or dynunet with residual units for rescale, got plain blocks",
        ),
        (
            {"name": "SegResNet", "norm": "rescale"},
            "network.norm: expected unet or dynunet with residual units for rescale, got SegResNet",
        ),
        (
            {"classifier": "hadamard", "features": 12},
            "network.features: expected a power of two for classifier hadamard, got 12",
        ),
    ],
)
def test_keys_that_do_not_fit_are_refused_in_a_sentence(network: dict[str, Any], sentence: str) -> None:
    data = {"cohort": "none", "grid": {"size": (16, 16)}}
    with pytest.raises(ValueError) as caught:
        RunConfig.model_validate({"experiment": "test", "recipe": "fused", "data": data, "network": network})
    assert sentence in str(caught.value)
