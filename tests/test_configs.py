"""Every config is a test: it reads, its recipe exists, its network can be built and sees its own grid."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from medseg.amodal.assembly import AmodalSignature, amodal_stages, build_amodal_model
from medseg.amodal.config import AmodalConfig
from medseg.amodal.network.model import AmodalVAE
from medseg.annotators.assembly import Signature, build_annotator_model
from medseg.annotators.config import RunConfig
from medseg.contracts import ClassLabel, ObjectRules
from medseg.experiment.methods import load_config

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*/*.yaml"))
ANNOTATORS = [path for path in CONFIGS if path.parent.name in ("annotators", "worlds", "ingredients")]
AMODAL = [path for path in CONFIGS if path.parent.name == "amodal"]


@pytest.mark.parametrize("path", ANNOTATORS, ids=lambda path: path.stem)
def test_a_config_reads_and_its_network_sees_its_grid(path: Path) -> None:
    config = load_config(path)
    assert isinstance(config, RunConfig)
    size = config.data.grid.size
    classes = (ClassLabel(name="background", value=0), ClassLabel(name="object", value=1))
    model = build_annotator_model(
        config, Signature(annotators=("a", "b", "c"), classes=classes, channels=1, spatial_dims=len(size))
    ).eval()
    beliefs = model.believe(torch.randn(1, 1, *size))
    assert beliefs.truth_probs.shape == (1, 2, *size)
    assert beliefs.annotator_probs.shape == (1, 3, 2, *size)


@pytest.mark.parametrize("path", AMODAL, ids=lambda path: path.stem)
def test_a_config_of_method_two_reads_and_its_networks_see_their_frame(path: Path) -> None:
    classes = tuple(ClassLabel(name=name, value=value) for value, name in enumerate(("background", "rod", "bar")))
    for override, kind in ((), AmodalVAE), (["recipe=pcnet"], torch.nn.Module):
        config = load_config(path, override)
        assert isinstance(config, AmodalConfig)
        size = config.data.frame.size
        model = build_amodal_model(
            config, AmodalSignature(classes=classes, rules=ObjectRules(), spatial_dims=len(size))
        ).eval()
        assert isinstance(model, kind)
        mask, index = torch.rand(1, 1, *size), torch.tensor([1])
        with torch.no_grad():
            if isinstance(model, AmodalVAE):
                seen = model.partial(mask, 1 - mask, index)
                logits = model.completing(seen.latent.mean(), seen, index)
            else:
                logits = model(mask, 1 - mask, index)
        assert logits.shape == mask.shape
        assert amodal_stages(config)[0].epochs >= config.training.epochs.complete


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_opens_with_its_question_and_its_command(path: Path) -> None:
    head = path.read_text().split("experiment:")[0]
    assert (
        head.startswith("# Question: ") and "# Command:" in head and f"configs/{path.parent.name}/{path.name}" in head
    )


def test_there_is_a_config_for_each_method() -> None:
    assert {path.parent.name for path in CONFIGS} == {"annotators", "amodal", "worlds", "ingredients"}


def test_the_weights_are_a_function_of_the_seed() -> None:
    classes = (ClassLabel(name="b", value=0), ClassLabel(name="o", value=1))
    config = load_config(next(p for p in ANNOTATORS if len(load_config(p).data.grid.size) == 2))  # type: ignore[union-attr]
    other = config.model_copy(update={"seed": config.seed + 1})
    one, same, different = (
        build_annotator_model(c, Signature(annotators=("a",), classes=classes, channels=1, spatial_dims=2))
        for c in (config, config, other)
    )  # type: ignore[arg-type]
    first = [next(m.parameters()) for m in (one, same, different)]
    assert torch.equal(first[0], first[1]) and not torch.equal(first[0], first[2])


def test_the_weights_of_method_two_are_too() -> None:
    signature = AmodalSignature(
        classes=(ClassLabel(name="b", value=0), ClassLabel(name="o", value=1)), rules=ObjectRules(), spatial_dims=2
    )
    config = load_config(next(p for p in AMODAL if len(load_config(p).data.frame.size) == 2))  # type: ignore[union-attr]
    other = config.model_copy(update={"seed": config.seed + 1})
    one, same, different = (build_amodal_model(c, signature) for c in (config, config, other))  # type: ignore[arg-type]
    first = [next(m.parameters()) for m in (one, same, different)]
    assert torch.equal(first[0], first[1]) and not torch.equal(first[0], first[2])
