"""The pictures of a run of method two: reconstructions, synthetic and real completions with samples, traversals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medseg.amodal.assembly import simulated_objects, unoccluded_objects
from medseg.amodal.completion.completer import Answer, Completer
from medseg.amodal.config import AmodalConfig
from medseg.amodal.network.model import AmodalVAE
from medseg.amodal.nouns import AmodalObject, MaskBatch
from medseg.amodal.occlusion.batches import batch_of
from medseg.amodal.pictures.album import LEGEND, SEEN, pictures_of
from medseg.amodal.pictures.completions import (
    CompletionPanel,
    draw_completions,
    draw_reconstructions,
    draw_shapes,
    draw_traversals,
)
from medseg.amodal.pictures.traversals import STEPS, traversed
from medseg.amodal.scores import score_object
from medseg.contracts import ObjectCohort, Score
from medseg.reporting import MOST_CASES, draw_curves, score_frame, worst_first, write_album

WORST = ("occluded_iou", "amodal_iou")
"""By the first of these that is defined, the worst objects come first."""

ROWS = 10
"""Objects on a page of completions."""

SHAPES, CODES = 24, 200
"""Reconstructed shapes, and those whose codes are traversed, at most."""

DRAWN = {2: 12, 3: 2}
"""Shapes that each prior draws, by dimensions: one of a volume takes a prior by pixels half a minute."""


def draw_amodal_run(
    folder: Path,
    completer: Completer,
    cohort: ObjectCohort,
    config: AmodalConfig,
    *,
    objects: Sequence[AmodalObject],
    answers: Sequence[Answer],
    scores: Sequence[Score],
) -> None:
    """Write report/: a picture per stage, latent traversals, draws of a prior by pixels, the worst objects, curves.

    folder: holds metrics.jsonl. objects, answers, scores: the test objects of the evaluation; stage II is shown on
    validation objects.
    """
    report, rules = folder / "report", config.data.frame
    many = unoccluded_objects(cohort, "val", rules, CODES)
    chosen = many[:SHAPES]
    if chosen and isinstance(completer.model, AmodalVAE):
        batch = batch_of(chosen, rules)
        draw_reconstructions(report / "reconstructions.png", batch.amodal[:, 0].numpy(), _redrawn(completer, batch))
        if len(many) > 1:
            walks = traversed(completer.model, batch_of(many, rules))
            draw_traversals(report / "traversals.png", walks.probs, walks.names, STEPS)
        if completer.model.prior is not None:
            draw_shapes(
                report / "shapes.png", _drawn(completer.model, batch_of(chosen[: DRAWN[len(rules.size)]], rules))
            )
    occluded = simulated_objects(chosen, config)[:ROWS]
    if occluded:
        draw_completions(report / "synthetic.png", _panels(occluded, completer.answers(occluded, 4, abstain=False)))
    order = np.random.default_rng(0).permutation(len(objects))[:ROWS]
    draw_completions(report / "completions.png", _panels([objects[n] for n in order], [answers[n] for n in order]))
    draw_curves(folder)
    _write_worst(report, objects, answers, scores)


def _write_worst(
    report: Path, objects: Sequence[AmodalObject], answers: Sequence[Answer], scores: Sequence[Score]
) -> None:
    answered = {each.name: (each, answer.completion) for each, answer in zip(objects, answers, strict=True)}
    metric, names = worst_first(score_frame([score for score in scores if score.case in answered]), WORST)
    pictures = {name: pictures_of(*answered[name]) for name in names[:MOST_CASES]}
    write_album(report, pictures, (metric, names), columns=SEEN, legend=LEGEND)


def _panels(objects: Sequence[AmodalObject], answers: Sequence[Answer]) -> list[CompletionPanel]:
    return [_panel(amodal_object, answer) for amodal_object, answer in zip(objects, answers, strict=True)]


def _panel(amodal_object: AmodalObject, answer: Answer) -> CompletionPanel:
    said = answer.completion
    scores = {score.metric: score.value for score in score_object(amodal_object, said)}
    return CompletionPanel(
        name=amodal_object.name,
        visible=amodal_object.visible,
        occluder=amodal_object.occluder,
        amodal=amodal_object.amodal,
        answer=said.amodal,
        probs=said.probs,
        samples=said.samples,
        amodal_iou=scores["amodal_iou"],
        occluded_iou=scores["occluded_iou"],
        spacing=amodal_object.spacing_mm or (1.0,) * amodal_object.visible.ndim,
    )


@torch.no_grad()
def _redrawn(completer: Completer, batch: MaskBatch) -> NDArray[np.float32]:
    """(N,S...) probs: D at the mean of q1."""
    model = completer.model
    assert isinstance(model, AmodalVAE)
    latent = model.complete(batch.amodal, batch.class_index)
    return model.decoder(latent.mean(), batch.class_index).sigmoid()[:, 0].numpy()


@torch.no_grad()
def _drawn(model: AmodalVAE, batch: MaskBatch) -> Mapping[str, NDArray[np.float32]]:
    """Whose -> (N,s...) shapes in cells: those of objects, and for their classes what each prior draws."""
    prior, generator = model.prior, torch.Generator().manual_seed(0)
    assert prior is not None
    code = model.complete(batch.amodal, batch.class_index).mean().redrawn(generator)
    rows = {
        "objects": prior.shapes(batch.amodal),
        "z ~ N(0, I)": prior.shapes(model.decoder(code, batch.class_index).sigmoid()),
        "by pixels": prior.sample(batch.class_index, generator),
    }
    return {name: shapes[:, 0].numpy() for name, shapes in rows.items()}
