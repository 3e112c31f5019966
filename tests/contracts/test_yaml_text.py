"""The loader in C is asked first; whatever it reads, the one in Python reads the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st

from medseg.contracts import yaml_text
from medseg.contracts.yaml_text import NotYaml, YamlText, parse_yaml

ROOT = Path(__file__).parents[2]
PARTS = [
    "a", "b: ", "c:", "1", "1e-3", "off", "true", "null", "~", "0x1", "0o7", "12:30", "2020-01-01", "1_000", "<<: ",
    "=", "- ", "-", "? ", "\n", "\n  ", "\n    ", " ", "{", "}", "[", "]", ", ", ",", "{a: ", "]}", "#", " #x",
    "'", '"', "''", "\\x41", "\\n", "|\n", "> \n", "|2\n", "|-\n", ">+\n", "&x ", "*x", "!", "!!int ",
    "!!bool ", "!!timestamp ", "%YAML 1.1\n", "---\n", "...\n", "::", ":", "a:b", "@", "`",
    "\t", "\r\n", "\u00e9", "\u2028", "\ufeff",
]  # fmt: skip


def by_python_alone(text: str) -> YamlText | str:
    try:
        return yaml_text._read(text, yaml_text._Loader)
    except yaml_text._NOT_READ as error:
        return type(error).__name__


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML is without its loader in C")
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.lists(st.sampled_from(PARTS), max_size=14).map("".join))
def test_a_text_says_the_same_to_both_loaders(text: str) -> None:
    try:
        found: YamlText | str = parse_yaml(text)
    except NotYaml:
        found = "refused"
    expected = by_python_alone(text)
    assert repr(found) == repr(expected) if isinstance(expected, YamlText) else found == "refused"


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/**/*.yaml")), ids=lambda path: path.stem)
def test_a_config_says_the_same_to_both_loaders(path: Path) -> None:
    assert parse_yaml(path.read_text()) == by_python_alone(path.read_text())


def test_what_is_refused_is_said_as_the_slower_loader_says_it() -> None:
    with pytest.raises(NotYaml, match="^an alias, \\*x: write its content out$"):
        parse_yaml("a: &x 1\nb: *x")
    with pytest.raises(NotYaml, match="^mapping values are not allowed here$") as refused:
        parse_yaml("a: 1\nb: c: d")
    assert refused.value.line == 2


@pytest.mark.parametrize("text", ["!!int", "a: !!bool x", "!!timestamp x", "[!!float ]"])
def test_a_value_that_does_not_fit_its_tag_is_refused(text: str) -> None:
    with pytest.raises(NotYaml):
        parse_yaml(text)
