"""The section ``objects:`` of cohort.yaml and the manifest of a cohort of label maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medseg.cohorts.cohort import load_cohort, write_cohort
from medseg.cohorts.object_rules import scheme_with_rules
from medseg.cohorts.snapshots import fingerprint
from medseg.cohorts.splits import SplitConfig, apply, split_cases
from medseg.contracts import ClassLabel, Cohort, ObjectRules, ObjectScheme, Refused, Volume
from medseg.images.files import write_labels

COHORT_YAML = "spatial_dims: 2\nclasses: {background: 0, liver: 1, gut: 2}\n"
MANIFEST = "case,patient,split,image,annotator,mask,target\n"


def loaded(root: Path, objects: str, rows: str = "m1,,,,labels,m1.png,\nm2,,,,labels,m2.png,\n") -> Cohort:
    for number, name in enumerate(("m1", "m2")):
        labels = np.zeros((6, 7), np.uint8)
        labels[1:3, 1 + number : 4] = 1
        write_labels(root / f"{name}.png", Volume(array=labels, affine=np.eye(4), spacing_mm=None))
    (root / "cohort.yaml").write_text(COHORT_YAML + objects)
    (root / "manifest.csv").write_text(MANIFEST + rows)
    return load_cohort(root)


def refusals(root: Path, *content: str) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        loaded(root, *content)
    return caught.value.complaints


# ------------------------------------------------------------------------------------- a good one
def test_the_rules_are_read_and_written_as_they_are(tmp_path: Path) -> None:
    text = "overlap: 255, unknown: [254, 253], hides: {gut: [liver, gut], liver: gut}, component: false"
    cohort = loaded(tmp_path, f"objects: {{{text}, smallest: 60, smallest_occluded: 20}}\n")
    hides = {"gut": ("liver", "gut"), "liver": ("gut",)}
    assert cohort.rules == ObjectRules(
        overlap=(255,),
        unknown=(254, 253),
        hides=hides,
        component=False,
        instances=False,
        smallest=60,
        smallest_occluded=20,
    )
    assert (cohort.annotators, cohort.channels) == ((), ())
    assert cohort.cases[0].images == () and cohort.cases[0].object_masks == {"full": tmp_path / "m1.png"}
    write_cohort(cohort, overwrite=True)
    assert load_cohort(tmp_path) == cohort
    assert len(fingerprint(cohort)) == 64


def test_any_object_may_hide_any_other_and_is_written_so(tmp_path: Path) -> None:
    every = ("liver", "gut")
    cohort = loaded(tmp_path, "objects: {hides: all, complete: known, border: keep}\n")
    assert cohort.rules == ObjectRules(hides={"liver": every, "gut": every}, complete="known", border="keep")
    write_cohort(cohort, overwrite=True)
    assert "\n  hides: all\n" in (tmp_path / "cohort.yaml").read_text()
    assert load_cohort(tmp_path) == cohort
    cohort = loaded(tmp_path, "objects: {hides: {gut: [gut]}}\n")
    write_cohort(cohort, overwrite=True)
    assert load_cohort(tmp_path).rules.hides == {"gut": ("gut",)}


def test_without_the_section_there_are_no_rules_and_with_an_empty_one_the_defaults(tmp_path: Path) -> None:
    assert loaded(tmp_path, "objects:\n").rules == ObjectRules()
    assert refusals(tmp_path, "") == (
        "image: expected a path, got nothing (m1/labels, manifest.csv line 2)",
        "image: expected a path, got nothing (m2/labels, manifest.csv line 3)",
    )


def test_a_cohort_of_objects_is_split_like_another(tmp_path: Path) -> None:
    cohort = loaded(tmp_path, "objects: {smallest: 2}\n")
    split = apply(cohort, split_cases(cohort.cases, SplitConfig(val=0, test=0.5)))
    assert sorted(case.split for case in split.cases) == ["test", "train"] and split.rules == cohort.rules


# --------------------------------------------------------------------------------------- complaints
@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        (
            "{overlaps: [255]}",
            "key: expected overlap unknown hides component instances pieces complete border smallest "
            "smallest_occluded, got overlaps; did you mean overlap? (objects, cohort.yaml)",
        ),
        (
            "true",
            "objects: expected keys overlap, unknown, hides, component, instances, pieces, complete, border, smallest, "
            "smallest_occluded, got True (cohort.yaml)",
        ),
        (
            "{overlap: [2]}",
            "overlap: expected values that are no class, got 2, which is gut (objects.overlap, cohort.yaml)",
        ),
        (
            "{unknown: 0}",
            "unknown: expected values that are no class, got 0, which is background (objects.unknown, cohort.yaml)",
        ),
        (
            "{overlap: [9], unknown: [9]}",
            "unknown: expected values that are no overlap, got 9, which is (objects.unknown, cohort.yaml)",
        ),
        (
            "{overlap: [many]}",
            "overlap: expected integers of the label maps, got ['many'] (objects.overlap, cohort.yaml)",
        ),
        (
            "{hides: {gutt: [liver]}}",
            "class: expected liver gut, got gutt; did you mean gut? (objects.hides, cohort.yaml)",
        ),
        (
            "{hides: [gut]}",
            "hides: expected all, or class: [classes that it may hide], got ['gut'] (objects.hides, cohort.yaml)",
        ),
        ("{complete: false}", "complete: expected unoccluded or known, got False (objects.complete, cohort.yaml)"),
        ("{pieces: any}", "pieces: expected decided or apart or joined, got any (objects.pieces, cohort.yaml)"),
        ("{border: cut}", "border: expected drop or keep, got cut (objects.border, cohort.yaml)"),
        ("{component: 1}", "component: expected true or false, got 1 (objects.component, cohort.yaml)"),
        (
            "{smallest: 0}",
            "smallest: expected a number of voxels, 1 or more, got 0 (objects.smallest, cohort.yaml)",
        ),
        (
            "{instances: true}",
            "classes: expected background and one other, as instances is true, got background, liver, gut "
            "(cohort.yaml)",
        ),
    ],
)
def test_a_bad_rule_is_named(tmp_path: Path, objects: str, expected: str) -> None:
    assert refusals(tmp_path, f"objects: {objects}\n") == (expected,)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            "m3,,,,bob,m1.png,",
            "annotator: expected labels, as cohort.yaml has objects, got bob (m3/bob, manifest.csv line 2)",
        ),
        (
            "m3,,,,labels,m1.png,visibel",
            "target: expected full, visible, occluder, got visibel; did you mean visible? "
            "(m3/labels, manifest.csv line 2)",
        ),
        (
            "m3,,,,labels,m1.png,occluder",
            "target beside occluder: expected visible, got none (m3/labels, manifest.csv line 2)",
        ),
        (
            "m3,,,,,,",
            "annotator: expected labels, as cohort.yaml has objects, got nothing (m3, manifest.csv line 2)",
        ),
        (
            "m3,,,,labels,m9.png,",
            "mask file: expected a file, got none at m9.png (m3/labels, manifest.csv line 2)",
        ),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, expected: str) -> None:
    assert refusals(tmp_path, "objects: {overlap: 255}\n", row + "\n") == (expected,)


# ---------------------------------------------------------------------------------- rules laid over others
CLASSES = (
    ClassLabel(name="background", value=0),
    ClassLabel(name="class_1", value=1),
    ClassLabel(name="class_2", value=2),
    ClassLabel(name="class_255", value=255),
)


def laid_over(rules: ObjectRules, text: str) -> ObjectScheme:
    return scheme_with_rules(ObjectScheme(classes=CLASSES, rules=rules, spatial_dims=2), text, "--rules")


def test_rules_that_are_not_stated_stay() -> None:
    own = ObjectRules(component=False, complete="known", smallest=4)
    found = laid_over(own, "{overlap: 255, smallest: 9}")
    assert found.rules == ObjectRules(overlap=(255,), component=False, complete="known", smallest=9)
    assert found.classes == CLASSES[:3]


def test_instances_are_of_one_class_that_nobody_has_to_write_down() -> None:
    found = laid_over(ObjectRules(hides={"class_1": ("class_2",)}), "{instances: true, overlap: 1}")
    assert found.classes == (CLASSES[0], ClassLabel(name="object", value=2))
    assert found.rules == ObjectRules(instances=True, overlap=(1,))
    every = laid_over(ObjectRules(), "{instances: true, hides: all}")
    assert every.rules.hides == {"object": ("object",)} and len(every.classes) == 2
    cells = ObjectScheme(classes=(CLASSES[0], ClassLabel(name="cell", value=7)), rules=ObjectRules(), spatial_dims=2)
    named = scheme_with_rules(cells, "{instances: true, hides: all}", "--rules")
    assert named.classes == cells.classes and named.rules.hides == {"cell": ("cell",)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{overlap: 0}", "overlap: expected values that are no class, got 0, which is background (objects.overlap, x)"),
        ("{overlap: [[1]]}", "overlap: expected integers of the label maps, got [[1]] (objects.overlap, x)"),
        (
            "{instances: true, pieces: joined}",
            "pieces: expected apart or decided, as instances is true and numbers say what belongs together, got joined "
            "(objects.pieces, x)",
        ),
        ("{hides: every}", "hides: expected all, or class: [classes that it may hide], got every (objects.hides, x)"),
    ],
)
def test_a_bad_rule_laid_over_others_is_named(text: str, expected: str) -> None:
    scheme = ObjectScheme(classes=CLASSES, rules=ObjectRules(), spatial_dims=2)
    with pytest.raises(Refused) as caught:
        scheme_with_rules(scheme, text, "x")
    assert caught.value.complaints == (expected,)
