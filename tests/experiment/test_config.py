"""`medseg config` names every key of both methods; docs/config.md is what it says.

python -m tests.experiment.test_config    # writes docs/config.md
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from medseg.__main__ import app
from medseg.config import keys_of
from medseg.experiment.config import config_page
from medseg.experiment.methods import METHODS, layouts, methods

PAGE = Path(__file__).parents[2] / "docs" / "config.md"
KINDS = {name: each.config for name, each in zip(METHODS, methods(), strict=True)}


def medseg(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "300"})
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return done.exit_code, done.output


def leaves(kind: type[BaseModel], above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name -> field, by the classes themselves."""
    for name, field in kind.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from leaves(annotation, f"{above}{name}.")
        else:
            yield f"{above}{name}", field


@pytest.mark.parametrize("method", KINDS)
def test_every_key_has_a_default_and_a_sentence(method: str) -> None:
    keys = {key.name: key for key in keys_of(KINDS[method])}
    fields = dict(leaves(KINDS[method]))
    assert list(keys) == list(fields) and len(keys) > 30
    for name, key in keys.items():
        assert (
            len(key.meaning) > 3 and key.meaning[0].isalnum() | (key.meaning[0] in "(`") and key.meaning[-1] in ".)"
        ), name
        assert key.values and (key.default == "required") == fields[name].is_required(), name
    _, said = medseg("config", method)
    assert [line for line in said.splitlines() if line and line[0] not in "# "] == list(keys)


def test_what_is_said_of_a_key() -> None:
    status, said = medseg("config", "annotators", "training.patience")
    assert status == 0 and said == (
        "# annotators\n"
        "training.patience\n"
        "    a whole number > 0 or null; default null\n"
        "    End a stage after this many epochs without a better criterion in validation (None: never).\n"
    )
    assert "one of constant, cosine; default cosine" in medseg("config", "amodal", "training")[1]
    assert "keys train, val, test, each a whole number > 0; default {}" in medseg("config", "amodal", "data.split")[1]
    assert "a list of 2: a number >= 0 and < 1 each; default [0.005, 0.6]" in medseg("config", "amodal")[1]
    assert "data.cohort\n    text; required\n" in medseg("config")[1]


def test_help_names_layouts_recipes_and_where_keys_are_explained() -> None:
    _, said = medseg("index", "--help")
    assert all(f"  {name} " in said for name in layouts()) and "imagesTr/<case>_0000.nii.gz" in said
    _, said = medseg("train", "--help")
    assert "fused, anchored" in said and "three_stages, without_complete" in said
    assert "medseg config [annotators|amodal] [SECTION]" in said


def test_the_version_is_printed() -> None:
    from medseg import __version__

    assert medseg("--version") == (0, f"medseg {__version__}\n")


def test_the_page_is_what_the_sections_say() -> None:
    assert PAGE.read_text("utf-8") == config_page(), "python -m tests.experiment.test_config"


if __name__ == "__main__":
    PAGE.write_text(config_page(), "utf-8")
