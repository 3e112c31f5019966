"""Every config is a test: it reads, its recipe exists, its network can be built and sees its own grid."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from medseg.config import load_config
from medseg.contracts import ClassLabel
from medseg.experiment.assembly import Signature, build_model

CONFIGS = sorted((Path(__file__).parents[1] / "configs").rglob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_reads_and_its_network_sees_its_grid(path: Path) -> None:
    config = load_config(path)
    size = config.data.grid.size
    classes = (ClassLabel("background", 0), ClassLabel("object", 1))
    model = build_model(config, Signature(("a", "b", "c"), classes, 1, len(size))).eval()
    beliefs = model.believe(torch.randn(1, 1, *size))
    assert beliefs.truth_probs.shape == (1, 2, *size)
    assert beliefs.annotator_probs.shape == (1, 3, 2, *size)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_opens_with_its_question_and_its_command(path: Path) -> None:
    head = path.read_text().split("experiment:")[0]
    assert (
        head.startswith("# Question: ") and "# Command:" in head and f"configs/{path.parent.name}/{path.name}" in head
    )


def test_there_is_a_config_for_each_method() -> None:
    assert {path.parent.name for path in CONFIGS} == {"annotators"}


def test_the_weights_are_a_function_of_the_seed() -> None:
    path = CONFIGS[0]
    signature = Signature(("a",), (ClassLabel("b", 0), ClassLabel("o", 1)), 1, 2)
    config = load_config(next(p for p in CONFIGS if len(load_config(p).data.grid.size) == 2))
    other = config.model_copy(update={"seed": config.seed + 1})
    one, same, different = (build_model(c, signature) for c in (config, config, other))
    first = [next(m.parameters()) for m in (one, same, different)]
    assert path.exists() and torch.equal(first[0], first[1]) and not torch.equal(first[0], first[2])
