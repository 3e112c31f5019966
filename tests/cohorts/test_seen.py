"""Cases that a run has seen are known by what their files hold and by their names."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from medseg.cohorts import load_cohort, marked, seen_by_split, seen_in_training, split_cases, warnings_of, write_splits
from medseg.cohorts.splits import SplitConfig, apply
from medseg.contracts import Cohort, Score

from ..conftest import Folder

SEEN = {"c01": "train", "c02": "validation", "c03": "no"}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A cohort with a case of each split, and splits.json beside it."""
    folder = Folder(tmp_path / "own", ".png", (8, 10), 255)
    for case, split in (("c01", "train"), ("c02", "val"), ("c03", "test")):
        folder.add(case, split=split, patient=case)
    cohort = load_cohort(folder.tables())
    write_splits(tmp_path / "splits.json", split_cases(cohort.cases, SplitConfig()))
    return folder.root


def seen(own: Path, cohort: Path) -> dict[str, str]:
    return seen_in_training(own.parent / "splits.json", str(own), load_cohort(cohort))


def renamed(own: Path, name: str, prefix: str) -> Path:
    """A copy under another name, of the cohort and of its cases."""
    other = shutil.copytree(own, own.parent / name)
    manifest = other / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("c0", f"{prefix}0").replace(f"/{prefix}0", "/c0"))
    yaml = other / "cohort.yaml"
    yaml.write_text(yaml.read_text().replace("name: tiny", f"name: {name}"))
    return other


def test_the_split_tells_of_the_run_s_own_cohort(own: Path) -> None:
    cohort = load_cohort(own)
    assert seen_by_split(apply(cohort, split_cases(cohort.cases, SplitConfig()))) == SEEN


def test_the_same_bytes_are_the_same_case_whatever_it_is_called(own: Path) -> None:
    other = renamed(own, "other", "x")
    assert seen(own, other) == {f"x{case[1:]}": word for case, word in SEEN.items()}


def test_the_same_names_in_a_cohort_of_the_same_name_are_the_same_case_whatever_the_bytes(own: Path) -> None:
    other = shutil.copytree(own, own.parent / "other")
    shutil.copy(own / "images/c03.png", other / "images/c01.png")
    assert seen(own, other) == SEEN
    (other / "cohort.yaml").write_text((own / "cohort.yaml").read_text().replace("name: tiny", "name: other"))
    assert seen(own, other) == {**SEEN, "c01": "no"}


def test_where_the_own_cohort_is_gone_equal_names_decide_or_nobody_knows(own: Path) -> None:
    same, other = shutil.copytree(own, own.parent / "same"), renamed(own, "other", "x")
    shutil.rmtree(own)
    assert seen(own, same) == SEEN
    unknown = seen(own, other)
    assert set(unknown.values()) == {""}
    assert warnings_of(unknown) == (
        "warning: the run's own cohort is not at its place: whether it was trained on these cases is not known",
    )


def test_scores_of_a_case_and_of_its_objects_are_marked_and_those_of_a_run_are_not() -> None:
    row = Score(case="c01", annotator="", label="", metric="m", value=0.5, unit="1", direction="higher")
    rows = [row, replace(row, case="c02/cell-1"), replace(row, case="c03"), replace(row, case="")]
    assert [score.seen for score in marked(rows, SEEN)] == ["train", "validation", "no", ""]
    assert warnings_of(SEEN) == ("warning: 2 cases were seen in training: no test (c01, c02)",)
    assert warnings_of({"c03": "no"}) == ()


def test_a_run_without_a_split_knows_nothing(own: Path) -> None:
    (own.parent / "splits.json").unlink()
    cohort: Cohort = load_cohort(own)
    assert seen_in_training(own.parent / "splits.json", str(own), cohort) == dict.fromkeys(SEEN, "")
