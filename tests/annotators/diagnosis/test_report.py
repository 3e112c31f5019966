"""`medseg diagnose` of a tiny run: every part, its files, its page, the page of the run; and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from medseg.__main__ import app
from medseg.annotators.diagnosis import report
from medseg.annotators.diagnosis.columns import COLUMNS
from medseg.annotators.diagnosis.corruption import corrupted
from medseg.annotators.diagnosis.examined import Examined
from medseg.annotators.diagnosis.memorisation import said_of_memorisation
from medseg.annotators.simulation.samples import write_samples
from medseg.contracts import Refused
from medseg.experiment.evaluate import evaluate_run
from medseg.experiment.methods import load_config
from medseg.experiment.train import train
from tests.reporting.browser import needs_browser, opened

from .conftest import CONFIG

MEMORISING = ["--what", "memorisation", "--shares", "100", "--steps", "2", "--whose", "all,good", "--processes", "1"]


def medseg(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, keep_default_na=False, na_values=["nan"])


@pytest.fixture(scope="module")
def diagnosed(run: Path) -> Path:
    done = medseg("diagnose", run)
    assert done.exit_code == 0, done.output
    assert f"page: {run}/diagnosis/index.html" in done.output
    return run / "diagnosis"


def test_every_part_leaves_its_tables_with_the_columns_that_are_explained(diagnosed: Path) -> None:
    for part in ("decodability", "clusters", "mapper"):
        assert all((diagnosed / name).stat().st_size > 0 for name in report.FILES[part])
    for name in COLUMNS:
        if (diagnosed / name).is_file():
            found = [column for column in table(diagnosed, name) if not column.endswith(("_low", "_high"))]
            assert set(COLUMNS[name]) == {column for column in found if not column.startswith("most ")}, name
    asked = table(diagnosed, "decodability.csv")
    assert {"true class", "over deviates", "blank deviates", "intensity", "position"} <= set(asked["property"])
    image = asked[asked["level"] == "image"]
    assert (image["before"] == image["after"]).all() and (image["verdict"] == "").all()
    assert image.set_index("property").loc["intensity", "after"] == pytest.approx(1, abs=1e-3)
    cases = json.loads((diagnosed.parent / "splits.json").read_text())["splits"]
    assert set(table(diagnosed, "clusters.csv")["case"]) == {*cases["train"], *cases["val"], *cases["test"]}


def test_the_page_needs_no_other_file_and_says_what_was_found(diagnosed: Path) -> None:
    page = (diagnosed / "index.html").read_text("utf-8")
    sources = re.findall(r'src="([^"]{0,22})', page)
    assert len(sources) == 3 and set(sources) == {"data:image/png;base64,"} and not re.search(r"https?:|href=", page)
    for line in (diagnosed / "said.txt").read_text().splitlines():
        assert line.partition(": ")[0] in ("decodability", "clusters", "mapper")


@needs_browser
def test_a_browser_opens_the_page_without_a_word(diagnosed: Path, tmp_path: Path) -> None:
    found = opened(diagnosed / "index.html", tmp_path / "alone")
    assert found["console"] == [] and len(found["widths"]) == 3 and min(found["widths"]) > 0


def test_the_same_diagnosis_again_is_the_same(diagnosed: Path, tmp_path: Path) -> None:
    done = medseg("diagnose", diagnosed.parent, "--what", "clusters,mapper", "--out", tmp_path / "again")
    assert done.exit_code == 0, done.output
    for name in ("learnability.csv", "clusters.csv", "sheet.html", "sheet_key.csv", "robustness.csv", "mapper.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (diagnosed / name).read_bytes()


def test_the_page_of_the_run_has_a_section_where_a_diagnosis_stands(diagnosed: Path, tmp_path: Path) -> None:
    run = shutil.copytree(diagnosed.parent, tmp_path / "run")
    evaluate_run(run, draw=False)
    assert medseg("report", run).exit_code == 0
    page = (run / "report" / "index.html").read_text("utf-8")
    assert "<h2>The diagnosis</h2>" in page and page.count("<h2>Diagnosis: ") == 3
    shutil.rmtree(run / "diagnosis")
    assert medseg("report", run).exit_code == 0
    assert "iagnosis" not in (run / "report" / "index.html").read_text("utf-8")


@pytest.mark.slow
def test_trainings_on_swapped_labels_are_compared_and_not_made_twice(diagnosed: Path) -> None:
    run = diagnosed.parent
    before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
    done = medseg("diagnose", run, *MEMORISING)
    assert done.exit_code == 0, done.output
    rows = table(diagnosed, "memorisation.csv")
    assert rows.groupby(["swapped", "percent"])["annotator"].agg(list).tolist() == [["good", "over", "blank"]] * 3
    clean = rows[rows["percent"] == 0]
    assert (clean[["worse_by", "worse_by_low", "worse_by_high"]] == 0).all(axis=None)
    assert clean["swapped_nats"].isna().all()
    of_good = rows[rows["swapped"] == "good"].set_index("annotator")
    assert of_good["swapped_nats"].notna().to_dict() == {"good": True, "over": False, "blank": False}
    assert rows["last_nats"].notna().all() and rows.groupby(["swapped", "percent"])["last_nats"].nunique().eq(1).all()
    whole = rows[(rows["swapped"] == "all") & (rows["percent"] == 100)]
    assert whole["swapped_nats"].tolist() == pytest.approx(whole["shown_nats"].tolist())
    scores = table(diagnosed / "memorisation/runs/all-100-2steps", "scores.csv")
    nats = scores[(scores["metric"] == "annotator_nll") & (scores["annotator"] == "good")]["value"].mean()
    assert whole.set_index("annotator").loc["good", "held_out_nats"] == pytest.approx(nats)
    made = {path: path.stat().st_mtime_ns for path in diagnosed.rglob("weights.pt")}
    assert len(made) == 3 and medseg("diagnose", run, *MEMORISING).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in diagnosed.rglob("weights.pt")} == made
    assert {path: path.read_bytes() for path in run.iterdir() if path.is_file()} == before
    assert (diagnosed / "decodability.csv").is_file()
    assert "What is learned by heart" in (diagnosed / "index.html").read_text("utf-8")


def test_a_share_breaks_where_it_is_worse_for_certain() -> None:
    rows = [("nobody", 0, "ann", 0.0), ("all", 25, "ann", -0.1), ("all", 50, "ann", 0.2), ("all", 100, "ann", 0.5)]
    rows += [("bob", 50, "ann", -0.3)]
    frame = pd.DataFrame(rows, columns=["swapped", "percent", "annotator", "worse_by_low"])
    frame["last_nats"] = [0.05, 0.06, 0.07, 0.08, 0.09]
    lines = list(said_of_memorisation(frame.assign(worse_by=frame["worse_by_low"] + 0.1)))
    assert lines == [
        "memorisation: with all labels swapped, the likelihood of clean held-out labels breaks of ann at 50 % "
        "(by 0.3 nats)",
        "memorisation: in the last epoch the labels as shown cost 0.050 nats without a swap, 0.080 with 100 % of all "
        "labels swapped: the nearer, the more is learned by heart",
        "memorisation: with labels of bob swapped, the likelihood of clean held-out labels breaks of nobody, "
        "up to 50 %",
        "memorisation: in the last epoch the labels as shown cost 0.050 nats without a swap, 0.090 with 50 % of "
        "labels of bob swapped: the nearer, the more is learned by heart",
    ]


def test_the_cases_of_training_alone_are_swapped(run: Path) -> None:
    cohort = Examined.load(run).labelling.cohort
    given = corrupted(cohort, ("good", "blank"), 1.0)
    train_cases = {case.name for case in cohort.split("train")}
    assert all(set(swaps) & train_cases == train_cases for swaps in given.values())
    assert not {case.name for case in cohort.split("test")} & set(given["good"])


def test_a_run_of_a_network_per_annotator_has_no_levels_but_clusters(run: Path, tmp_path: Path) -> None:
    train(load_config(run / "config.yaml", ["recipe=separate"]), tmp_path / "run", progress=False)
    done = medseg("diagnose", tmp_path / "run", "--what", "decodability")
    expected = "run to diagnose: expected one true-label network, got one per annotator (recipe separate)"
    assert done.exit_code == 1 and expected in done.output and not (tmp_path / "run" / "diagnosis").exists()
    assert medseg("diagnose", tmp_path / "run", "--what", "clusters").exit_code == 0


@pytest.mark.slow
def test_volumes_are_diagnosed_in_the_patch_around_what_was_drawn(tmp_path: Path) -> None:
    write_samples(
        tmp_path / "cohort", seed=1, spatial_dims=3, size=24, cases=6, annotators=("good", "under:2", "over:2")
    )
    config = CONFIG.format(cohort=tmp_path / "cohort").replace("mode: resize, size: [24, 24]", "size: [16, 16, 8]")
    (tmp_path / "run.yaml").write_text(config.replace("grid: {", "grid: {mode: patch, "))
    train(load_config(tmp_path / "run.yaml"), tmp_path / "run", progress=False)
    examined = Examined.load(tmp_path / "run")
    record = examined.labelling.record(examined.held_out[0])
    seen, drawn = examined.on_grid(record), (record.labels > 0).sum()
    assert seen.image.shape[1:] == seen.reference.shape == (16, 16, 8)
    assert (seen.labels > 0).sum() > 0.2 * drawn
    done = medseg("diagnose", tmp_path / "run")
    assert done.exit_code == 0, done.output
    groups = table(tmp_path / "run/diagnosis", "learnability.csv").set_index(["group", "told_by"])
    assert groups.loc[("over", "a line"), "line"].startswith("relative_area above")


def test_missing_packages_are_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "find_spec", lambda module: None if module == "kmapper" else module)
    with pytest.raises(Refused) as refused:
        report.refuse_parts(["mapper"], run)
    expected = "packages: expected scikit-learn and kmapper (pip install 'medseg[diagnose]'), got no kmapper (diagnose)"
    assert refused.value.complaints == (expected,)
