"""`medseg annotators`: from a folder of labels to tables, pictures and a page."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from medseg.__main__ import app
from medseg.annotators.people.findings import find
from medseg.annotators.people.labelling import labelling_of
from medseg.annotators.people.page import write_page
from medseg.annotators.people.report import report_people
from medseg.annotators.people.tables import tables_of
from medseg.annotators.simulation.samples import write_samples
from medseg.contracts import Refused
from medseg.experiment.cohorts import index_folder
from medseg.experiment.evaluate import evaluate_run
from medseg.experiment.methods import load_config
from medseg.experiment.train import train

from .conftest import disc, write_cohort

SPACING = "1.5x1.5"
TABLES = ("agreement", "annotators", "ask", "confusion", "outliers", "pairs", "repeats")


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", keep_default_na=False, na_values=["nan"])


def masks(cases: int = 9) -> dict[str, dict[str, np.ndarray]]:
    """Five who differ a little, one of them (wide) 2 voxels too wide; he did not see c1, and ben is far off in c3."""
    rng = np.random.default_rng(0)
    found = {}
    for number in range(cases):
        radius, (row, column) = rng.uniform(8, 11), rng.uniform(-2, 2, size=2)
        drawn = {name: disc(radius + rng.uniform(-0.3, 0.3), row=row, column=column)
                 for name in ("ann", "ben", "cid", "dan")}  # fmt: skip
        found[f"c{number}"] = drawn | {"wide": disc(radius + 2, row=row, column=column)}
    del found["c1"]["wide"]
    found["c3"]["ben"] = disc(9, row=8, column=-7)
    return found


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reported")
    cohort = write_cohort(root / "cohort", masks(), spacing=SPACING)
    done = CliRunner().invoke(app, ["annotators", str(cohort), "--out", str(root / "out")])
    assert done.exit_code == 0, done.output
    assert "each annotator is measured by what the labels of the others say together" in done.output
    assert "outliers: 1, c3/ben" in done.output and "ask next: wide about c1" in done.output
    return root / "out"


def test_who_is_too_wide_by_how_much_and_who_is_off_where_and_who_was_not_asked(reported: Path) -> None:
    people = table(reported, "annotators").set_index("annotator")
    assert people.loc["wide", "boundary_bias"] == pytest.approx(3, abs=0.3) and people.loc["wide", "unit"] == "mm"
    assert people.loc["wide", "boundary_bias_low"] > 2 and abs(people.loc["ann", "boundary_bias"]) < 0.3
    assert people.loc["wide", "cases"] == 8 and people.loc["ann", "cases"] == 9
    assert (people["cluster"] == people.loc["wide", "cluster"]).sum() == 1
    assert people.loc["wide", "information_nats"] < people.loc["ann", "information_nats"]
    outliers = table(reported, "outliers")
    assert outliers[["case", "annotator"]].to_numpy().tolist() == [["c3", "ben"]]
    asked = table(reported, "ask")
    assert asked[["case", "annotator", "present"]].to_numpy().tolist() == [["c1", "wide", 4]]
    shares = table(reported, "confusion").groupby(["annotator", "true"])["share"].sum()
    assert shares.to_numpy() == pytest.approx(1)
    pairs = table(reported, "pairs").set_index(["annotator", "other"])
    assert len(pairs) == 10 and pairs.loc[("ann", "wide"), "cases"] == 8
    assert pairs.loc[("ann", "wide"), "dice"] < pairs.loc[("ann", "cid"), "dice"]
    assert len(table(reported, "agreement")) == 9 and not len(table(reported, "repeats"))


def test_the_page_needs_no_other_file(reported: Path) -> None:
    page = (reported / "index.html").read_text("utf-8")
    sources = re.findall(r'src="([^"]{0,22})', page)
    assert len(sources) == 5 and set(sources) == {"data:image/png;base64,"}
    assert not re.search(r"https?:|href=", page)
    for name in ("annotators", "confusion", "pairs", "outliers", "where_disc"):
        assert (reported / f"{name}.png").stat().st_size > 5000
    assert "The same image labelled again" not in page


def test_names_are_escaped(tmp_path: Path) -> None:
    rows = pd.DataFrame({"case": ['<script>"x"</script>'], "split": [""], "dice": [0.5]})
    write_page(tmp_path / "x.html", "<b>", said=["a < b"], tables={"agreement.csv": rows}, pictures={})
    page = (tmp_path / "x.html").read_text("utf-8")
    assert "<script>" not in page and "<b>" not in page and "a &lt; b" in page and "0.5000" in page


def test_where_the_truth_is_known_everybody_is_measured_by_it(tmp_path: Path) -> None:
    """Two annotators who both write nothing of the lower half: their labels alone would make it the truth."""
    truth = disc(10)
    half = truth.copy()
    half[20:] = 0
    drawn = {f"c{n}": {"ann": half, "ben": half, "truth": truth} for n in range(3)}
    labelling = labelling_of(write_cohort(tmp_path / "cohort", drawn))
    assert labelling.measured_by == "the known truth"
    people = tables_of(find(labelling))["annotators.csv"]
    assert people["sensitivity"].tolist() == [0.5, 0.5] and people["relative_area"].tolist() == [0.5, 0.5]
    assert people["unit"].tolist() == ["px", "px"]


def test_the_same_image_labelled_twice_tells_how_far_one_agrees_with_himself(tmp_path: Path) -> None:
    drawn = {"a": {"ann": disc(9), "ben": disc(9)}, "b": {"ann": disc(9), "ben": disc(7)}, "c": {"ann": disc(5)}}
    labelling = labelling_of(write_cohort(tmp_path / "cohort", drawn, images={"b": "a"}))
    found = tables_of(find(labelling))["repeats.csv"].set_index("annotator")
    assert found.loc["ann", "dice"] == 1 and (found[["case", "other"]] == ["a", "b"]).all(axis=None)
    small, large = disc(7).sum(), disc(9).sum()
    of_both = 2 * small / (small + large)
    assert found.loc["ben", "dice"] == pytest.approx(of_both)
    # ann's discs of 9 beside ben's of 9 and 7, each twice; ben's two beside ann's two
    assert found["others_dice"].tolist() == pytest.approx([(1 + of_both) / 2] * 2)
    said = report_people(tmp_path / "cohort", tmp_path / "out")
    mean = f"{(1 + of_both) / 2:.4f}"
    assert "labelled again: 2 pairs of masks of 2 annotators; " in said
    assert f"mean Dice with oneself {mean}, with others of the same image {mean}" in said


def test_who_alone_labelled_an_image_twice_has_nobody_beside_him(tmp_path: Path) -> None:
    drawn = {"a": {"ann": disc(9)}, "b": {"ann": disc(9)}, "c": {"ann": disc(5), "ben": disc(5)}}
    labelling = labelling_of(write_cohort(tmp_path / "cohort", drawn, images={"b": "a"}))
    (row,) = tables_of(find(labelling))["repeats.csv"].itertuples()
    assert row.dice == 1 and np.isnan(row.others_dice)


def test_nobody_is_compared_with_himself(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="annotators: expected two or more, or a known truth, got 1"):
        labelling_of(write_cohort(tmp_path / "cohort", {"c": {"ann": disc(9)}}))
    said = report_people(write_cohort(tmp_path / "known", {"c": {"ann": disc(9), "truth": disc(9)}}), tmp_path / "out")
    assert "1 cases of 1 patients" in said and not len(table(tmp_path / "out", "pairs"))


def test_who_is_but_a_slot_is_said_to_be_one(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort", {"c": {"one": disc(9), "two": disc(8)}})
    with (cohort / "cohort.yaml").open("a") as file:
        file.write("crowd: [one, two]\n")
    assert "slots of a crowd: another person from case to case" in report_people(cohort, tmp_path / "out")


def test_what_cannot_be_read_leaves_the_last_report_as_it_was(tmp_path: Path) -> None:
    cohort, out = write_cohort(tmp_path / "cohort", masks(4)), tmp_path / "out"
    report_people(cohort, out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    (cohort / "ann" / "c0.png").write_bytes(b"no picture")
    with pytest.raises(Refused, match="c0/ann"):
        report_people(cohort, out)
    assert {path: path.read_bytes() for path in out.iterdir()} == before


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("people")
    write_samples(root / "cohort", seed=1, spatial_dims=2, size=32, cases=6, annotators=("good", "over:2", "blank"))
    (root / "run.yaml").write_text(
        f"""\
experiment: people
recipe: fused
data: {{cohort: {root}/cohort, split: {{val: 0.2, test: 0.25}}, grid: {{mode: resize, size: [24, 24]}}}}
network: {{channels: [4, 8], features: 4, residual_units: 1}}
training: {{batch_size: 2, steps: {{warmup: 1, joint: 1}}}}
"""
    )
    train(load_config(root / "run.yaml"), root / "run", progress=False)
    return root / "run"


def test_a_run_has_its_report_beside_it_with_what_its_network_learned(run: Path) -> None:
    kept = (run / "annotators.csv").read_bytes()
    evaluate_run(run, draw=False)
    said = report_people(run)
    assert f"page: {run}/annotators/index.html" in said and (run / "annotators.csv").read_bytes() == kept
    assert {path.stem for path in (run / "annotators").glob("*.csv")} == set(TABLES)
    splits = json.loads((run / "splits.json").read_text())["splits"]
    rows = table(run / "annotators", "agreement")
    assert {row.case: row.split for row in rows.itertuples()} == {
        case: split for split, cases in splits.items() for case in cases
    }
    learned, own = table(run, "confusion"), table(run / "annotators", "confusion")
    both = learned.merge(own, on=["annotator", "observed", "true"], suffixes=("", "_shown"))
    assert len(both) == 3 * 4 * 4
    np.testing.assert_allclose(both["estimated_shown"], both["estimated"])
    people = table(run / "annotators", "annotators").set_index(["annotator", "class"])
    assert people.loc[("over", "liver"), "boundary_bias"] > 0 == people.loc[("blank", "liver"), "sensitivity"]


def test_without_a_known_truth_nobody_is_measured_by_his_own_labels(run: Path) -> None:
    labelling = labelling_of(run)
    assert labelling.known and labelling.grid is not None
    fused = replace(labelling, known=False)
    record = fused.record(fused.cohort.cases[0])
    changed = record.labels.copy()
    changed[0] = changed[0, ::-1]
    before, after = (fused.references(each) for each in (record, replace(record, labels=changed)))
    assert before.shape == record.labels.shape and (before[0] == after[0]).all()
    assert (before[1] != after[1]).any()


@pytest.mark.data
@pytest.mark.slow
def test_of_ten_real_annotators_the_narrow_the_wide_and_the_displaced_are_told_apart(tmp_path: Path) -> None:
    if "MEDSEG_DATA" not in os.environ:
        pytest.skip("MEDSEG_DATA is not set")
    cohort = tmp_path / "cohort"
    index_folder(Path(os.environ["MEDSEG_DATA"]) / "bubil_fibroblast", cohort)
    report_people(cohort, tmp_path / "out")
    people = table(tmp_path / "out", "annotators").set_index("annotator")
    assert people["boundary_bias"].idxmin() == people["relative_area"].idxmin() == "person1_imagej"
    assert people["boundary_bias"].idxmax() == people["relative_area"].idxmax() == "person5_amira"
    assert people["border_error_voxels"].idxmax() == people["information_nats"].idxmin() == "person3_imagej"
    apart = people.loc[["person1_imagej", "person5_amira", "person3_imagej"], "cluster"]
    assert apart.is_unique and people["cluster"].max() == 4
    outliers = table(tmp_path / "out", "outliers")
    assert outliers.loc[0, ["case", "annotator"]].tolist() == ["m48", "person3_imagej"] and len(outliers) < 5
