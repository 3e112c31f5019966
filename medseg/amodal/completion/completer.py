"""A trained run of method two, ready for objects: what it answers, where it may grow, when it leaves one alone."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from medseg.amodal.assembly import AmodalSignature, build_amodal_model, read_amodal_run
from medseg.amodal.completion.beliefs import MaskBeliefs, believe, most_probable_part
from medseg.amodal.completion.calibration import Calibration
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.objects.growth import attached, may_grow
from medseg.amodal.occlusion.batches import batch_of
from medseg.amodal.occlusion.frames import frame_of, from_frame
from medseg.amodal.occlusion.sections import FrameConfig
from medseg.training.checkpoint import BEST, load_weights
from medseg.training.device import device_of

VOXELS_AT_ONCE = 2**26
"""Batches are made smaller until their samples have no more voxels: 256 MiB."""

Status = Literal["unoccluded", "completed", "left"]
"""Nothing hides the object; the model completed it; it was left as it is, for a reason."""


@dataclass(frozen=True)
class Answer:
    """A completion, how it came about, and the reason where the object was left alone (else "")."""

    completion: Completion
    status: Status
    reason: str = ""


@dataclass(frozen=True)
class Completer:
    """A trained run: what it was built for, its frames, its weights, its calibration, where it computes.

    mirror: the answer is the mean over mirror images, see ``believe``.
    """

    signature: AmodalSignature
    frame: FrameConfig
    model: nn.Module
    calibration: Calibration = field(default_factory=Calibration)
    device: str = "cpu"
    mirror: bool = True

    @staticmethod
    def load(run: Path, stage: str | None = None) -> Completer:
        """The finished run, or the model as one of its stages left it; each with its own calibration, if it has one.

        Raises Refused where the run has no weights, or broken ones, or is one of the other method.
        """
        config, signature = read_amodal_run(run), AmodalSignature.read(run)
        model = build_amodal_model(config, signature)
        model.load_state_dict(load_weights(run / (f"{stage}/{BEST}" if stage else "weights.pt")))
        device = device_of(config.training.accelerator)
        calibration, mirror = Calibration.read(run / stage if stage else run), config.data.mirror
        return Completer(signature, config.data.frame, model.to(device).eval(), calibration, device, mirror)

    def answers(
        self,
        objects: Sequence[AmodalObject],
        samples: int,
        gap: int = 0,
        anywhere: bool = False,
        batch: int = 32,
        abstain: bool = True,
    ) -> list[Answer]:
        """One per object, on the object's crop; the same call gives the same answers.

        samples: N draws of each amodal mask: a z, and of p(y|z) the voxels above one of ``Calibration.levels``, so that
        neighbours agree; all cut at 1/2, they would be too much alike. gap, anywhere: see ``may_grow``; growth ends
        with the crop, so that objects which may grow beyond it must be padded before. batch: so many objects at most
        go through the model at once.
        An object that nothing hides stays as it is. One that is larger than its frame allows, or that looks
        like nothing seen in training (unless not ``abstain``), is left as it is: without samples, since nothing is
        known of its amodal mask.
        """
        answers = [_at_once(amodal_object, self.frame, samples) for amodal_object in objects]
        asked = [number for number, answer in enumerate(answers) if answer is None]
        fitting = max(1, min(batch, VOXELS_AT_ONCE // (max(samples, 1) * math.prod(self.frame.size))))
        for start in range(0, len(asked), fitting):
            numbers = asked[start : start + fitting]
            asked_of = [objects[number] for number in numbers]
            beliefs = self._believe(asked_of, samples)
            for position, (number, amodal_object) in enumerate(zip(numbers, asked_of, strict=True)):
                answer = self._answer(amodal_object, beliefs, position, may_grow(amodal_object, gap, anywhere), gap)
                answers[number] = _left_if_novel(amodal_object, answer) if abstain else answer
        return [answer for answer in answers if answer is not None]

    def volumes(self, objects: Sequence[AmodalObject], samples: int, tried: Sequence[Calibration]) -> NDArray[np.int64]:
        """(B,N,M) voxels of the samples of some objects, under each of M calibrations; islands count too."""
        beliefs = self._believe(objects, samples)
        levels = np.array([calibration.levels(samples) for calibration in tried])
        found = np.zeros((len(objects), len(beliefs.samples), len(tried)), np.int64)
        for position, amodal_object in enumerate(objects):
            frame, allowed = frame_of(amodal_object, self.frame), may_grow(amodal_object)
            for number, grids in enumerate(beliefs.samples):
                grid = from_frame(grids[position, 0].float().cpu().numpy(), frame, amodal_object.visible.shape)
                grown = np.sort(grid[allowed])
                found[position, number] = len(grown) - np.searchsorted(grown, levels[:, number])
            found[position] += np.count_nonzero(amodal_object.visible)
        return found

    def _believe(self, objects: Sequence[AmodalObject], samples: int) -> MaskBeliefs:
        shown = batch_of(objects, self.frame)
        masks = {
            name: getattr(shown, name).to(self.device) for name in ("visible", "occluder", "amodal", "class_index")
        }
        seed = zlib.crc32("\n".join(amodal_object.name for amodal_object in objects).encode())
        generator = torch.Generator(self.device).manual_seed(seed)
        return believe(self.model, replace(shown, **masks), samples, generator, self.mirror)

    def _answer(
        self, amodal_object: AmodalObject, beliefs: MaskBeliefs, position: int, allowed: NDArray[np.bool_], gap: int
    ) -> Answer:
        """Of one object of a batch, on its crop: grown only where it is allowed to, the visible part kept."""
        limit = self.calibration.misfit_limit
        novelty = float(beliefs.visible_misfit[position]) / limit if limit else math.nan
        frame = frame_of(amodal_object, self.frame)

        def native(grid: torch.Tensor) -> NDArray[np.float32]:
            return from_frame(grid[0].float().cpu().numpy(), frame, amodal_object.visible.shape)

        probs = np.where(amodal_object.visible, np.float32(1), native(beliefs.probs[position]) * allowed)
        samples = np.zeros((len(beliefs.samples), *amodal_object.visible.shape), bool)
        levels = self.calibration.levels(len(samples))
        for drawn, grids, level in zip(samples, beliefs.samples, levels, strict=True):
            drawn[:] = attached(
                amodal_object.visible | ((native(grids[position]) >= level) & allowed), amodal_object.visible, gap
            )
        amodal = attached(amodal_object.visible | most_probable_part(probs, allowed), amodal_object.visible, gap)
        return Answer(
            Completion(name=amodal_object.name, amodal=amodal, probs=probs, samples=samples, novelty=novelty),
            "completed",
        )


def _left_if_novel(amodal_object: AmodalObject, answer: Answer) -> Answer:
    novelty = answer.completion.novelty
    if not novelty > 1:
        return answer
    reason = f"looks like nothing seen in training (novelty {novelty:.1f}, limit 1)"
    return Answer(replace(_as_it_is(amodal_object, 0), novelty=novelty), "left", reason)


def _at_once(amodal_object: AmodalObject, rules: FrameConfig, samples: int) -> Answer | None:
    """The answer where no model is needed: to an object that nothing hides, or that is too large for its frame."""
    if amodal_object.unoccluded:
        return Answer(_as_it_is(amodal_object, samples), "unoccluded")
    reduction = frame_of(amodal_object, rules).reduction
    if reduction > rules.reduction:
        reason = f"{reduction:.1f} times larger than the frame allows, limit {rules.reduction:g}"
        return Answer(_as_it_is(amodal_object, 0), "left", reason)
    return None


def _as_it_is(amodal_object: AmodalObject, samples: int) -> Completion:
    drawn = np.broadcast_to(amodal_object.visible, (samples, *amodal_object.visible.shape))
    return Completion(
        name=amodal_object.name,
        amodal=amodal_object.visible,
        probs=amodal_object.visible.astype(np.float32),
        samples=drawn,
        novelty=math.nan,
    )
