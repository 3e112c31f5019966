"""Simulated annotators among real ones: who stays, what a mistake is made on, what is counted."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from medseg.__main__ import app
from medseg.annotators.simulation.among import simulate_among
from medseg.annotators.simulation.cohort import simulate_cohort
from medseg.cohorts.checking.images import check_images
from medseg.cohorts.cohort import load_cohort, write_cohort
from medseg.contracts import Case, ClassLabel, Cohort, Refused, Volume
from medseg.images.files import read_labels, write_labels, write_map

AFFINE = np.diag([0.5, 0.5, 2.0, 1.0])
CLASSES = (
    ClassLabel(name="background", value=0),
    ClassLabel(name="organ", value=200),
    ClassLabel(name="lesion", value=100),
)
FIRST_COLUMN = {"ann": 1, "bob": 2, "cat": 3, "dan": 0, "crowd/one": 1, "crowd/two": 1}


def drawn(column: int, shape: tuple[int, ...]) -> np.ndarray:
    """An organ of four columns, from this one on, and in the second of its rows a lesion in the first two of them."""
    mask = np.zeros(shape, int)
    mask[2:6, column : column + 4], mask[3, column : column + 2] = 200, 100
    return mask


def source(root: Path, suffix: str = ".png", truth: bool = False) -> Cohort:
    """Two cases; dan saw the first alone. Where ann, bob and cat vote, bob's mask wins at the organ's border."""
    shape, cases = ((8, 9) if suffix == ".png" else (8, 9, 3)), []
    for name in ("c0", "c1"):

        def written(folder: str, array: np.ndarray, file: str = name + suffix) -> Path:
            path = root / folder / file
            write = write_labels if array.dtype.kind == "i" or suffix == ".png" else write_map
            return write(path, Volume(array=array, affine=AFFINE, spacing_mm=None))

        masks = {who: written(who, drawn(column, shape)) for who, column in FIRST_COLUMN.items()}
        if name == "c1":
            del masks["dan"]
        pixels = np.random.default_rng(int(name[1])).integers(0, 255, shape)
        image = written("scans", pixels if suffix == ".png" else pixels.astype(float))
        known = written("known", drawn(5, shape)) if truth else None
        cases.append(
            Case(name=name, patient=name, split="train", images=(image,), annotations=masks, truth=known)
        )  # fmt: skip
    cohort = Cohort(
        root=root,
        name="tiny",
        classes=CLASSES,
        channels=("intensity",),
        spatial_dims=len(shape),
        annotators=("ann", "bob", "cat", "dan"),
        crowd=("crowd/one", "crowd/two"),
        cases=tuple(cases),
    )
    write_cohort(cohort)
    return cohort


def confusion(root: Path) -> dict[tuple[str, str, str], float]:
    with (root / "confusion.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {(row["annotator"], row["observed"], row["true"]): float(row["probability"]) for row in rows}


def voted(shape: tuple[int, ...]) -> np.ndarray:
    """By hand, of ann, bob and cat: two of three call the columns 2 to 5 organ; of the lesions, in the columns 1, 2 and
    2, 3 and 3, 4, the columns 2 and 3 have two votes."""
    mask = np.zeros(shape, int)
    mask[2:6, 2:6], mask[3, 2:4] = 200, 100
    return mask


@pytest.mark.parametrize("suffix", [".png", ".nii.gz"])
def test_the_vote_of_those_who_stay_is_the_truth_and_the_ground_of_mistakes(suffix: str, tmp_path: Path) -> None:
    original = source(tmp_path / "in", suffix)
    root = simulate_among(tmp_path / "in", tmp_path / "out", replaced=["dan=swap"], added=["blank"], seed=0)
    cohort = load_cohort(root)
    assert check_images(cohort).errors == ()
    assert (cohort.annotators, cohort.crowd) == (("ann", "bob", "cat", "dan", "blank"), ())
    assert (cohort.classes, cohort.spatial_dims) == (original.classes, original.spatial_dims)
    for old, new in zip(original.cases, cohort.cases, strict=True):
        assert new.split == "train" and new.truth is not None
        for who in ("ann", "bob", "cat"):
            assert new.annotations[who].read_bytes() == old.annotations[who].read_bytes()
            assert new.annotations[who].is_relative_to(root)
        truth = read_labels(new.truth)
        np.testing.assert_array_equal(truth.array, voted(truth.array.shape))
        if suffix == ".nii.gz":
            np.testing.assert_allclose(truth.affine, AFFINE)
        assert read_labels(new.annotations["blank"]).array.max() == 0
    assert "dan" not in cohort.cases[1].annotations  # who was absent is absent
    dan, truth = (read_labels(path).array for path in (cohort.cases[0].annotations["dan"], cohort.cases[0].truth))
    np.testing.assert_array_equal(dan, np.select([truth == 200, truth == 100], [100, 200]))
    table = confusion(root)
    assert {who for who, _, _ in table} == {"dan", "blank"}
    assert table["dan", "lesion", "organ"] == table["dan", "organ", "lesion"] == table["blank", "background", "organ"]
    assert table["blank", "organ", "organ"] == 0 and table["dan", "lesion", "organ"] == 1


def test_a_known_truth_comes_before_the_vote(tmp_path: Path) -> None:
    original = source(tmp_path / "in", truth=True)
    everybody = [f"{name}=swap" for name in original.annotators]
    root = simulate_among(tmp_path / "in", tmp_path / "out", replaced=everybody, seed=0)
    for old, new in zip(original.cases, load_cohort(root).cases, strict=True):
        assert old.truth is not None and new.truth is not None
        assert new.truth.read_bytes() == old.truth.read_bytes()
        ann = read_labels(new.annotations["ann"]).array
        assert set(np.flatnonzero((ann == 100).any(0))) == {5, 6, 7, 8}  # the truth's organ, called lesion


def test_a_mask_that_is_stored_mirrored_votes_where_it_lies(tmp_path: Path) -> None:
    cohort = source(tmp_path / "in", ".nii.gz")
    bob = cohort.cases[0].annotations["bob"]
    mirrored = AFFINE @ np.array([[-1, 0, 0, 7], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    write_labels(bob, Volume(array=drawn(2, (8, 9, 3))[::-1], affine=mirrored, spacing_mm=None))
    root = simulate_among(tmp_path / "in", tmp_path / "out", added=["blank"], replaced=["dan=blank"], seed=0)
    first = load_cohort(root).cases[0]
    assert first.truth is not None
    truth = read_labels(first.truth)
    np.testing.assert_array_equal(truth.array, voted((8, 9, 3)))
    np.testing.assert_allclose(truth.affine, AFFINE)
    assert first.annotations["bob"].read_bytes() == bob.read_bytes()


def test_what_is_said_of_people_stays_with_those_who_keep_their_masks(tmp_path: Path) -> None:
    people = {"ann": {"experience": 3}, "dan": {"experience": 9}, "crowd/one": {"tool": "web"}}
    write_cohort(replace(source(tmp_path / "in"), people=people), overwrite=True)
    root = simulate_among(tmp_path / "in", tmp_path / "out", replaced=["dan=blank"], added=["blank"], seed=0)
    assert load_cohort(root).people == {"ann": {"experience": 3}}
    root = simulate_cohort(root, tmp_path / "anew", annotators=["good"], seed=0)
    assert load_cohort(root).people == {}


def test_a_slot_of_the_crowd_stays_out_unless_it_is_named(tmp_path: Path) -> None:
    source(tmp_path / "in")
    root = simulate_among(tmp_path / "in", tmp_path / "out", replaced=["crowd/two=blank"], seed=0)
    cohort = load_cohort(root)
    assert (cohort.annotators, cohort.crowd) == (("ann", "bob", "cat", "dan"), ("crowd/two",))
    assert read_labels(cohort.cases[1].annotations["crowd/two"]).array.max() == 0


def test_names_of_the_added_are_their_own_and_labels_depend_on_nobody_else(tmp_path: Path) -> None:
    source(tmp_path / "in", truth=True)
    once = simulate_among(tmp_path / "in", tmp_path / "once", added=["confusion"], seed=3)
    again = simulate_among(once, tmp_path / "again", replaced=["ann=blank"], added=["confusion", "confusion"], seed=3)
    assert load_cohort(again).annotators == ("ann", "bob", "cat", "dan", "confusion", "confusion_2", "confusion_3")
    alone = simulate_among(once, tmp_path / "alone", added=["confusion"], seed=3, cases=1)
    masks = [root / "annotations" / "confusion_2" / "c0.png" for root in (again, alone)]
    assert masks[0].read_bytes() == masks[1].read_bytes()
    assert masks[0].read_bytes() != (again / "annotations" / "confusion_3" / "c0.png").read_bytes()


# ------------------------------------------------------------------------------------------ refusal
def test_all_that_is_wrong_is_said_at_once_and_nothing_is_left(tmp_path: Path) -> None:
    source(tmp_path / "in")
    asked = ["bod=blank", "ann=ovre", "ann=blank", "cat", "dan="]
    with pytest.raises(Refused) as refused:
        simulate_among(tmp_path / "in", tmp_path / "out", replaced=asked, added=["over:-1"], seed=-1, cases=0)
    known = "ann, bob, cat, dan, crowd/one, crowd/two"
    kinds = "good, over, under, fractured, fractured_over, blank, swap, displaced, jitter, confusion"
    assert refused.value.complaints == (
        "number of cases: expected at least 1, got 0 (cases)",
        "seed: expected a whole number >= 0, got -1 (seed)",
        "replacement: expected annotator=mistake, got 'cat' (replace)",
        "replacement: expected annotator=mistake, got 'dan=' (replace)",
        f"replaced annotator: expected one of {known}, got bod; did you mean bob? (bod=blank)",
        "replaced annotator: expected each once, got ann 2 times (replace)",
        f"annotator: expected one of {kinds}, got 'ovre'; did you mean 'over'? (ovre)",
        "annotator strength: expected a number >= 0, got '-1' (over:-1)",
    )
    assert not (tmp_path / "out").exists()


def test_without_a_truth_somebody_must_stay(tmp_path: Path) -> None:
    source(tmp_path / "in")
    everybody = [f"{name}=blank" for name in ("ann", "bob", "cat", "dan")]
    with pytest.raises(Refused, match=r"^annotators who keep their masks: .*, got none \(tiny\)$"):
        simulate_among(tmp_path / "in", tmp_path / "out", replaced=everybody, seed=0)
    with pytest.raises(Refused, match="^simulated annotators: expected at least one, .*, got none"):
        simulate_among(tmp_path / "in", tmp_path / "out", seed=0)


def test_cases_that_give_no_truth_are_all_named_and_nothing_is_left(tmp_path: Path) -> None:
    cohort = source(tmp_path / "in")
    first, second = cohort.cases
    write_labels(first.annotations["dan"], Volume(array=np.full((8, 9), 7), affine=AFFINE, spacing_mm=None))
    with pytest.raises(Refused) as refused:
        simulate_among(tmp_path / "in", tmp_path / "out", replaced=["ann=blank", "bob=blank", "cat=blank"], seed=0)
    assert refused.value.complaints == (
        "mask values: expected the classes' 0, 200, 100, got others in 72 voxels (c0/dan)",
        "labels: expected those of one of dan to vote, got none (c1)",
    )
    write_cohort(replace(cohort, cases=(replace(first, truth=first.annotations["ann"]), second)), overwrite=True)
    with pytest.raises(Refused, match=r"^truth: expected a mask of the known truth, got none \(c1\)$"):
        simulate_among(tmp_path / "in", tmp_path / "out", added=["blank"], seed=0)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "simulated annotators: expected either --annotators, or --replace and --add, got neither (simulate)"),
        (("--annotators", "good", "--add", "blank"), "--replace and --add, got both (simulate)"),
        (("--annotators", "good", "--replace", ""), "--replace and --add, got both (simulate)"),
        (("--add", "blank", "--labels-per-image", "1"), "labels per image: expected none beside --replace and --add"),
        (("--replace", "ann=blank,"), "replacement: expected annotator=mistake, got '' (replace)"),
    ],
)
def test_the_command_takes_one_way_or_the_other(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    source(tmp_path / "in")
    done = CliRunner().invoke(app, ["simulate", str(tmp_path / "in"), "--out", str(tmp_path / "out"), *words])
    assert done.exit_code == 1 and said in done.output and "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


def test_the_command_says_who_is_simulated(tmp_path: Path) -> None:
    source(tmp_path / "in")
    words = ["--replace", "ann=blank,bob=over:2", "--add", "under", "--cases", "1"]
    done = CliRunner().invoke(app, ["simulate", str(tmp_path / "in"), "--out", str(tmp_path / "out"), *words])
    assert done.exit_code == 0, done.output
    said = "1 cases, simulated ann=blank, bob=over:2, under; confusion with the truth in confusion.csv"
    assert done.output == f"{tmp_path / 'out'}: {said}\n"
