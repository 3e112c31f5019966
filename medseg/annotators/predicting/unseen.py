"""Annotators of whom a run has no label, told by what is said of them: `medseg predict --as`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch

from medseg.annotators.assembly import Signature
from medseg.annotators.described import Described
from medseg.annotators.mathematics.model import AnnotatorModel
from medseg.annotators.mathematics.stages import RECIPES
from medseg.annotators.predicting.predictor import Predictor
from medseg.cohorts import did_you_mean, naming_complaints
from medseg.contracts import Refused, Said, complaint

OPTION = "--as"


def with_unseen(predictor: Predictor, people: Mapping[str, Said], run: Path) -> Predictor:
    """The predictor for its annotators and, behind them, these (name -> what is said); its model is changed.

    A style is own^(a) + P m^(a) (``StyleConfusion``); own of these is the mean of all, so that he of whom nothing is
    said has the mean style. Raises Refused for a run without styles, one whose cohort said nothing, a name that the run
    has already or that no file can have, a key of which the run knows nothing, and a word where it knows numbers.
    """
    if not people:
        return predictor
    recipe, described = predictor.config.recipe, predictor.signature.described
    if RECIPES[recipe].confusion != "style":
        raise Refused([complaint(OPTION, "a run with styles (recipe=fused)", f"recipe {recipe}", str(run))])
    if described is None:
        expected = "a run whose cohort.yaml said something of its annotators (people:)"
        raise Refused([complaint(OPTION, expected, "one that said nothing", str(run))])
    if found := [*_name_complaints(people, predictor.signature, run), *_key_complaints(people, described)]:
        raise Refused(found)
    said = torch.from_numpy(described.rows(people.values()))
    for module in list(predictor.model.modules()):
        if isinstance(module, AnnotatorModel):
            module.admit(said)
    annotators = (*predictor.signature.annotators, *people)
    return replace(predictor, signature=replace(predictor.signature, annotators=annotators))


def _name_complaints(people: Mapping[str, Said], signature: Signature, run: Path) -> Iterator[str]:
    for name in people:
        if name in signature.annotators:
            yield complaint(f"name after {OPTION}", "one that no annotator of the run has", name, str(run))
    everybody = dict.fromkeys(signature.annotators, str(run)) | dict.fromkeys(people, OPTION)
    yield from naming_complaints("annotator", everybody)


def _key_complaints(people: Mapping[str, Said], described: Described) -> Iterator[str]:
    """Keys that the run does not know, and values of another kind than it knows."""
    for name, said in people.items():
        for key, value in said.items():
            if key not in described.keys:
                got = f"{key}{did_you_mean(key, described.keys)}"
                yield complaint(f"key of {name}", f"one of {', '.join(described.keys)}", got, OPTION)
            elif isinstance(value, str) != (key in described.words):
                kind = f"a word ({', '.join(described.words[key])})" if key in described.words else "a number"
                yield complaint(f"{key} of {name}", f"{kind}, as in the run", value, OPTION)
