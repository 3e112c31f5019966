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

from medseg.amodal.assembly import AmodalSignature, build_amodal_model, frame_rules, read_amodal_run
from medseg.amodal.completion.beliefs import MaskBeliefs, believe, most_probable_part
from medseg.amodal.completion.calibration import Calibration
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.objects.growth import attached, may_grow
from medseg.amodal.occlusion.batches import batch_of
from medseg.amodal.occlusion.frames import FrameRules, frame_of, from_frame
from medseg.training.checkpoint import BEST, load_weights
from medseg.training.device import device_of

VOXELS_AT_ONCE = 2**26
"""Batches are made smaller until their samples have no more voxels: 256 MiB."""

Status = Literal["complete", "completed", "left"]
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
    frame: FrameRules
    model: nn.Module
    calibration: Calibration = field(default_factory=Calibration)
    device: str = "cpu"
    mirror: bool = True

    @staticmethod
    def load(run: Path, stage: str | None = None) -> Completer:
        """The finished run, or the model as one of its stages left it.

        Raises Refused where the run has no weights, or broken ones, or is one of the other method.
        """
        config, signature = read_amodal_run(run), AmodalSignature.read(run)
        model = build_amodal_model(config, signature)
        model.load_state_dict(load_weights(run / (f"{stage}/{BEST}" if stage else "weights.pt")))
        device = device_of(config.training.accelerator)
        calibration, mirror = Calibration.read(run), config.data.mirror
        return Completer(signature, frame_rules(config), model.to(device).eval(), calibration, device, mirror)

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

        samples: N draws of each whole: a z, and of p(y|z) the voxels above one of ``Calibration.levels``, so that
        neighbours agree; all cut at 1/2, they would be too much alike. gap, anywhere: see ``may_grow``; growth ends
        with the crop, so that objects which may grow beyond it must be padded before. batch: so many objects at most
        go through the model at once.
        An object that nothing hides is complete as it is. One that is larger than its frame allows, or that looks
        like nothing seen in training (unless not ``abstain``), is left as it is: without samples, since nothing is
        known of its whole.
        """
        answers = [_at_once(thing, self.frame, samples) for thing in objects]
        asked = [number for number, answer in enumerate(answers) if answer is None]
        fitting = max(1, min(batch, VOXELS_AT_ONCE // (max(samples, 1) * math.prod(self.frame.size))))
        for start in range(0, len(asked), fitting):
            numbers = asked[start : start + fitting]
            things = [objects[number] for number in numbers]
            beliefs = self._believe(things, samples)
            for position, (number, thing) in enumerate(zip(numbers, things, strict=True)):
                answer = self._answer(thing, beliefs, position, may_grow(thing, gap, anywhere), gap)
                answers[number] = _left_if_strange(thing, answer) if abstain else answer
        return [answer for answer in answers if answer is not None]

    def volumes(self, things: Sequence[AmodalObject], samples: int, tried: Sequence[Calibration]) -> NDArray[np.int64]:
        """(B,N,M) voxels of the samples of some objects, under each of M calibrations; islands count too."""
        beliefs = self._believe(things, samples)
        levels = np.array([calibration.levels(samples) for calibration in tried])
        found = np.zeros((len(things), len(beliefs.samples), len(tried)), np.int64)
        for position, thing in enumerate(things):
            frame, allowed = frame_of(thing, self.frame), may_grow(thing)
            for number, grids in enumerate(beliefs.samples):
                grid = from_frame(grids[position, 0].float().cpu().numpy(), frame, thing.visible.shape)
                grown = np.sort(grid[allowed])
                found[position, number] = len(grown) - np.searchsorted(grown, levels[:, number])
            found[position] += np.count_nonzero(thing.visible)
        return found

    def _believe(self, things: Sequence[AmodalObject], samples: int) -> MaskBeliefs:
        shown = batch_of(things, self.frame)
        masks = {name: getattr(shown, name).to(self.device) for name in ("visible", "occluder", "whole", "class_index")}
        seed = zlib.crc32("\n".join(thing.name for thing in things).encode())
        generator = torch.Generator(self.device).manual_seed(seed)
        return believe(self.model, replace(shown, **masks), samples, generator, self.mirror)

    def _answer(
        self, thing: AmodalObject, beliefs: MaskBeliefs, position: int, allowed: NDArray[np.bool_], gap: int
    ) -> Answer:
        """Of one object of a batch, on its crop: grown only where it is allowed to, the visible part kept."""
        limit = self.calibration.energy_limit
        strangeness = float(beliefs.energy[position]) / limit if limit else math.nan
        frame = frame_of(thing, self.frame)

        def native(grid: torch.Tensor) -> NDArray[np.float32]:
            return from_frame(grid[0].float().cpu().numpy(), frame, thing.visible.shape)

        probs = np.where(thing.visible, np.float32(1), native(beliefs.probs[position]) * allowed)
        samples = np.zeros((len(beliefs.samples), *thing.visible.shape), bool)
        levels = self.calibration.levels(len(samples))
        for drawn, grids, level in zip(samples, beliefs.samples, levels, strict=True):
            drawn[:] = attached(thing.visible | ((native(grids[position]) >= level) & allowed), thing.visible, gap)
        whole = attached(thing.visible | most_probable_part(probs, allowed), thing.visible, gap)
        return Answer(
            Completion(name=thing.name, whole=whole, probs=probs, samples=samples, strangeness=strangeness), "completed"
        )


def _left_if_strange(thing: AmodalObject, answer: Answer) -> Answer:
    strangeness = answer.completion.strangeness
    if not strangeness > 1:
        return answer
    reason = f"looks like nothing seen in training (strangeness {strangeness:.1f}, limit 1)"
    return Answer(replace(_as_it_is(thing, 0), strangeness=strangeness), "left", reason)


def _at_once(thing: AmodalObject, rules: FrameRules, samples: int) -> Answer | None:
    """The answer where no model is needed: to an object that nothing hides, or that is too large for its frame."""
    if thing.complete:
        return Answer(_as_it_is(thing, samples), "complete")
    reduction = frame_of(thing, rules).reduction
    if reduction > rules.reduction:
        reason = f"{reduction:.1f} times larger than the frame allows, limit {rules.reduction:g}"
        return Answer(_as_it_is(thing, 0), "left", reason)
    return None


def _as_it_is(thing: AmodalObject, samples: int) -> Completion:
    drawn = np.broadcast_to(thing.visible, (samples, *thing.visible.shape))
    return Completion(
        name=thing.name,
        whole=thing.visible,
        probs=thing.visible.astype(np.float32),
        samples=drawn,
        strangeness=math.nan,
    )
