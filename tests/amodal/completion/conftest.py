"""A completer whose network is a known function, and objects small enough to count."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from medseg.amodal.assembly import AmodalSignature, build_amodal_model
from medseg.amodal.completion import completer as module
from medseg.amodal.completion.beliefs import MaskBeliefs
from medseg.amodal.completion.completer import Completer
from medseg.amodal.config import AmodalConfig
from medseg.amodal.nouns import AmodalObject, MaskBatch
from medseg.amodal.occlusion.sections import FrameConfig
from medseg.config import dump_config
from medseg.contracts import ClassLabel, ObjectRules
from medseg.training.checkpoint import save_weights

CLASSES = (ClassLabel(name="background", value=0), ClassLabel(name="rod", value=1), ClassLabel(name="bar", value=2))
RULES = ObjectRules(overlap=(255,), unknown=(9,), hides={"bar": ("rod",)}, pieces="apart")


@dataclass
class Known:
    """Believes ``prob`` of every voxel, and that sample n fills the part ``shares[n]`` of the frame's last axis.

    visible_misfit: of the n-th object that it is asked about.
    """

    prob: float = 0.9
    visible_misfit: Callable[[int], float] = lambda number: 0.1
    shares: Callable[[int], list[float]] = lambda samples: [1.0] * samples
    batches: list[int] = field(default_factory=list)

    def __call__(self, model: nn.Module, batch: MaskBatch, samples: int, **rest: object) -> MaskBeliefs:
        visible_misfits = [self.visible_misfit(sum(self.batches) + position) for position in range(len(batch.visible))]
        self.batches.append(len(batch.visible))
        drawn = [self._filled(batch.visible, share) for share in self.shares(samples)]
        probs = torch.full_like(batch.visible, self.prob)
        stacked = torch.stack(drawn) if drawn else torch.zeros(0, *probs.shape)
        hidden = torch.full((len(probs),), torch.nan)
        return MaskBeliefs(probs=probs, samples=stacked, hidden=hidden, visible_misfit=torch.tensor(visible_misfits))

    @staticmethod
    def _filled(visible: Tensor, share: float) -> Tensor:
        filled = torch.zeros_like(visible)
        filled[..., : round(share * visible.shape[-1])] = 1
        return filled


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Known:
    stand_in = Known()
    monkeypatch.setattr(module, "believe", stand_in)
    return stand_in


def completer(dims: int = 2, rules: ObjectRules = RULES, size: int = 32, lines: int = 0) -> Completer:
    """Frames of ``size`` voxels along each axis (``lines`` along the first), of one pixel or mm.

    The object lies in their middle, its axes are those of the map.
    """
    frame = FrameConfig(
        size=(lines or size, *(size,) * (dims - 1)), spacing=1.0, margin=1.25, reduction=2.0, align=False
    )
    return Completer(
        signature=AmodalSignature(classes=CLASSES, rules=rules, spatial_dims=dims), frame=frame, model=nn.Identity()
    )


def crossed(occluder: bool = True, name: str = "c/rod-1") -> AmodalObject:
    """A rod of 3 x 12 voxels whose right 4 columns lie below a bar of 9 x 4, on a crop of 9 x 16."""
    amodal, bar = np.zeros((9, 16), bool), np.zeros((9, 16), bool)
    amodal[3:6, 2:14] = True
    bar[:, 10:14] = True
    hider = bar if occluder else None
    return AmodalObject(
        name=name,
        case="c",
        label="rod",
        class_index=0,
        visible=amodal & ~bar,
        occluder=hider,
        amodal=amodal,
        unoccluded=False,
        corner=(0, 0),
        map_shape=(9, 16),
        affine=np.eye(4),
        spacing_mm=None,
    )


def write_run(
    run: Path, frame: list[int], classes: tuple[ClassLabel, ...], rules: ObjectRules, *, cohort: str | Path = "none"
) -> Path:
    """A run folder of a model with its first weights."""
    run.mkdir()
    values = {"experiment": "x", "recipe": "three_stages", "data": {"cohort": str(cohort), "frame": {"size": frame}},
              "network": {"channels": [4, 8], "coarse": 4, "fine": 2}}  # fmt: skip
    config, signature = (
        AmodalConfig.model_validate_json(json.dumps(values)),
        AmodalSignature(classes=classes, rules=rules, spatial_dims=len(frame)),
    )
    (run / "config.yaml").write_text(dump_config(config))
    signature.write(run / "model.json")
    save_weights(run / "weights.pt", build_amodal_model(config, signature))
    return run


def crossing(dims: int = 2) -> np.ndarray:
    """A rod (1) of 4 x 20 below a bar (2) of 12 x 4, and a rod of 3 x 3 that lies free; 3D: in 4 of 8 slices."""
    plane = np.zeros((24, 32), np.uint8)
    plane[10:14, 4:24] = 1
    plane[6:18, 12:16] = 2
    plane[2:5, 26:29] = 1
    if dims == 2:
        return plane
    labels = np.zeros((*plane.shape, 8), np.uint8)
    labels[..., 2:6] = plane[..., None]
    return labels
