"""manifest.csv and cohort.yaml: what a cohort holds, each complaint word for word, and the way back."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from medseg.cohorts.cohort import load_cohort, write_cohort
from medseg.cohorts.snapshots import fingerprint
from medseg.contracts import Case, ClassLabel, Cohort, Refused


def refusals(root: Path) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        load_cohort(root)
    return caught.value.complaints


# ------------------------------------------------------------------------------------------ a good one
def test_a_cohort_holds_what_the_files_say(pictures) -> None:
    cohort = load_cohort(pictures.tables())
    root = pictures.root
    assert (cohort.name, cohort.spatial_dims, cohort.channels) == ("tiny", 2, ("intensity",))
    assert cohort.classes == (ClassLabel(name="background", value=0), ClassLabel(name="object", value=255))
    assert (cohort.annotators, cohort.crowd) == (("ann", "bob"), ())
    masks = {"ann": root / "ann/c01.png", "bob": root / "bob/c01.png"}
    assert cohort.cases[0] == Case(
        name="c01", patient="c01", split="", images=(root / "images/c01.png",), annotations=masks
    )


def test_truth_and_crowd_are_kept_apart(pictures) -> None:
    pictures.add("c03", ("ann", "crowd1", "gold"), patient="p3", split="train")
    pictures.yaml += "truth: gold\ncrowd: [crowd1]\n"
    cohort = load_cohort(pictures.tables())
    assert (cohort.annotators, cohort.crowd) == (("ann", "bob"), ("crowd1",))
    case = cohort.cases[2]
    assert (case.patient, case.split, case.truth) == ("p3", "train", pictures.root / "gold/c03.png")
    assert list(case.annotations) == ["ann", "crowd1"]


def test_the_yaml_orders_the_annotators(pictures) -> None:
    pictures.yaml += "annotators: [bob, ann]\n"
    assert load_cohort(pictures.tables()).annotators == ("bob", "ann")


PEOPLE = "people: {ann: {experience: 12, tool: amira}, bob: {experience: null}}\n"


def test_what_is_said_of_people_goes_in_and_out(pictures, tmp_path: Path) -> None:
    before = fingerprint(load_cohort(pictures.tables()))
    assert load_cohort(pictures.root).people == {}
    pictures.yaml += PEOPLE
    cohort = load_cohort(pictures.tables())
    assert cohort.people == {"ann": {"experience": 12, "tool": "amira"}, "bob": {}}
    assert fingerprint(cohort) != before  # cohort.yaml is one of its files
    write_cohort(replace(cohort, root=tmp_path / "again"))
    assert load_cohort(tmp_path / "again").people == cohort.people


def test_something_may_be_said_of_a_slot_and_nothing_of_the_truth(pictures) -> None:
    pictures.add("c03", ("crowd1", "gold"))
    pictures.yaml += "truth: gold\ncrowd: [crowd1]\npeople: {crowd1: {tool: web}}\n"
    assert load_cohort(pictures.tables()).people == {"crowd1": {"tool": "web"}}
    pictures.yaml = pictures.yaml.replace("people: {crowd1", "people: {gold")
    assert refusals(pictures.tables()) == ("people: expected an annotator of manifest.csv, got gold (cohort.yaml)",)


def test_of_label_maps_nobody_is_spoken(pictures) -> None:
    pictures.yaml += "objects: {}\n" + PEOPLE
    assert "people: expected none beside objects:, got ann, bob (cohort.yaml)" in refusals(pictures.tables())


def test_a_case_without_masks_stands_as_a_row(pictures) -> None:
    pictures.add("c03", ())
    assert load_cohort(pictures.tables()).cases[2].annotations == {}


def test_other_columns_are_covariates_unless_they_differ_within_a_case(pictures) -> None:
    pictures.rows = [
        f"{row},{extra}"
        for row, extra in zip(pictures.rows, ["site,tool", "Rome,a", "Rome,b", "Oslo,a", "Oslo,b"], strict=True)
    ]
    cohort = load_cohort(pictures.tables())
    assert [case.covariates for case in cohort.cases] == [{"site": "Rome"}, {"site": "Oslo"}]


def test_a_spreadsheet_s_byte_order_mark_and_blanks_do_no_harm(pictures) -> None:
    root = pictures.tables()
    text = (root / "manifest.csv").read_text().replace("c01,", " c01 ,", 1)
    (root / "manifest.csv").write_text("\ufeff" + text, "utf-8")
    assert load_cohort(root).cases[0].name == "c01"


# --------------------------------------------------------------------------------------- complaints
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            "c01,,,images/c01.png,bob,ann/c01.png,",
            "rows of a case and annotator: expected one, got another on line 3 (c01/bob, manifest.csv line 6)",
        ),
        (
            "c01,,,images/c01.png,eve,,",
            "mask: expected a path, as there is an annotator, got nothing (c01/eve, manifest.csv line 6)",
        ),
        (
            "c01,,,images/c01.png,,ann/c01.png,",
            "annotator: expected a name for ann/c01.png, got nothing (c01, manifest.csv line 6)",
        ),
        (
            "c03,,trian,images/c01.png,ann,ann/c01.png,",
            "split: expected train, val, test or empty, got trian; did you mean train? (c03/ann, manifest.csv line 6)",
        ),
        (
            "c01,,,images/c02.png,eve,ann/c01.png,",
            "image of a case: expected images/c01.png as on line 2, got images/c02.png (c01/eve, manifest.csv line 6)",
        ),
        (
            "c01,p7,,images/c01.png,eve,ann/c01.png,",
            "patient of a case: expected c01 as on line 2, got p7 (c01/eve, manifest.csv line 6)",
        ),
        (
            "c03,,,,ann,ann/c01.png,",
            "image: expected a path, got nothing (c03/ann, manifest.csv line 6)",
        ),
        (
            "a/b,,,images/c01.png,ann,ann/c01.png,",
            "case: expected a name that a file can have, got 'a/b' (a/b/ann, manifest.csv line 6)",
        ),
        (
            "c03,,,images/c01.png,ann,ann/c01.png,visible",
            "target: expected full, got visible (c03/ann, manifest.csv line 6)",
        ),
        (
            "c03,,,images/c01.png;images/c02.png,ann,ann/c01.png,",
            "image files: expected 1, got 2 (c03/ann, manifest.csv line 6)",
        ),
        (
            "c03,,,images/c01.png,ann,ann/c01.png,full,surplus",
            "cells: expected 7, got 8 (manifest.csv line 6)",
        ),
    ],
)
def test_a_bad_row_is_named(pictures, row: str, expected: str) -> None:
    pictures.rows.append(row)
    assert refusals(pictures.tables()) == (expected,)


def test_a_patient_in_two_splits_is_named_with_both_cases(pictures) -> None:
    pictures.add("c03", ("ann",), patient="p", split="train")
    pictures.add("c04", ("ann",), patient="p", split="test")
    pictures.add("c05", ("ann",), patient="p")
    assert refusals(pictures.tables()) == (
        "splits of patient p: expected one, got train (c03, line 6) and test (c04, line 7) (manifest.csv)",
    )


def test_all_missing_files_are_named_at_once(pictures) -> None:
    for path in (
        pictures.image_path("c01"),
        pictures.mask_path("c01", "bob"),
        pictures.mask_path("c02", "ann"),
    ):
        path.unlink()
    assert refusals(pictures.tables()) == (
        "image file: expected a file, got none at images/c01.png (c01, manifest.csv line 2)",
        "mask file: expected a file, got none at bob/c01.png (c01/bob, manifest.csv line 3)",
        "mask file: expected a file, got none at ann/c02.png (c02/ann, manifest.csv line 4)",
    )


def test_a_manifest_with_semicolons_is_recognised(pictures) -> None:
    pictures.rows = [row.replace(",", ";") for row in pictures.rows]
    root = pictures.tables()
    assert refusals(root) == (
        "manifest.csv: expected columns case,image,annotator,mask, got "
        "case;patient;split;image;annotator;mask;target; its separator is a semicolon "
        f"({root / 'manifest.csv'})",
    )


def test_missing_tables_are_both_named(tmp_path: Path) -> None:
    assert refusals(tmp_path) == (
        f"cohort.yaml: expected a file, got none ({tmp_path / 'cohort.yaml'})",
        f"manifest.csv: expected a file, got none ({tmp_path / 'manifest.csv'})",
    )
    (tmp_path / "cohort.yaml").write_text("spatial_dims: 2\nclasses: {a: 0, b: 1}\n")
    (tmp_path / "manifest.csv").write_text("case,image,annotator,mask\n")
    assert refusals(tmp_path) == (f"manifest.csv: expected rows, got none ({tmp_path})",)


def test_bad_text_is_refused(pictures) -> None:
    root = pictures.tables()
    (root / "manifest.csv").write_bytes(b"case,image\xff")
    (root / "cohort.yaml").write_text("classes: {a: 0\n")
    yaml, manifest = refusals(root)
    assert manifest == f"manifest.csv: expected UTF-8 text, got byte 10 ({root / 'manifest.csv'})"
    assert yaml.startswith("cohort.yaml: expected YAML, got expected ',' or '}'") and "line 2" in yaml


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "name: tiny",
            "nmae: tiny",
            "key: expected name spatial_dims classes ignore channels annotators crowd people truth objects, got nmae; "
            "did you mean name? (cohort.yaml)",
        ),
        ("dims: 2", "dims: 4", "spatial_dims: expected 2 or 3, got 4 (cohort.yaml)"),
        (
            "object: 255",
            "object: 0",
            "class value: expected one of its own, got 0, which background has (classes.object, cohort.yaml)",
        ),
        (
            "object: 255",
            "object: .5",
            "class value: expected an integer of the mask files, got 0.5 (classes.object, cohort.yaml)",
        ),
        (
            "object: 255",
            "false: 255",
            "class name: expected text (put it in quotes), got False (classes.False, cohort.yaml)",
        ),
        (
            "{background: 0, object: 255}",
            "[a, b]",
            "classes: expected name: value of two classes or more, got ['a', 'b'] (cohort.yaml)",
        ),
        ("[intensity]", "intensity", "channels: expected a list of names, got intensity (cohort.yaml)"),
        ("spatial_dims: 2\n", "", "spatial_dims: expected a value, got nothing (cohort.yaml)"),
        (
            "name: tiny",
            "truth: anne",
            "truth: expected an annotator of manifest.csv, got anne; did you mean ann? (cohort.yaml)",
        ),
        (
            "name: tiny",
            "crowd: [worker1]",
            "crowd: expected an annotator of manifest.csv, got worker1 (cohort.yaml)",
        ),
        (
            "name: tiny",
            "crowd: [bob]\ntruth: bob",
            "lists that name bob: expected one of annotators, crowd, truth, got two (cohort.yaml)",
        ),
        (
            "name: tiny",
            "annotators: [ann]",
            "annotator: expected a name that cohort.yaml lists, got bob (c01/bob, manifest.csv line 3)",
        ),
    ],
)
def test_a_bad_line_of_the_yaml_is_named(pictures, old: str, new: str, expected: str) -> None:
    pictures.yaml = pictures.yaml.replace(old, new)
    assert refusals(pictures.tables()) == (expected,)


def test_everything_is_said_at_once(pictures) -> None:
    pictures.yaml = pictures.yaml.replace("dims: 2", "dims: 4")
    pictures.rows.append("c03,,nowhere,images/c03.png,ann,,")
    found = refusals(pictures.tables())
    assert [line.split(":")[0] for line in found] == ["spatial_dims", "split", "mask", "image file"]


# ------------------------------------------------------------------------------------- to the disk
def test_what_is_written_is_what_is_read(pictures) -> None:
    pictures.add("c03", ("bob", "gold", "crowd/w1"), patient="p3", split="val")
    pictures.add("c04", ())
    pictures.yaml += "truth: gold\ncrowd: [crowd/w1]\nannotators: [bob, ann]\n"
    pictures.rows = [f"{row},{'site' if i == 0 else 'Rome'}" for i, row in enumerate(pictures.rows)]
    cohort = load_cohort(pictures.tables())
    write_cohort(cohort, overwrite=True)
    assert load_cohort(cohort.root) == cohort
    write_cohort(cohort)


def test_a_cohort_can_lie_beside_its_files(pictures, tmp_path: Path) -> None:
    cohort = replace(load_cohort(pictures.tables()), root=tmp_path / "elsewhere" / "here")
    write_cohort(cohort)
    again = load_cohort(cohort.root)
    assert [os.path.normpath(path) for path in again.cases[0].images] == [str(tmp_path / "images/c01.png")]
    assert "../../images/c01.png,ann,../../ann/c01.png" in (cohort.root / "manifest.csv").read_text()


def test_a_cohort_behind_a_link_finds_its_files(pictures, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b")
    cohort = replace(load_cohort(pictures.tables()), root=tmp_path / "link" / "here")
    write_cohort(cohort)
    assert len(load_cohort(cohort.root).cases) == 2


def test_another_cohort_is_not_overwritten(pictures) -> None:
    cohort = load_cohort(pictures.tables())
    write_cohort(cohort, overwrite=True)
    with pytest.raises(Refused) as caught:
        write_cohort(replace(cohort, name="other"))
    assert caught.value.complaints == (
        f"file to write: expected none, or the same content, got another content ({cohort.root}/cohort.yaml)",
    )
    assert load_cohort(cohort.root) == cohort


def test_an_annotator_called_truth_beside_a_known_truth_is_refused(tmp_path: Path) -> None:
    case = Case(
        name="c",
        patient="c",
        split="",
        images=(tmp_path / "i.png",),
        annotations={"truth": tmp_path / "a.png"},
        truth=tmp_path / "t.png",
    )
    cohort = Cohort(
        root=tmp_path, name="x", classes=(), channels=(), spatial_dims=2, annotators=("truth",), crowd=(), cases=(case,)
    )
    with pytest.raises(Refused, match="annotator: expected another name than the known truth's, got truth"):
        write_cohort(cohort)


def test_the_fingerprint_is_of_the_content_not_of_the_place(pictures, tmp_path: Path) -> None:
    cohort = load_cohort(pictures.tables())
    before = fingerprint(cohort)
    moved = tmp_path.with_name(tmp_path.name + "-moved")
    tmp_path.rename(moved)
    assert fingerprint(load_cohort(moved)) == before
    mask = moved / "bob/c02.png"
    content = bytearray(mask.read_bytes())
    content[-1] ^= 1
    mask.write_bytes(content)
    assert fingerprint(load_cohort(moved)) != before
