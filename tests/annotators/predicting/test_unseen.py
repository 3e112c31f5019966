"""`medseg predict --as`: maps of annotators of whom a run has no label, beside those of its own."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from medseg.annotators.assembly import Signature
from medseg.annotators.mathematics.model import AnnotatorModel
from medseg.annotators.predicting.predictor import Predictor
from medseg.annotators.predicting.unseen import with_unseen
from medseg.contracts import Refused, Said

from ...faults.tiny_runs import medseg
from .test_predictor import SIGNATURE, run_folder, volume

PEOPLE: dict[str, Said] = {"ann": {"years": 2, "tool": "amira"}, "bob": {"years": 6, "tool": "imagej"}}
LIKE_BOB = "novice: {years: 6, tool: imagej}"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_folder(tmp_path / "run", "fused", people=PEOPLE)


def read(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def test_the_signature_says_what_was_said_and_old_ones_are_read(run: Path, tmp_path: Path) -> None:
    content = json.loads((run / "model.json").read_text())
    assert content["described"] == {
        "people": PEOPLE,
        "numbers": {"years": {"mean": 4.0, "deviation": 2.0}},
        "words": {"tool": {"amira": 0.5, "imagej": 0.5}},
    }
    assert Signature.read(run).described is not None
    silent = run_folder(tmp_path / "silent", "fused")
    assert "described" not in json.loads((silent / "model.json").read_text())
    assert Signature.read(silent) == SIGNATURE
    assert not [name for name in torch.load(silent / "weights.pt", weights_only=True) if "said" in name]


@pytest.mark.parametrize("content", [[], {"people": {}}, {"people": {}, "numbers": {"years": 3}, "words": {}}])
def test_another_content_of_it_is_refused(run: Path, content: object) -> None:
    path = run / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"described": content}))
    with pytest.raises(Refused, match=r"model.json: expected what training writes, got another content"):
        Signature.read(run)


def test_the_unseen_stand_beside_the_others_and_change_nothing_of_theirs(
    run: Path, images: Path, tmp_path: Path
) -> None:
    """Maps, probabilities, matrices, samples; who is called new is the second of two."""
    more = ("--annotator-probabilities", "--confusion", "--samples", 8)
    assert medseg("predict", run, "--images", images, "--out", tmp_path / "own", *more) == (0, [])
    told = ("--as", LIKE_BOB, "--as", "new: {}")
    assert medseg("predict", run, "--images", images, "--out", tmp_path / "all", *more, *told) == (0, [])
    own, every = ({path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*.nii.gz")
                   if "samples" not in path.parts} for name in ("own", "all"))  # fmt: skip
    for path in own:
        np.testing.assert_allclose(read(tmp_path / "own" / path), read(tmp_path / "all" / path), atol=1e-6)
    folders = ("annotators", "annotator_probabilities", "confusion", "reliability")
    added = {(path.parts[0], path.parts[1]) for path in every - own}
    assert added == {(folder, name) for folder in folders for name in ("novice", "new")}
    with (tmp_path / "all/samples.csv").open() as file:
        assert {row["annotator"] for row in csv.DictReader(file)} == {"ann", "bob", "novice", "new"}
    novice, new = (
        read(tmp_path / "all/annotator_probabilities" / name / "cell/c0.nii.gz") for name in ("novice", "new")
    )
    assert np.abs(novice - new).max() > 0.05


def test_a_style_is_the_mean_of_all_and_what_is_said(run: Path) -> None:
    predictor = Predictor.load(run)
    model = predictor.model.eval()
    assert isinstance(model, AnnotatorModel)
    own, weight = model.confusion.embedding.clone(), model.confusion.said_weight.clone()
    found = with_unseen(predictor, {"novice": {"years": 8}, "new": {}, "other": {"tool": "hand"}}, run)
    assert found.signature.annotators == ("ann", "bob", "novice", "new", "other")
    styles, mean = model.confusion.styles()[2:], own.mean(dim=0)
    torch.testing.assert_close(styles[0], mean + 2 * weight[:, 0])  # two deviations from the mean
    torch.testing.assert_close(styles[1:], mean.expand(2, -1))  # a tool that nobody has says nothing
    assert found("c", volume()).annotator_probs.shape[0] == 5


def test_several_runs_admit_them_all_and_must_have_been_told_the_same(run: Path, images: Path, tmp_path: Path) -> None:
    other = run_folder(tmp_path / "other", "fused", seed=1, people=PEOPLE)
    told = ("--as", LIKE_BOB, "--annotator-probabilities")
    for name, runs in (("one", [run]), ("two", [other]), ("both", [run, other])):
        assert medseg("predict", *runs, "--images", images, "--out", tmp_path / name, *told) == (0, [])
    maps = [read(tmp_path / name / "annotator_probabilities/novice/cell/c0.nii.gz") for name in ("one", "two", "both")]
    np.testing.assert_allclose(maps[2], (maps[0] + maps[1]) / 2, atol=1e-5)
    third = run_folder(tmp_path / "third", "fused", people=PEOPLE | {"bob": {"years": 4}})
    status, said = medseg("predict", run, third, "--images", images, "--out", tmp_path / "out", *told)
    assert (status, len(said)) == (1, 1)
    assert said[0].startswith(
        "error: what is said of people of an ensemble: expected years 4 +- 2; tool amira, imagej of ann, bob, "
        "got years 3 +- 1; tool amira of ann, bob ("
    )


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("ann: {years: 3}", "name after --as: expected one that no annotator of the run has, got ann ("),
        (
            "Ann: {years: 3}",
            "annotator: expected names that differ in more than upper and lower case, got 'Ann' beside",
        ),
        ("a/b: {}", "annotator: expected a name that a file can have, got 'a/b' (--as)"),
        ("new: {year: 3}", "key of new: expected one of years, tool, got year; did you mean years? (--as)"),
        ("new: {years: many}", "years of new: expected a number, as in the run, got many (--as)"),
        ("new: {tool: 3}", "tool of new: expected a word (amira, imagej), as in the run, got 3 (--as)"),
        (
            "new: {tool: [amira]}",
            "tool of new: expected a number or a word, got ['amira'] (--as, new: {tool: [amira]})",
        ),
        ("new", "--as: expected name: {key: number or word}, got new (new)"),
        ("{}", "--as: expected name: {key: number or word}, got nobody ({})"),
        ("new: {", "--as: expected YAML, got "),
    ],
)
def test_what_is_wrong_about_the_unseen_is_said(
    run: Path, images: Path, tmp_path: Path, told: str, sentence: str
) -> None:
    status, said = medseg("predict", run, "--images", images, "--out", tmp_path / "out", "--as", told)
    assert (status, len(said)) == (1, 1) and said[0].startswith(f"error: {sentence}"), said
    assert not (tmp_path / "out").exists()


def test_nobody_is_told_twice_or_where_annotators_are_not_asked_for(run: Path, images: Path, tmp_path: Path) -> None:
    words = ("predict", run, "--images", images, "--out", tmp_path / "out", "--as", "new: {years: 3}")
    assert medseg(*words, "--as", "new: {}") == (1, ["error: --as of new: expected one, got another (new: {})"])
    sentence = "error: --no-annotators: expected no maps of annotators, got some that are asked for"
    assert medseg(*words, "--no-annotators") == (1, [f"{sentence} ({run})"])


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ("anchored", "--as: expected a run with styles (recipe=fused), got recipe anchored"),
        (
            "fused",
            "--as: expected a run whose cohort.yaml said something of its annotators (people:), got one that said",
        ),
    ],
)
def test_a_run_that_cannot_tell_is_refused(recipe: str, sentence: str, images: Path, tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", recipe)
    status, said = medseg("predict", run, "--images", images, "--out", tmp_path / "out", "--as", "new: {}")
    assert status == 1 and len(said) == 1 and said[0].startswith(f"error: {sentence}"), said
    assert not (tmp_path / "out").exists()


def test_nobody_unseen_leaves_the_predictor_as_it_is(run: Path) -> None:
    predictor = Predictor.load(run)
    assert with_unseen(predictor, {}, run) is predictor
    assert predictor.signature == replace(SIGNATURE, described=Signature.read(run).described)
