"""What a student learns of cases without labels: sums by hand, and a teacher that nothing moves."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.confusion import GlobalConfusion
from medseg.annotators.mathematics.model import AnnotatorModel, TrueLabelNetwork
from medseg.annotators.mathematics.objective import cross_entropy
from medseg.annotators.mathematics.settings import NetworkConfig, UnlabelledConfig
from medseg.annotators.mathematics.students import teaching_of
from medseg.annotators.mathematics.unlabelled import (
    Agreement,
    PartlyLabelled,
    PseudoLabels,
    laid,
    moved,
    weighted_cross_entropy,
)
from medseg.annotators.nouns import ImageBatch, PartlyLabelledBatch, UnlabelledImages
from medseg.contracts import Losses

USES = ("student", "uncertain", "mean_teacher", "weighted")


def model(dims: int = 2) -> AnnotatorModel:
    torch.manual_seed(0)
    config = NetworkConfig(channels=(4, 8), features=4, residual_units=1, dropout=0.2)
    return AnnotatorModel(TrueLabelNetwork(config, 1, 2, size=(8,) * dims), 2, GlobalConfusion(2, 2)).with_teacher()


def batch(sources: Tensor | None = None, dims: int = 2) -> PartlyLabelledBatch:
    generator, space = torch.Generator().manual_seed(1), (8,) * dims

    def labelled(first: int) -> ImageBatch:
        image = torch.randn(2, 1, *space, generator=generator)
        labels = torch.randint(0, 2, (2, 2, *space), generator=generator)
        return ImageBatch(image=image, labels=labels, case_index=torch.arange(first, first + 2))

    seen = torch.randn(3, 1, *space, generator=generator)
    unlabelled = UnlabelledImages(
        image=seen,
        teacher_image=seen.clone(),
        sources=sources,
        inside=torch.ones(3, *space, dtype=torch.bool),
        case_index=torch.arange(4, 7),
    )
    return PartlyLabelledBatch(**vars(labelled(0)), unlabelled=unlabelled, held_out=labelled(2))


def test_the_loss_is_a_mean_weighed_voxel_by_voxel() -> None:
    """Voxels of -log .5 and -log .25, the second with three times the weight; the third does not count."""
    log_probs = torch.tensor([[[0.5, 0.75, 0.1], [0.5, 0.25, 0.9]]]).log()
    target = torch.tensor([[[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]])
    found = weighted_cross_entropy(log_probs, target, torch.tensor([[1.0, 3.0, 0.0]]))
    assert found.item() == pytest.approx((math.log(2) + 3 * math.log(4)) / 4)
    assert weighted_cross_entropy(log_probs, target, torch.zeros(1, 3)).item() == 0.0


def test_a_student_that_says_what_its_teacher_says_loses_the_entropy() -> None:
    network, shown = model().eval(), batch()
    probs = network(shown.unlabelled.image).log_probs.exp()
    losses = PseudoLabels()(network, shown)
    torch.testing.assert_close(losses.total, torch.special.entr(probs).sum(dim=1).mean())
    assert losses.metrics["taught"].item() == 1.0
    confident = PseudoLabels(confidence=0.6)(network, shown)
    torch.testing.assert_close(confident.metrics["taught"], (probs.amax(dim=1) >= 0.6).float().mean())
    assert 0 < confident.metrics["taught"] < 1 and confident.total < losses.total


def test_the_mean_teacher_is_agreed_with_in_squares() -> None:
    network, shown = model().eval(), batch()
    assert Agreement()(network, shown).total.item() < 1e-10
    with torch.no_grad():
        for parameter in network.network.parameters():
            parameter.add_(0.1)
    student, teacher = (each(shown.unlabelled.image).log_probs.exp() for each in (network.network, network.teacher))  # pyright: ignore
    torch.testing.assert_close(Agreement()(network, shown).total, 2 * (student - teacher)[:, 1].square().mean())


def test_the_teacher_s_word_is_laid_where_the_student_sees_it() -> None:
    """Mirrored along the last axis, and shifted by two voxels: what comes from outside has no probability."""
    places = torch.linspace(-1, 1, 8)
    rows, columns = torch.meshgrid(places, places, indexing="ij")
    mirrored = torch.stack([-columns, rows], dim=-1).expand(3, 8, 8, 2)
    probs = torch.rand(3, 2, 8, 8).softmax(dim=1)
    torch.testing.assert_close(moved(probs, mirrored), probs.flip(3))
    shifted = torch.stack([columns + 2 * 2 / 7, rows], dim=-1).expand(3, 8, 8, 2)
    images = batch(shifted).unlabelled
    found = laid(probs, images)
    torch.testing.assert_close(found[..., :6], probs[..., 2:], atol=1e-5, rtol=1e-5)
    assert found[..., 6:].abs().max() < 1e-5


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("use", USES)
def test_students_move_and_teachers_do_not(use: str, dims: int) -> None:
    sources = torch.rand(3, *(8,) * dims, dims) * 2 - 1
    network, shown = model(dims).train(), batch(sources, dims)
    assert network.teacher is not None
    network.teacher.eval()
    before = {name: tensor.clone() for name, tensor in network.teacher.state_dict().items()}
    config = UnlabelledConfig.model_validate({"use": use, "passes": 2})
    objective = PartlyLabelled(cross_entropy, teaching_of(config, 9), weight=1.0, rampup_epochs=0.0)
    losses = objective(network, shown, epoch=1.0)
    losses.total.backward()
    assert all(parameter.grad is None for parameter in network.teacher.parameters())
    assert network.network.to_classes.weight.grad is not None
    torch.testing.assert_close(dict(network.teacher.state_dict()), before, rtol=0, atol=0)
    assert not any(module.training for module in network.teacher.modules())
    assert all(module.training for module in network.network.modules())
    assert all(not value.requires_grad for value in losses.metrics.values())


def test_what_is_taught_counts_by_its_weight_as_it_rises_and_not_at_all_in_validation() -> None:
    def teaching(_: AnnotatorModel, shown: PartlyLabelledBatch) -> Losses:
        return Losses(total=torch.tensor(10.0), metrics={"unlabelled": torch.tensor(10.0)})

    network, shown = model().eval(), batch()
    own = cross_entropy(network, shown)
    objective = PartlyLabelled(cross_entropy, teaching, weight=0.5, rampup_epochs=4.0)
    halfway = objective(network, shown, epoch=2.0)
    torch.testing.assert_close(halfway.total, own.total + 5 * math.exp(-5 / 4))
    torch.testing.assert_close(halfway.metrics["loss"], own.total.detach())
    torch.testing.assert_close(objective(network, shown, epoch=4.0).total, own.total + 5)
    alone = ImageBatch(image=shown.image, labels=shown.labels, case_index=shown.case_index)
    seen = objective(network, alone)
    torch.testing.assert_close(seen.total, own.total)
    assert "unlabelled" not in seen.metrics


def test_what_is_not_inside_teaches_nothing() -> None:
    network, shown = model().eval(), batch()
    shown.unlabelled.inside[:, 2:] = False
    found = PseudoLabels()(network, shown).total
    probs = network(shown.unlabelled.image).log_probs.exp()[:, :, :2]
    torch.testing.assert_close(found, torch.special.entr(probs).sum(dim=1).mean())


def test_a_network_without_a_teacher_has_no_weights_of_one() -> None:
    plain = AnnotatorModel(model().network, 2, GlobalConfusion(2, 2))
    assert not [name for name in plain.state_dict() if name.startswith("teacher")]
    assert isinstance(plain.with_teacher().teacher, nn.Module)
    assert {name for name in plain.state_dict() if name.startswith("teacher")}
