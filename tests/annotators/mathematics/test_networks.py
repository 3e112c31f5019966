"""Networks by name: each gives features at the image's resolution, and learns with every recipe; others are refused."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch

from medseg.annotators.assembly import Signature, build_annotator_model, build_stages
from medseg.annotators.config import RunConfig
from medseg.annotators.mathematics.model import TrueLabelNetwork
from medseg.annotators.mathematics.networks import features_of, network_complaints
from medseg.annotators.mathematics.settings import NetworkConfig
from medseg.annotators.mathematics.stages import RECIPES
from medseg.annotators.nouns import ImageBatch
from medseg.contracts import ClassLabel

T = 3
DEEP = NetworkConfig(name="dynunet", channels=(4, 6, 8, 10), deep_supervision=2, features=5, residual_units=0)
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


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_teaches_the_coarser_levels_and_the_overlap(recipe: str) -> None:
    """Each of its parameters gets a gradient, but for the matrices that see the truth as it stands."""
    config = RunConfig.model_validate(
        {
            "experiment": "test",
            "recipe": recipe,
            "data": {"cohort": "none", "grid": {"size": (16, 16)}},
            "network": DEEP.model_dump(),
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
        model.zero_grad(set_to_none=True)
        losses = stage.objective(model, batch, epoch=0.0)
        losses.total.backward()
        heads = [p for name, p in model.named_parameters() if "deep_supervision_heads" in name]
        assert heads and all(p.grad is not None and p.grad.abs().sum() > 0 for p in heads)
        assert losses.total > losses.metrics["nll"]


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
    ],
)
def test_levels_that_do_not_fit_are_refused_in_a_sentence(network: dict[str, Any], sentence: str) -> None:
    data = {"cohort": "none", "grid": {"size": (16, 16)}}
    with pytest.raises(ValueError) as caught:
        RunConfig.model_validate({"experiment": "test", "recipe": "fused", "data": data, "network": network})
    assert sentence in str(caught.value)
