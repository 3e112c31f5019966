"""The fusion of a run as training leaves it, and what is to be said of it."""

from __future__ import annotations

import json
from pathlib import Path

from medseg.annotators.assembly import read_annotator_run
from medseg.annotators.fusion import Fusion
from medseg.annotators.mathematics.stages import RECIPES
from medseg.annotators.truths import doubts_of
from medseg.annotators.zones import pairs
from medseg.config import written_by_training

FUSION = "fusion.json"
"""In the run folder."""


def write_fusion(path: Path, fusion: Fusion) -> None:
    """As JSON: the edges of the zones in voxels of the network's grid, log C[o,t] by annotator and zone."""
    path.write_text(json.dumps({name: values.tolist() for name, values in fusion.arrays().items()}))


def read_fusion(path: Path) -> Fusion | None:
    """What ``write_fusion`` wrote; None of an earlier version, without a prior. Raises Refused for others."""
    with written_by_training(path):
        values = json.loads(path.read_text("utf-8"))
        if "log_confusion" in values and "log_prior" not in values:
            return None
        fusion = Fusion.of(values)
        shape, edges = fusion.log_confusion.shape, fusion.edges
        if len(shape) != 4 or shape[1] != (len(edges) + 1) * len(pairs(shape[-1])):
            raise ValueError(f"matrices {shape} for {len(edges)} edges")
        if fusion.log_prior.shape != (shape[1], shape[-1]):
            raise ValueError(f"matrices {shape} for a prior {fusion.log_prior.shape}")
    return fusion


def fusion_in(run: Path) -> Fusion | None:
    """That of a run folder, where it has one that can be used; raises as ``read_fusion``."""
    return read_fusion(run / FUSION) if (run / FUSION).is_file() else None


def truth_alarm(run: Path) -> list[str]:
    """``truths.doubts_of`` of a run whose truth was fused; none of others."""
    fusion = fusion_in(run)
    if fusion is None or RECIPES[read_annotator_run(run).recipe].target != "fused":
        return []
    return doubts_of(fusion)
