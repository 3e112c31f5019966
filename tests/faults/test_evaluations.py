"""An evaluation that fails leaves what was there before, and writes into no folder but its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from medseg.images.results import UNFINISHED, whole_or_as_before

from .tiny_runs import medseg


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["predictions", "report", "joint", "weights.pt", "cohorts"])
def test_a_cohort_that_is_called_like_a_part_of_the_run_goes_beside_it(
    trained: Path, own: Path, tmp_path: Path, name: str, undrawn: None
) -> None:
    cohort = shutil.copytree(trained / "cohort", tmp_path / "other")
    text = (cohort / "cohort.yaml").read_text()
    (cohort / "cohort.yaml").write_text(f"name: {name}\n{text.partition(chr(10))[2]}")
    before = content(own)
    assert medseg("evaluate", own, "--cohort", cohort) == (0, [])
    after = content(own)
    assert (own / "cohorts" / name / "scores.csv").is_file()
    assert {file: after[file] for file in after if not file.startswith("cohorts/")} == before


@pytest.mark.parametrize("of", ["trained", "completing"])
def test_an_evaluation_that_finds_no_room_leaves_the_one_before(
    of: str, tiny_disk: Path, request: pytest.FixtureRequest
) -> None:
    source = request.getfixturevalue(of) / "run"
    run = tiny_disk / "run"
    run.mkdir()
    for name in ("config.yaml", "environment.json", "model.json", "splits.json", "calibration.json", "metrics.jsonl"):
        if (source / name).exists():
            shutil.copy(source / name, run)
    for name in ("weights.pt", "weights.pt.sha256"):
        (run / name).symlink_to(source / name)
    (run / "scores.csv").write_text("old\n")
    before = content(run)
    free = shutil.disk_usage(tiny_disk).free
    (tiny_disk / "full").write_bytes(bytes(max(0, free - 8192)))
    status, (line,) = medseg("evaluate", run)
    assert status == 1 and "No space left on device" in line
    assert content(run) == before and not list(run.glob(f"{UNFINISHED}*"))


def test_results_take_the_place_of_older_ones_when_all_are_there(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    config = tmp_path / "config.yaml"
    config.write_text("config")
    for text in ("first", "second"):
        with whole_or_as_before(out, [config]) as folder:
            assert (folder / "config.yaml").read_text() == "config"
            (folder / "report").mkdir()
            (folder / "report" / text).write_text(text)
            (folder / "scores.csv").write_text(text)
        assert content(out) == {f"report/{text}": text.encode(), "scores.csv": text.encode(), "config.yaml": b"config"}


def test_results_that_fail_leave_nothing_new(tmp_path: Path) -> None:
    for error in (OSError, KeyboardInterrupt):
        with pytest.raises(error), whole_or_as_before(tmp_path / "deep" / "out") as folder:
            (folder / "scores.csv").write_text("half")
            raise error
        assert not (tmp_path / "deep").exists()


def test_what_a_killed_evaluation_left_is_swept_up_but_not_what_is_being_written(tmp_path: Path) -> None:
    (tmp_path / f"{UNFINISHED}999999999").mkdir()
    (tmp_path / f"{UNFINISHED}1").mkdir()
    with whole_or_as_before(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [f"{UNFINISHED}1"]
