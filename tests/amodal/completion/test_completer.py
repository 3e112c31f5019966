"""Visible voxels are kept, growth ends where it must, and what is novel or too large is left alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from medseg.amodal.completion import completer as module
from medseg.amodal.completion.beliefs import MaskBeliefs
from medseg.amodal.completion.calibration import Calibration
from medseg.amodal.completion.completer import Completer
from medseg.amodal.network.layout import Layout
from medseg.amodal.network.model import AmodalVAE
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.occlusion.sections import FrameConfig

from .conftest import Known, completer, crossed


def trained_nowhere(frame: FrameConfig) -> Completer:
    """A real model with its first weights."""
    torch.manual_seed(0)
    model = AmodalVAE(Layout(size=frame.size, classes=2, channels=(8, 8), patch=2, coarse=4, fine=2))
    return replace(completer(), frame=frame, model=model.eval(), calibration=Calibration(shift=3.0))


def completions(judge: Completer, objects: Sequence[AmodalObject], samples: int, **growth: object) -> list[Completion]:
    """The answers, without how they came about."""
    answers = judge.answers(objects, samples, **growth)  # type: ignore[arg-type]
    return [answer.completion for answer in answers]


def test_the_answer_is_the_visible_part_and_all_of_the_occluder(known: Known):
    amodal_object = crossed()
    (answer,) = completer().answers([amodal_object], samples=3)
    assert answer.status == "completed" and answer.reason == ""
    found = answer.completion
    assert (found.amodal == (amodal_object.visible | amodal_object.occluder)).all()
    assert found.samples.shape == (3, 9, 16) and (found.samples == found.amodal).all()
    assert (found.probs[amodal_object.visible] == 1).all() and (found.probs[~found.amodal] == 0).all()
    np.testing.assert_allclose(found.probs[:, 10:14], 0.9, atol=1e-6)


def test_the_visible_part_is_kept_whatever_the_model_says(known: Known):
    known.prob, known.shares = 0.0, lambda samples: [0.0] * samples
    (found,) = completions(completer(), [crossed()], samples=2)
    assert (found.amodal == crossed().visible).all() and (found.samples == crossed().visible).all()


def test_growth_is_not_restricted_anywhere_nor_where_the_occluder_is_unknown(known: Known):
    (anywhere,) = completions(completer(), [crossed()], 1, anywhere=True)
    (unknown,) = completions(completer(), [crossed(occluder=False)], 1)
    assert anywhere.amodal.all() and unknown.amodal.all() and anywhere.samples.all()


def test_a_gap_is_bridged(known: Known):
    amodal_object = crossed()
    sloppy = replace(amodal_object, visible=amodal_object.visible & (np.arange(16) < 8))  # columns 8 and 9 are the seam
    (apart,) = completions(completer(), [sloppy], 0)
    (joined,) = completions(completer(), [sloppy], 0, gap=2)
    assert not apart.amodal[:, 8:10].any() and joined.amodal[3:6, 2:14].all()
    assert not joined.amodal[0, :10].any()  # three rows away from the visible part


def test_samples_fill_what_they_say_and_no_more(known: Known):
    known.shares = lambda samples: [0.0, 0.5, 1.0]
    amodal_object = crossed()  # the frame's middle, column 15.5 of 32, lies on the middle of columns 2..9: 5.5
    (found,) = completions(completer(), [amodal_object], 3, anywhere=True)
    assert (found.samples[0] == amodal_object.visible).all() and found.samples[2].all()
    assert found.samples[1][0].tolist() == [column <= 5 for column in range(16)]


def test_an_object_that_nothing_hides_is_its_own_completion(known: Known):
    amodal_object = replace(crossed(), unoccluded=True)
    (answer,) = completer().answers([amodal_object], samples=4)
    assert answer.status == "unoccluded" and answer.reason == "" and known.batches == []
    assert (answer.completion.amodal == amodal_object.visible).all()
    assert answer.completion.samples.shape == (4, 9, 16) and (answer.completion.samples == amodal_object.visible).all()
    assert math.isnan(answer.completion.novelty)


def test_what_looks_like_nothing_seen_in_training_is_left(known: Known):
    known.visible_misfit = lambda number: 0.45
    judge = replace(completer(), calibration=Calibration(misfit_limit=0.25))
    (answer,) = judge.answers([crossed()], samples=4)
    assert answer.status == "left"
    assert answer.reason == "looks like nothing seen in training (novelty 1.8, limit 1)"
    assert (answer.completion.amodal == crossed().visible).all() and len(answer.completion.samples) == 0
    assert answer.completion.novelty == pytest.approx(1.8)
    (judged,) = judge.answers([crossed()], samples=4, abstain=False)
    assert judged.status == "completed" and judged.completion.novelty == pytest.approx(1.8)
    known.visible_misfit = lambda number: 0.25
    assert judge.answers([crossed()], 4)[0].status == "completed"


def test_what_is_larger_than_the_frame_allows_is_left(known: Known):
    small = completer(size=4)  # 8 columns, a margin of 1.25: 10 pixels in 4
    assert small.answers([crossed()], 1)[0].reason == "2.5 times larger than the frame allows, limit 2"
    assert known.batches == []
    assert completer(size=6).answers([crossed()], 1)[0].status == "completed"


def test_batches_keep_the_order_of_the_objects(known: Known):
    objects = [replace(crossed(name=f"c/rod-{n}"), unoccluded=n % 3 == 0) for n in range(7)]
    answers = completer().answers(objects, 1, batch=2)
    assert [answer.completion.name for answer in answers] == [amodal_object.name for amodal_object in objects]
    assert [answer.status for answer in answers] == ["unoccluded" if n % 3 == 0 else "completed" for n in range(7)]
    assert known.batches == [2, 2]


def test_a_real_model_gives_the_same_answer_twice():
    amodal_object = crossed()
    judge = trained_nowhere(FrameConfig(size=(16, 16)))
    first, second = (completions(judge, [amodal_object], 40)[0] for _ in range(2))
    assert (first.samples == second.samples).all() and (first.probs == second.probs).all()
    assert not (first.amodal & ~(amodal_object.visible | amodal_object.occluder)).any()
    assert first.amodal[amodal_object.visible].all() and first.samples[:, amodal_object.visible].all()
    other = completions(judge, [replace(amodal_object, name="c/rod-2")], 40)[0]
    assert (other.probs == first.probs).all() and (other.samples != first.samples).any()


def test_a_voxel_belongs_to_as_many_samples_as_its_probability_says(known: Known, monkeypatch: pytest.MonkeyPatch):
    def in_doubt(*asked: object, **rest: object) -> MaskBeliefs:
        said = known(*asked, **rest)  # type: ignore[arg-type]
        return replace(said, samples=torch.full_like(said.samples, 0.3))

    monkeypatch.setattr(module, "believe", in_doubt)
    amodal_object = crossed()
    samples = completions(completer(), [amodal_object], 100)[0].samples
    occluded = samples[:, amodal_object.amodal & ~amodal_object.visible]
    assert occluded.all(1).sum() == 30 and occluded.any(1).sum() == 30  # all of them in 30 draws, none in the others
    assert occluded[:10].all(1).sum() == 3  # the first ten, which some figures look at, are spread as evenly


def test_many_samples_go_through_in_small_batches(known: Known, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "VOXELS_AT_ONCE", 32 * 32 * 6)
    assert len(completions(completer(), [crossed()] * 5, samples=3)) == 5
    assert known.batches == [2, 2, 1]
