"""`medseg config`: every key of a config with its default, what may stand there, and what it is."""

from __future__ import annotations

from medseg.config import as_markdown, chosen, keys_of, recipes
from medseg.contracts import Refused, complaint
from medseg.experiment.methods import METHODS, methods

EXPLAINED = "every key of a config: medseg config [annotators|amodal] [SECTION], or docs/config.md"
"""Where keys are explained."""


def config_keys(method: str | None = None, section: str | None = None) -> str:
    """The keys of a method's configs, or of all methods'; of a section, ``training`` or ``data.split``.

    Raises Refused for a method or a section that there is not.
    """
    if method is not None and method not in METHODS:
        raise Refused([complaint("method", f"one of {', '.join(METHODS)}", method, "config")])
    parts = []
    for name, each in zip(METHODS, methods(), strict=True):
        if method in (None, name):
            keys = keys_of(each.config)
            parts += [f"# {name}", *map(str, keys if section is None else chosen(keys, section))]
    return "\n".join(parts)


def config_page() -> str:
    """The content of docs/config.md."""
    parts = [HEAD]
    for name, each in zip(METHODS, methods(), strict=True):
        keys = keys_of(each.config)
        plain = [key for key in keys if "." not in key.name]
        parts += [f"## {name}", as_markdown(plain)]
        for section in dict.fromkeys(key.name.partition(".")[0] for key in keys if "." in key.name):
            parts += [f"### {name}: {section}", as_markdown(chosen(keys, section))]
    return "\n\n".join(parts) + "\n"


HEAD = """# Every key of a config

Written by a test; `medseg config annotators training` prints the same in a terminal.
A key is nested in the YAML file, and dotted as an override: `medseg train CONFIG training.batch_size=4`. null is
what the sentences call None."""


def recipe_lines() -> list[str]:
    """The recipes of each method, a line each."""
    return [f"{name}: {', '.join(recipes(each.config))}" for name, each in zip(METHODS, methods(), strict=True)]
