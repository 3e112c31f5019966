"""The forced choice on paper: seeded questions, a page that keeps answers, and answers that are judged."""

from __future__ import annotations

import base64
import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medseg.annotators.diagnosis.answers import judge_answers
from medseg.annotators.diagnosis.deviations import deviations_of
from medseg.annotators.diagnosis.sheet import KEY, PER_GROUP, SHOWN, questions_of, write_sheet
from medseg.annotators.people.labelling import labelling_of
from medseg.contracts import Refused
from tests.annotators.people.conftest import disc, write_cohort
from tests.reporting.browser import needs_browser, opened

ODD = "<script>console.error('\"called')</script>\"'><img src=nowhere.png>"
GROUPS = np.arange(24) % 2
OF_EXAMPLES = np.arange(24) < 16
ANSWERING = """<script>addEventListener("load", () => {
  const found = {widths: [...document.images].map(img => img.naturalWidth), text: document.body.innerText};
  const shown = () => [...document.querySelectorAll("section")].filter(one => !one.hidden);
  const press = side => shown()[0].querySelector(`button[value=${side}]`).click();
  found.first = shown().map(one => one.querySelector("h2").innerText);
  press("left");
  press("right");
  found.third = shown().map(one => one.querySelector("h2").innerText);
  document.getElementById("back").click();
  found.pressed = shown()[0].querySelector("button[aria-pressed=true]").value;
  document.getElementById("who").value = "<b>ann</b>";
  document.getElementById("who").dispatchEvent(new Event("input"));
  found.kept = JSON.parse(localStorage.getItem(sheet));
  found.state = document.getElementById("state").value;
  found.fetched = performance.getEntriesByType("resource").map(each => each.name.slice(0, 40));
  const told = document.createElement("pre");
  told.id = "told";
  told.textContent = JSON.stringify(found);
  document.body.append(told);
});</script>"""


def test_a_question_shows_members_and_asks_for_one_that_was_not_shown() -> None:
    questions = questions_of(GROUPS, OF_EXAMPLES, ["a", "b"])
    assert len(questions) == 2 * PER_GROUP and questions == questions_of(GROUPS, OF_EXAMPLES, ["a", "b"])
    for one in questions:
        member, other = (one.left, one.right) if one.answer == "left" else (one.right, one.left)
        assert GROUPS[member] == one.group != GROUPS[other] and min(member, other) >= 16
        assert len(set(one.examples)) == SHOWN and max(one.examples) < 16
        assert all(GROUPS[index] == one.group for index in one.examples)
    assert {one.answer for one in questions} == {"left", "right"}
    assert len({one.group for one in questions[:PER_GROUP]}) == 2


def test_a_group_of_too_few_examples_is_not_asked_about() -> None:
    assert questions_of(GROUPS, np.arange(24) < 2 * SHOWN - 1, ["a", "b"]) == [
        one for one in questions_of(GROUPS, np.arange(24) < 2 * SHOWN - 1, ["a", "b"]) if one.group == 0
    ]
    assert questions_of(GROUPS, np.ones(24, bool), ["a", "b"]) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sheet of twelve discs, each drawn wide and narrow; the cohort bears an odd name."""
    root = tmp_path_factory.mktemp("sheet")
    masks = {f"c{n:02d}": {"wide": disc(12), "narrow": disc(7), "truth": disc(10)} for n in range(12)}
    cohort = write_cohort(root / "cohort", masks)
    labelling = labelling_of(cohort)
    labelling = replace(labelling, cohort=replace(labelling.cohort, name=ODD))
    deviations = deviations_of(labelling)
    questions = questions_of(deviations.annotator, deviations.case_index < 8, ["<b>", "narrow"])
    write_sheet(root, labelling, deviations, questions, names=["<b>", "narrow"])
    return root


def key_of(folder: Path) -> list[dict[str, str]]:
    with (folder / KEY).open() as file:
        return list(csv.DictReader(file))


def test_the_sheet_needs_no_other_file_and_tells_no_answer(folder: Path) -> None:
    page = (folder / "sheet.html").read_text("utf-8")
    sources = set(re.findall(r'src="([^"]{0,22})', page))
    assert sources == {"data:image/webp;base64"} and ODD not in page and "&lt;img src=nowhere.png" in page
    assert not re.search(r"https?:", page) and "narrow" not in page
    (key,) = re.findall(r'atob\("([^"]+)"\)', page)
    assert json.loads(base64.b64decode(key)) == [row["answer"] for row in key_of(folder)]


@needs_browser
def test_answers_are_kept_and_the_console_is_silent(folder: Path, tmp_path: Path) -> None:
    found = opened(folder / "sheet.html", tmp_path / "alone", ANSWERING)
    total = 2 * PER_GROUP
    assert len(found["widths"]) == total * (SHOWN + 2) and min(found["widths"]) > 0
    assert (found["first"], found["third"], found["pressed"]) == ([f"1 of {total}"], [f"3 of {total}"], "right")
    assert found["kept"]["answers"] == {"0": "left", "1": "right"} and found["kept"]["name"] == "<b>ann</b>"
    assert found["kept"]["sheet"] == key_of(folder)[0]["sheet"] and found["state"] == f"2 of {total} answered"
    assert found["console"] == [] and all(name.startswith("data:") for name in found["fetched"])


def test_answers_are_judged_group_by_group(folder: Path, tmp_path: Path) -> None:
    key = key_of(folder)
    given = {str(n): row["answer"] if row["group"] == "narrow" else "left" for n, row in enumerate(key)}
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({"sheet": key[0]["sheet"], "name": "", "answers": given}))
    table = judge_answers(folder, answers).set_index("group")
    left = sum(row["answer"] == "left" for row in key if row["group"] == "<b>")
    assert table.loc["narrow", "accuracy"] == 1 and table.loc["<b>", "right"] == left
    assert table.loc["all groups", "answered"] == 2 * PER_GROUP
    n, z2 = PER_GROUP, 1.959963984540054**2
    assert table.loc["narrow", "accuracy_low"] == pytest.approx(n / (n + z2))  # Wilson's, of n out of n


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("no JSON", "answers: expected the file that the sheet downloads, got another content"),
        ("[]", "answers: expected the file that the sheet downloads"),
        ('{"sheet": "x", "answers": {}}', "answers: expected those to the sheet"),
        ('{"sheet": "SHEET", "answers": {}}', "answers: expected left or right to questions 0 to 11, got {}"),
        ('{"sheet": "SHEET", "answers": {"12": "left"}}', "expected left or right to questions 0 to 11"),
        ('{"sheet": "SHEET", "answers": {"0": "both"}}', "expected left or right to questions 0 to 11"),
    ],
)
def test_other_answers_are_refused(folder: Path, tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "answers.json").write_text(content.replace("SHEET", key_of(folder)[0]["sheet"]))
    with pytest.raises(Refused, match=re.escape(sentence)):
        judge_answers(folder, tmp_path / "answers.json")


def test_answers_without_a_sheet_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="sheet: expected sheet_key.csv"):
        judge_answers(tmp_path, tmp_path / "answers.json")
