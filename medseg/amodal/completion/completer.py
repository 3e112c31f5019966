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
from medseg.amodal.completion.beliefs import MaskBeliefs, believe, believe_hidden
from medseg.amodal.completion.calibration import Calibration
from medseg.amodal.completion.conformal import LEVELS, group_of
from medseg.amodal.completion.decision import best_part, connection
from medseg.amodal.completion.fronts import NOBODY, Fronts
from medseg.amodal.completion.room import Room
from medseg.amodal.nouns import AmodalObject, Completion, MaskBatch
from medseg.amodal.objects.pieces import joined
from medseg.amodal.occlusion.batches import batch_of
from medseg.amodal.occlusion.frames import frame_of
from medseg.amodal.occlusion.sections import FrameConfig
from medseg.contracts import watched
from medseg.training import BEST, device_of, load_model

VOXELS_AT_ONCE = 2**26
"""Batches are made smaller until their samples have no more voxels: 256 MiB."""

Status = Literal["unoccluded", "completed", "left"]
"""Nothing hides the object; the model completed it; it was left as it is, for a reason."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A completion, and how it came about."""

    completion: Completion
    """What is said of the object."""
    status: Status
    """What was done with it."""
    reason: str = ""
    """Why it was left as it is, else ""."""


@dataclass(frozen=True, kw_only=True)
class Completer:
    """A trained run: objects -> answers."""

    signature: AmodalSignature
    """What it was built for."""
    frame: FrameConfig
    """How objects are shown to it."""
    model: nn.Module
    """Its weights."""
    calibration: Calibration = field(default_factory=Calibration)
    """How its samples are cut, and when it abstains."""
    device: str = "cpu"
    """Where it computes."""
    mirror: bool = True
    """The answer is the mean over mirror images, see ``believe``."""
    nats: bool = False
    """Novelty is judged by the nats of the completed shape, not by the visible misfit (``prior.novelty``)."""

    @staticmethod
    def load(run: Path, stage: str | None = None) -> Completer:
        """The finished run, or the model as one of its stages left it; each with its own calibration, if it has one.

        Raises Refused where the run has no weights, or broken ones, or is one of the other method.
        """
        config, signature = read_amodal_run(run), AmodalSignature.read(run)
        model = build_amodal_model(config, signature)
        load_model(model, run / (f"{stage}/{BEST}" if stage else "weights.pt"))
        device = device_of(config.training.accelerator)
        quick = torch.channels_last if signature.spatial_dims == 2 else torch.channels_last_3d
        return Completer(
            signature=signature,
            frame=config.data.frame,
            model=model.to(device).to(memory_format=quick).eval(),  # pyright: ignore[reportCallIssue]
            calibration=Calibration.read(run / stage if stage else run),
            device=device,
            mirror=config.data.mirror,
            nats=config.prior.novelty == "nats",
        )

    def answers(
        self,
        objects: Sequence[AmodalObject],
        samples: int,
        *,
        gap: int = 0,
        anywhere: bool = False,
        batch: int = 32,
        abstain: bool = True,
        fronts: Sequence[Fronts] = (),
    ) -> list[Answer]:
        """One per object, on the object's crop; the same call gives the same answers.

        samples: N draws of each amodal mask: a z, and of p(y|z) the voxels above one of ``Calibration.levels``, so that
        neighbours agree; all cut at 1/2, they would be too much alike. gap, anywhere: see ``may_grow``; growth ends
        with the crop, so that objects which may grow beyond it must be padded before. batch: so many objects at most
        go through the model at once. fronts: one per object, who hides it by what the others of its map say; without
        them nobody else is heard.
        An object that nothing hides stays as it is. One that is larger than its frame allows, or that looks like
        nothing seen in training (unless not ``abstain``), is left as it is, without samples.
        """
        answers = [_without_model(amodal_object, self.frame, samples) for amodal_object in objects]
        asked = [number for number, answer in enumerate(answers) if answer is None]
        at_once = max(1, min(batch, VOXELS_AT_ONCE // (max(samples, 1) * math.prod(self.frame.size))))
        for start in watched(range(0, len(asked), at_once), "completing objects", -(-len(asked) // at_once)):
            numbers = asked[start : start + at_once]
            beliefs = self._believe([objects[number] for number in numbers], samples)
            for position, number in enumerate(numbers):
                room = Room.around(objects[number], self.frame, gap, anywhere)
                heard = fronts[number] if fronts else NOBODY
                answer = self._answer(room, beliefs, position, fronts=heard, many=samples)
                answers[number] = _left_if_novel(objects[number], answer) if abstain else answer
        return [answer for answer in answers if answer is not None]

    def volumes(self, objects: Sequence[AmodalObject], samples: int, tried: Sequence[Calibration]) -> NDArray[np.int64]:
        """(B,N,K) voxels of the samples of some objects, under each of K calibrations; islands count too."""
        beliefs = self._believe(objects, samples)
        levels, draws = np.array([calibration.levels(samples) for calibration in tried]), len(beliefs.samples)
        found = np.zeros((len(objects), samples if draws else 0, len(tried)), np.int64)
        for position, amodal_object in enumerate(objects):
            room = Room.around(amodal_object, self.frame)
            seen = np.count_nonzero(amodal_object.visible)
            for draw, probs in enumerate(room.at_allowed(beliefs.samples[:, position]).T):
                above = len(probs) - np.searchsorted(np.sort(probs), levels[:, draw::draws])
                found[position, draw::draws] = seen + above.T
        return found

    def hidden(self, objects: Sequence[AmodalObject], batch: int = 32) -> NDArray[np.float64]:
        """(2,B) the probability that anything of each object is hidden, by itself, and by how many voxels of its map it
        is expected to grow; nan where the model does not say."""
        portions = [objects[start : start + batch] for start in range(0, len(objects), batch)]
        found = [torch.stack(believe_hidden(self.model, self._shown(some))).double().cpu() for some in portions]
        sizes = np.array([[1.0] * len(objects), [frame_of(one, self.frame).voxels for one in objects]])
        return torch.cat(found, dim=1).numpy() * sizes if found else sizes

    def connected(self, objects: Sequence[AmodalObject], pairs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """(P,) the probability that two pieces, completed as one object, are found to be connected."""
        found = []
        whole = [joined([objects[a], objects[b]], [(0, 1)])[0] for a, b in pairs]
        for (a, b), one, answer in zip(pairs, whole, self.answers(whole, 0, abstain=False), strict=True):
            places = [np.argwhere(piece.visible)[0] + piece.corner - one.corner for piece in (objects[a], objects[b])]
            found.append(connection(answer.completion.probs, one.visible, np.stack(places)))
        return np.array(found)

    def _shown(self, objects: Sequence[AmodalObject]) -> MaskBatch:
        """Objects in their frames, where the model computes."""
        shown = batch_of(objects, self.frame)
        return MaskBatch(**{name: values.to(self.device) for name, values in vars(shown).items()})

    def _believe(self, objects: Sequence[AmodalObject], samples: int) -> MaskBeliefs:
        """What the model makes of these objects together, drawn from a seed that is a function of their names."""
        seed = zlib.crc32("\n".join(amodal_object.name for amodal_object in objects).encode())
        generator = torch.Generator(self.device).manual_seed(seed)
        shown = self._shown(objects)
        return believe(self.model, shown, samples, generator=generator, mirror=self.mirror, nats=self.nats)

    def _answer(self, room: Room, beliefs: MaskBeliefs, position: int, *, fronts: Fronts, many: int) -> Answer:
        """Of the object at a position of a batch, on its crop, with so many samples."""
        limit, visible = self.calibration.misfit_limit, room.shown.visible
        factors = fronts.factors(room.shown, room.allowed)
        likely = np.minimum(room.at_allowed(beliefs.probs[position][None])[:, 0] * factors, 1)
        wanted = np.zeros_like(visible)
        hidden = fronts.hidden(float(beliefs.hidden[position]))
        wanted[room.allowed] = best_part(likely, int(np.count_nonzero(visible)), hidden)
        samples = room.samples(beliefs.samples[:, position], self.calibration.levels(many), factors)
        volumes = np.count_nonzero(samples, axis=tuple(range(1, samples.ndim)))
        group = group_of(visible, volumes, hidden if fronts.agreed else None) if len(volumes) else ""
        said = Completion(
            name=room.shown.name,
            amodal=room.grown(wanted[None])[0],
            probs=room.probs(likely),
            samples=samples,
            novelty=float(beliefs.unlike[position]) / limit if limit else math.nan,
            intervals=self.calibration.intervals(group, volumes, int(np.count_nonzero(visible)), hidden),
            group=group,
        )
        return Answer(completion=said, status="completed")


def _left_if_novel(amodal_object: AmodalObject, answer: Answer) -> Answer:
    """The answer, or where the object looks like nothing seen in training the object as it is."""
    novelty = answer.completion.novelty
    if not novelty > 1:  # nan: not known
        return answer
    reason = f"looks like nothing seen in training (novelty {novelty:.1f}, limit 1)"
    return Answer(completion=replace(_as_it_is(amodal_object, 0), novelty=novelty), status="left", reason=reason)


def _without_model(amodal_object: AmodalObject, config: FrameConfig, samples: int) -> Answer | None:
    """The answer where no model is needed: to an object that nothing hides, or that is too large for its frame."""
    if amodal_object.unoccluded:
        return Answer(completion=_as_it_is(amodal_object, samples), status="unoccluded")
    reduction = frame_of(amodal_object, config).reduction
    if reduction > config.reduction:
        reason = f"{reduction:.1f} times larger than the frame allows, limit {config.reduction:g}"
        return Answer(completion=_as_it_is(amodal_object, 0), status="left", reason=reason)
    return None


def _as_it_is(amodal_object: AmodalObject, samples: int) -> Completion:
    seen = float(np.count_nonzero(amodal_object.visible))
    drawn = np.broadcast_to(amodal_object.visible, (samples, *amodal_object.visible.shape))
    return Completion(
        name=amodal_object.name,
        amodal=amodal_object.visible,
        probs=amodal_object.visible.astype(np.float32),
        samples=drawn,
        novelty=math.nan,
        intervals=((seen, seen),) * len(LEVELS) if samples else (),
    )
