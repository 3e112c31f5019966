"""Unlabelled cases beside labelled ones: views that fit one another, and cases that stay where they belong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import grid_sample

from medseg.annotators.loading.augmentation import STRONG, Augmentation
from medseg.annotators.loading.grid import Grid
from medseg.annotators.loading.partly_labelled import PartlyLabelledSource
from medseg.annotators.loading.source import CohortSource
from medseg.annotators.nouns import PartlyLabelledBatch
from medseg.contracts import UNLABELLED, Case, ClassLabel, Cohort, Refused, Split, Volume
from medseg.images.files import write_labels, write_map

PLAIN = Augmentation()
WARPED = Augmentation.model_validate({kind: {"probability": 1.0} for kind in ("rotation", "scaling", "elastic")})
STEPS = 2


def cohort_in(root: Path, shape: tuple[int, ...]) -> Cohort:
    """Four training cases and one to validate with, of ann; three of nobody, one of them to test on."""
    rng = np.random.default_rng(0)
    dims, suffix = len(shape), ".png" if len(shape) == 2 else ".nii.gz"

    def write(place: str, array: np.ndarray) -> Path:
        path, volume = root / f"{place}{suffix}", Volume(array=array, affine=np.eye(4), spacing_mm=(1.0,) * dims)
        (write_labels if dims == 2 or "masks" in place else write_map)(path, volume)
        return path

    def case(name: str, split: Split, labelled: bool) -> Case:
        image = write(f"images/{name}", rng.integers(0, 200, shape).astype(np.uint8 if dims == 2 else np.float32))
        mask = np.zeros(shape, np.uint8)
        mask[2:6, 2:6] = 1
        masks = {"ann": write(f"masks/{name}", mask)} if labelled else {}
        return Case(name=name, patient=name, split=split, images=(image,), annotations=masks)

    return Cohort(
        root=root,
        name="toy",
        classes=(ClassLabel(name="background", value=0), ClassLabel(name="object", value=1)),
        channels=("grey",),
        spatial_dims=dims,
        annotators=("ann",),
        cases=(
            *(case(f"c{number}", "train", True) for number in range(4)),
            case("v0", "val", True),
            *(case(f"u{number}", "train", False) for number in range(2)),
            case("u2", "test", False),
        ),
    )


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return cohort_in(tmp_path, (12, 16))


def settings(size: tuple[int, ...] = (16, 16), mode: str = "resize") -> dict[str, Any]:
    grid = Grid.model_validate({"mode": mode, "size": size})
    return {"grid": grid, "augmentation": PLAIN, "seed": 7, "batch_size": 2, "steps_per_epoch": STEPS}


def source(cohort: Cohort, student: Augmentation = PLAIN, **changed: Any) -> PartlyLabelledSource:
    given: Mapping[str, Any] = {"per_labelled": 2, "student_augmentation": student, **settings(), **changed}
    return PartlyLabelledSource(cohort, cohort.annotators, **given)


def batch(made: PartlyLabelledSource, step: int = 0, rank: int = 0, world: int = 1) -> PartlyLabelledBatch:
    found = made.batch("annotated+unlabelled", 0, step, rank, world)
    assert isinstance(found, PartlyLabelledBatch)
    return found


def test_the_labelled_part_is_what_it_would_be_alone(cohort: Cohort) -> None:
    alone = CohortSource(cohort, cohort.annotators, **settings())
    for step in range(4):
        both, expected = batch(source(cohort, STRONG), step), alone.batch("annotated", 0, step)
        torch.testing.assert_close({key: vars(both)[key] for key in vars(expected)}, vars(expected))
    assert not isinstance(source(cohort).batch("annotated", 0, 0), PartlyLabelledBatch)
    kept = [each.case_index.tolist() for each in source(cohort).validation("annotated+unlabelled")]
    assert kept == [[4]]


def test_unlabelled_training_cases_are_shown_in_turn_and_no_others(cohort: Cohort) -> None:
    made = source(cohort)
    shown = [batch(made, step).unlabelled for step in range(3)]
    assert [each.image.shape for each in shown] == [(4, 1, 16, 16)] * 3
    assert [sorted(each.case_index.tolist()) for each in shown] == [[5, 5, 6, 6]] * 3
    assert made.kept == [*cohort.cases[:7]]


def test_ranks_share_a_batch_and_it_is_a_function_of_its_step(cohort: Cohort) -> None:
    whole = batch(source(cohort, STRONG), 3).unlabelled
    halves = [batch(source(cohort, STRONG), 3, rank, 2).unlabelled for rank in (0, 1)]
    for name in ("image", "teacher_image", "inside", "case_index"):
        shared = torch.stack([getattr(half, name) for half in halves], dim=1).flatten(0, 1)
        torch.testing.assert_close(shared, getattr(whole, name))


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 8)])
def test_the_student_s_image_is_the_teacher_s_at_its_sources(tmp_path: Path, shape: tuple[int, ...]) -> None:
    made = source(cohort_in(tmp_path, shape), WARPED.model_copy(update={"flip_axes": (0,)}), **settings(shape))
    seen = batch(made).unlabelled
    assert seen.sources is not None and seen.sources.shape == (4, *shape, len(shape))
    found = grid_sample(seen.teacher_image, seen.sources, align_corners=True)
    torch.testing.assert_close(found, seen.image, atol=1e-4, rtol=1e-4)
    assert not torch.equal(seen.teacher_image, seen.image) and 0.3 < seen.inside.float().mean() < 1
    inside = (seen.sources.abs() <= 1).all(dim=-1)
    assert (inside == seen.inside).float().mean() > 0.9


def test_padding_is_not_inside_and_appearance_moves_nothing(cohort: Cohort) -> None:
    noisy = Augmentation.model_validate({"white_noise": {"probability": 1.0}})
    seen = batch(source(cohort, noisy)).unlabelled
    assert seen.sources is None and not torch.equal(seen.image, seen.teacher_image)
    expected = torch.zeros(16, 16, dtype=torch.bool)
    expected[2:14] = True
    assert all(torch.equal(each, expected) for each in seen.inside)


def test_patches_of_unlabelled_volumes_lie_anywhere(tmp_path: Path) -> None:
    made = source(cohort_in(tmp_path, (16, 16, 8)), **settings((8, 8, 8), "patch"))
    made.load(["annotated+unlabelled"])
    seen = torch.cat([batch(made, step).unlabelled.image for step in range(3)])
    assert seen.shape == (12, 1, 8, 8, 8) and len({each.sum().item() for each in seen}) > 4


def test_who_is_held_out_is_trained_on_nowhere(cohort: Cohort) -> None:
    made = source(cohort, held_out=0.3)
    assert len(made.held_out) == 1 and len(made.train) == 3
    name = made.index[made.held_out[0].name]
    made.load(["annotated", "annotated+unlabelled"])
    for step in range(6):
        both = batch(made, step)
        assert name not in [*both.case_index.tolist(), *made.batch("annotated", 0, step).case_index.tolist()]
        assert both.held_out is not None and both.held_out.case_index.tolist() == [name, name]
        assert (both.held_out.labels != UNLABELLED).any()
    assert batch(source(cohort)).held_out is None


def test_what_is_missing_is_said_at_once(cohort: Cohort) -> None:
    few = replace(cohort, cases=(cohort.cases[0], cohort.cases[4]))
    with pytest.raises(Refused) as caught:
        source(few, held_out=0.3)
    assert caught.value.complaints == (
        "cases without labels: expected at least one in the train split (or data.labelled_share below 1), "
        "as unlabelled.use asks, got none (toy)",
        "training cases with labels: expected at least two, of which unlabelled.held_out takes one, got 1 (toy)",
    )
