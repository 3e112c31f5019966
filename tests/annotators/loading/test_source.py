"""Batches are pure functions of their arguments; targets show what they promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from medseg.annotators.assembly import Signature, build_annotator_model, build_stages
from medseg.annotators.config import RunConfig
from medseg.annotators.loading import memory, samples
from medseg.annotators.loading.augmentation import Augmentation
from medseg.annotators.loading.grid import Grid
from medseg.annotators.loading.memory import bytes_on_grid, refuse_too_large
from medseg.annotators.loading.source import CohortSource
from medseg.annotators.sources import build_source
from medseg.cohorts import OnDisk, Store
from medseg.contracts import UNLABELLED, Case, ClassLabel, Cohort, Refused, Volume
from medseg.images.files import write_labels

GRID = Grid(mode="resize", size=(16, 16))
AUGMENTATION = Augmentation(flip_axes=(0, 1), rotate90=True, intensity=0.1, noise=0.1)


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    """Five cases of 12 x 16, three annotators; ann sees all, bob all but c0, cat only c1; value 255 is class 1."""
    rng = np.random.default_rng(0)
    cases = []
    for number in range(5):
        name = f"c{number}"

        def write(folder: str, array: np.ndarray, name: str = name) -> Path:
            path = tmp_path / folder / f"{name}.png"
            write_labels(path, Volume(array=array.astype(np.uint8), affine=np.eye(4), spacing_mm=None))
            return path

        mask = np.zeros((12, 16))
        mask[3:9, 4:12] = 255
        image = write("images", mask / 2 + rng.integers(0, 50, mask.shape))
        masks = {"ann": write("ann", mask)}
        if number > 0:
            masks["bob"] = write("bob", np.roll(mask, 1))
        if number == 1:
            masks["cat"] = write("cat", np.zeros_like(mask))
        split = "train" if number < 4 else "val"
        cases.append(
            Case(name=name, patient=name, split=split, images=(image,), annotations=masks, truth=write("truth", mask))
        )
    classes = (ClassLabel(name="background", value=0), ClassLabel(name="object", value=255))
    return Cohort(
        root=tmp_path,
        name="toy",
        classes=classes,
        channels=("grey",),
        spatial_dims=2,
        annotators=("ann", "bob", "cat"),
        crowd=(),
        cases=tuple(cases),
    )


def source(
    cohort: Cohort,
    labels_per_image: int | None = None,
    augmentation: Augmentation = AUGMENTATION,
    grid: Grid = GRID,
    batch_size: int = 4,
    store: Store | None = None,
) -> CohortSource:
    return CohortSource(
        cohort,
        cohort.annotators,
        grid=grid,
        augmentation=augmentation,
        seed=7,
        batch_size=batch_size,
        steps_per_epoch=2,
        labels_per_image=labels_per_image,
        store=store,
    )


def test_a_batch_is_a_function_of_epoch_and_step(cohort: Cohort) -> None:
    one, other = source(cohort), source(cohort)
    other.batch("annotated", 3, 0)  # what was asked for before does not matter
    torch.testing.assert_close(vars(one.batch("annotated", 5, 0)), vars(other.batch("annotated", 5, 0)))
    assert not torch.equal(one.batch("annotated", 5, 0).image, one.batch("annotated", 6, 0).image)


def test_warped_patches_are_functions_too_and_keep_labels_and_image_together(cohort: Cohort) -> None:
    """Patches 8 x 8 of 12 x 16: a mask is bright, and is so still where the image and its label are well inside."""
    kinds = {"rotation": {"probability": 1.0, "degrees": 180.0}, "scaling": {"probability": 1.0}}
    warped = Augmentation.model_validate({**kinds, "flip_axes": (0, 1), "rotate90": True})
    grid = Grid(mode="patch", size=(8, 8))
    one, other = (source(cohort, augmentation=warped, grid=grid) for _ in range(2))
    other.batch("annotated", 3, 0)
    batch = one.batch("truth", 5, 0)
    torch.testing.assert_close(vars(batch), vars(other.batch("truth", 5, 0)))
    for step in range(20):
        batch = one.batch("truth", 6, step)
        assert batch.image.shape == (4, 1, 8, 8) and batch.labels.shape == (4, 1, 8, 8)
        bright, dark = (batch.image[batch.labels == value] for value in (1, 0))
        assert bright.median() > 0.3 and (dark.numel() == 0 or dark.median() < -0.3)


def test_mirrored_images_are_changed_in_every_way(cohort: Cohort) -> None:
    kinds = ("gamma", "contrast", "brightness", "bias_field", "blur", "white_noise", "low_resolution")
    always = {kind: {"probability": 1.0} for kind in (*kinds, "rotation", "scaling", "elastic")}
    augmentation = Augmentation.model_validate({**always, "flip_axes": (0, 1), "rotate90": True})
    changed = source(cohort, augmentation=augmentation)
    for step in range(4):
        batch, plain = changed.batch("annotated", 0, step), source(cohort).batch("annotated", 0, step)
        assert batch.image.isfinite().all() and not torch.equal(batch.image, plain.image)


def test_batches_run_on_over_the_ends_of_an_epoch_and_of_the_cases(cohort: Cohort) -> None:
    """Four cases in batches of three: four batches, over two epochs of two steps, show each case three times."""
    one = source(cohort, batch_size=3)
    assert one.steps_per_epoch() == 2
    steps = [one.batch("annotated", epoch, step) for epoch in (0, 1) for step in (0, 1)]
    seen = torch.cat([batch.case_index for batch in steps]).tolist()
    passes = [seen[first : first + 4] for first in (0, 4, 8)]
    assert [sorted(cases) for cases in passes] == [[0, 1, 2, 3]] * 3
    assert len({tuple(cases) for cases in passes}) > 1  # each pass has an order of its own
    torch.testing.assert_close(vars(one.batch("annotated", 0, 3)), vars(steps[3]))


def test_two_ranks_share_the_batch_of_one(cohort: Cohort) -> None:
    whole = source(cohort).batch("annotated", 2, 0)
    halves = [source(cohort).batch("annotated", 2, 0, rank=rank, world=2) for rank in (0, 1)]
    image = torch.cat([half.image for half in halves])
    found = {tuple(sample.flatten().tolist()) for sample in image}
    assert found == {tuple(sample.flatten().tolist()) for sample in whole.image}


def test_absent_annotators_and_padding_are_unlabelled(cohort: Cohort) -> None:
    plain = source(cohort, augmentation=Augmentation())
    sample = plain.samples.of(cohort.cases[0], "annotated")
    assert (sample.labels[1:] == UNLABELLED).all()
    assert (sample.labels[0, :2] == UNLABELLED).all() and (sample.labels[0, 2:14] != UNLABELLED).all()
    assert (sample.labels[0] == 1).sum() == 48


def test_the_views(cohort: Cohort) -> None:
    plain = source(cohort, augmentation=Augmentation())
    assert plain.samples.of(cohort.cases[1], "annotated").labels.shape == (3, 16, 16)
    vote = np.asarray(plain.samples.of(cohort.cases[1], "majority_vote").labels)
    assert vote.shape == (1, 16, 16) and (vote == 1).sum() == 42  # ann and bob (shifted by one) overlap in 6 x 7
    assert (np.asarray(plain.samples.of(cohort.cases[1], "truth").labels) == 1).sum() == 48
    drawn = plain.batch("random_annotator", 0, 0)
    assert drawn.labels.shape == (4, 1, 16, 16) and (drawn.labels != UNLABELLED).flatten(1).any(1).all()


def test_a_random_annotator_is_one_who_labelled_something(cohort: Cohort) -> None:
    """bob ignores all of c1 and c2 (7 is no class); ann and cat labelled c1, ann and bob c3."""
    ignored = Volume(array=np.full((12, 16), 7, np.uint8), affine=np.eye(4), spacing_mm=None)
    for case in cohort.cases[1:3]:
        write_labels(case.annotations["bob"], ignored)
    plain = source(cohort, augmentation=Augmentation())
    assert [plain.samples.of(case, "annotated").labelled.tolist() for case in cohort.cases[1:4]] == [
        [0, 2],
        [0],
        [0, 1],
    ]
    sizes: dict[int, set[int]] = {number: set() for number in range(4)}
    for step in range(20):
        batch = plain.batch("random_annotator", 0, step)
        assert (batch.labels != UNLABELLED).flatten(1).any(1).all()
        for number, labels in zip(batch.case_index.tolist(), batch.labels, strict=True):
            sizes[number].add(int((labels == 1).sum()))
    assert sizes == {0: {48}, 1: {48, 0}, 2: {48}, 3: {48}}  # cat found nothing in c1


def test_one_label_per_image_keeps_the_same_one_everywhere(cohort: Cohort) -> None:
    thinned = source(cohort, labels_per_image=1)
    for case in cohort.cases:
        kept = thinned.samples.of(case, "annotated").annotator_index
        again = source(cohort, 1).samples.of(case, "annotated").annotator_index
        assert kept is not None and again is not None
        assert len(kept) == 1 and kept.tolist() == again.tolist()


def test_labels_are_those_of_the_annotators_present(cohort: Cohort) -> None:
    """c0 was seen by ann, c1 by all three, the others by ann and bob; rows that a case lacks hold nothing."""
    batch = source(cohort).batch("annotated", 0, 0)
    assert batch.annotator_index is not None and batch.labels.shape == (4, 3, 16, 16)
    rows = dict(
        zip(batch.case_index.tolist(), zip(batch.annotator_index.tolist(), batch.labels, strict=True), strict=True)
    )
    assert [rows[case][0] for case in range(4)] == [[0, 0, 0], [0, 1, 2], [0, 1, 0], [0, 1, 0]]
    seen = [(rows[case][1] != UNLABELLED).flatten(1).any(1).tolist() for case in range(4)]
    assert seen == [[True, False, False], [True] * 3, [True, True, False], [True, True, False]]
    assert source(cohort).batch("majority_vote", 0, 0).annotator_index is None
    everywhere = replace(cohort, cases=tuple(replace(cohort.cases[1], split=split) for split in ("train", "val")))
    assert source(everywhere).batch("annotated", 0, 0).annotator_index is None


def test_memory_and_batches_do_not_grow_with_annotators_who_labelled_something_else(cohort: Cohort) -> None:
    many = replace(cohort, annotators=(*(f"elsewhere{number}" for number in range(253)), *cohort.annotators))
    few, more = (source(one).batch("annotated", 0, 0) for one in (cohort, many))
    torch.testing.assert_close(more.labels, few.labels)
    assert few.annotator_index is not None and more.annotator_index is not None
    present = (few.labels != UNLABELLED).flatten(2).any(2)
    assert (more.annotator_index[present] == few.annotator_index[present] + 253).all()


@pytest.mark.parametrize("recipe", ["soft_mean", "anchored"])
def test_four_parts_of_eight_cases_have_the_gradient_of_the_eight(cohort: Cohort, recipe: str) -> None:
    """Parts differ in who is present; instance norm and the means over cases know no batch."""
    network = {"channels": (4, 8), "features": 4}
    data = {"cohort": "toy", "grid": {"size": (16, 16)}}
    config = RunConfig.model_validate({"experiment": "x", "recipe": recipe, "data": data, "network": network})
    signature = Signature(annotators=cohort.annotators, classes=cohort.classes, channels=1, spatial_dims=2)
    objective, eight = build_stages(config)[-1].objective, source(cohort, batch_size=8)

    def gradient(parts: int) -> torch.Tensor:
        model = build_annotator_model(config, signature).train()
        for part in range(parts):
            losses = objective(model, eight.batch("annotated", 0, 0, part, parts), epoch=1.0)
            (losses.total / parts).backward()
        return torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None])

    whole = gradient(1)
    assert whole.abs().max() > 1e-3
    torch.testing.assert_close(gradient(4), whole, rtol=1e-4, atol=1e-6)


def test_a_case_without_truth_cannot_be_shown_to_the_oracle(cohort: Cohort) -> None:
    blind = Case(
        name="c9", patient="c9", split="train", images=cohort.cases[0].images, annotations=cohort.cases[0].annotations
    )
    with pytest.raises(Refused, match=r"truth: expected a mask of the known truth, got none \(c9\)"):
        source(cohort).samples.of(blind, "truth")


def test_a_split_without_labels_is_refused(cohort: Cohort) -> None:
    with pytest.raises(Refused, match=r"val split: expected at least one case with labels, got none \(toy\)"):
        source(replace(cohort, cases=cohort.cases[:4]))


def test_a_spacing_in_mm_needs_images_that_have_one(cohort: Cohort) -> None:
    scaled = source(cohort, grid=Grid(mode="patch", size=(16, 16), spacing_mm=(1.0, 1.0)))
    with pytest.raises(
        Refused, match=r"got an image without one; state data.grid.spacing_pixels instead of spacing_mm \(c0\)$"
    ):
        scaled.samples.of(cohort.cases[0], "annotated")


def test_pictures_without_a_scale_are_shown_at_half_resolution(cohort: Cohort) -> None:
    halved = source(cohort, grid=Grid(mode="patch", size=(4, 8), spacing_pixels=(2.0, 2.0)))
    sample = halved.samples.of(cohort.cases[0], "annotated")
    assert sample.image.shape == (1, 6, 8) and sample.labels.shape[1:] == (6, 8)
    assert halved.batch("annotated", 0, 0).image.shape[2:] == (4, 8)


def test_what_is_loaded_is_not_read_again(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that workers, which are forked later, share it."""
    loaded = source(cohort)
    loaded.load(["annotated", "majority_vote"])
    expected = source(cohort).batch("majority_vote", 1, 0)
    monkeypatch.setattr(samples, "read_record", lambda *_: pytest.fail("read again"))
    torch.testing.assert_close(vars(loaded.batch("majority_vote", 1, 0)), vars(expected))
    assert len(list(loaded.validation("annotated"))) == 1


def test_all_cases_that_cannot_be_loaded_are_named_at_once(cohort: Cohort) -> None:
    blind = replace(cohort, cases=tuple(replace(case, truth=None) for case in cohort.cases))
    with pytest.raises(Refused) as caught:
        source(blind).load(["truth"])
    assert [line[-4:] for line in caught.value.complaints] == ["(c0)", "(c1)", "(c2)", "(c3)", "(c4)"]


# ------------------------------------------------------------------------------------------ memory
PATCHES = Grid(mode="patch", size=(12, 16))


@pytest.fixture
def uneven(cohort: Cohort) -> Cohort:
    """The first case as it is (12 x 16); the others of 120 x 160, a hundred times as large."""
    for case in cohort.cases[1:]:
        Image.new("L", (160, 120)).save(case.images[0])
    return cohort


def available(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=most, free=0, total=0))


def test_the_size_of_a_case_comes_from_its_header(uneven: Cohort) -> None:
    # a float32 and three int16 per voxel
    assert [bytes_on_grid(case, PATCHES, 3) for case in uneven.cases] == [192 * 10, *4 * [19200 * 10]]
    assert bytes_on_grid(uneven.cases[1], GRID, 1) == 256 * 6
    loaded = source(replace(uneven, cases=(uneven.cases[0], replace(uneven.cases[0], split="val"))), grid=PATCHES)
    kept = loaded.samples.of(uneven.cases[0], "annotated")
    assert np.asarray(kept.image).nbytes + np.asarray(kept.labels).nbytes == bytes_on_grid(
        uneven.cases[0], PATCHES, 1
    )  # ann alone saw it


def test_all_sizes_count_and_not_that_of_the_first_case(uneven: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    need = 192 * 10 + 4 * 19200 * 10
    available(monkeypatch, int(need / 0.8) + 2)
    refuse_too_large(uneven.cases, PATCHES, masks=lambda _: 3, copies=1, where="toy")
    available(monkeypatch, int(need / 0.8) - 2)
    remedy = r"keep them on disk with data.cache=FOLDER, or use a coarser data.grid.spacing_pixels \(toy\)$"
    sentence = r"^memory for the cases: expected at most 0.0 GiB \(80 % of what is available\), got 0.0 GiB; "
    with pytest.raises(Refused, match=sentence + remedy):
        refuse_too_large(uneven.cases, PATCHES, masks=lambda _: 3, copies=1, where="toy")
    available(monkeypatch, int(2 * need / 0.8) - 2)
    refuse_too_large(uneven.cases, PATCHES, masks=lambda _: 3, copies=1, where="toy")
    with pytest.raises(Refused, match=r"got 0.0 GiB in 2 processes; keep them on disk with "):
        refuse_too_large(uneven.cases, PATCHES, masks=lambda _: 3, copies=2, where="toy")


@pytest.mark.parametrize(
    ("recipe", "masks"), [("anchored", (1, 3, 2, 2, 2)), ("soft_mean", (1, 3, 2, 2, 2)), ("staple", (1,) * 5)]
)
def test_a_run_too_large_is_refused_before_anything_is_loaded(
    uneven: Cohort, recipe: str, masks: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "read_record", lambda *_: pytest.fail("read before the refusal"))
    data: Mapping[str, object] = {"cohort": "toy", "grid": {"mode": "patch", "size": [12, 16]}}
    network = {"channels": [4, 8], "strides": [2]}
    values = {"experiment": "toy", "recipe": recipe, "data": data, "network": network, "training": {"workers": 3}}
    config = RunConfig.model_validate(values)
    need = sum(size * (4 + 2 * present) for size, present in zip((192, *4 * [19200]), masks, strict=True))
    available(monkeypatch, int(need / 0.8) + 2)
    build_source(config, uneven, uneven.annotators)
    available(monkeypatch, int(need / 0.8) - 2)
    with pytest.raises(Refused, match=r"^memory for the cases: expected at most"):
        build_source(config, uneven, uneven.annotators)


# ------------------------------------------------------------------------------------------ on disk
TARGETS = ("annotated", "fused", "majority_vote", "random_annotator", "truth")


@pytest.mark.parametrize("grid", [GRID, Grid(mode="patch", size=(8, 8), disagreement_fraction=0.5)])
def test_batches_from_disk_are_those_from_memory(cohort: Cohort, tmp_path: Path, grid: Grid) -> None:
    changes = {"rotation": {"probability": 0.5}, "elastic": {"probability": 0.5}, "flip_axes": (0, 1), "noise": 0.1}
    augmentation = Augmentation.model_validate(changes)
    memory, disk = (
        source(cohort, grid=grid, augmentation=augmentation, store=store) for store in (None, OnDisk(tmp_path / "kept"))
    )
    for each in (memory, disk):
        each.load(TARGETS)
    for target in TARGETS:
        for step in range(3):
            torch.testing.assert_close(
                vars(disk.batch(target, 0, step)), vars(memory.batch(target, 0, step)), rtol=0, atol=0
            )
        for one, other in zip(disk.validation(target), memory.validation(target), strict=True):
            torch.testing.assert_close(vars(one), vars(other), rtol=0, atol=0)


def test_what_is_on_disk_is_not_read_again_until_a_file_changes(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = samples.read_record

    def noted(case: Case, *rest: Any) -> Any:
        read.append(case.name)
        return real(case, *rest)

    monkeypatch.setattr(samples, "read_record", noted)
    source(cohort, store=OnDisk(tmp_path / "kept")).load(["fused"])
    assert sorted(read) == [f"c{number}" for number in range(5)]
    read.clear()
    before = source(cohort, store=OnDisk(tmp_path / "kept"))
    before.load(["fused", "random_annotator"])
    assert read == []
    write_labels(
        cohort.cases[2].annotations["bob"],
        Volume(array=np.full((12, 16), 255, np.uint8), affine=np.eye(4), spacing_mm=None),
    )
    after = source(cohort, store=OnDisk(tmp_path / "kept"))
    after.load(["fused"])
    assert read == ["c2"]
    assert (np.asarray(after.samples.of(cohort.cases[2], "fused").labels)[1] != 0).all()  # all of it, or padding
    old, new = (each.samples.of(cohort.cases[3], "fused").consensus for each in (before, after))
    assert old is not None and new is not None
    assert not np.array_equal(np.asarray(old), np.asarray(new))  # all cases say whom to believe


def test_what_does_not_fit_into_memory_may_lie_on_disk(
    uneven: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    available(monkeypatch, 2 * 192_000)
    values = {"experiment": "toy", "recipe": "soft_mean", "training": {"batch_size": 1}}
    for cache, refused in ((None, True), (str(tmp_path / "kept"), False)):
        data = {"cohort": "toy", "grid": PATCHES.model_dump(), "cache": cache}
        config = RunConfig.model_validate(values | {"data": data, "network": {"channels": [8, 16]}})
        if refused:
            with pytest.raises(Refused, match="keep them on disk with data.cache=FOLDER"):
                build_source(config, uneven, uneven.annotators)
        else:
            build_source(config, uneven, uneven.annotators)
