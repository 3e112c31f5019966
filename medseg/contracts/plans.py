"""What a method plans for a cohort: a config, each key with its reason."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from medseg.contracts.yaml_text import yaml_line

WIDTH = 118
"""Letters of a line of comment."""


@dataclass(frozen=True, kw_only=True)
class PlannedKey:
    """One value of a config, and why it is that."""

    key: str
    """Dotted, of two parts at most."""
    value: Any
    """As YAML has it."""
    reason: str
    """A line for the user."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A config that is ready to be trained and to be changed."""

    head: str
    """What stands above it."""
    keys: tuple[PlannedKey, ...]
    """Those of one section one after the other."""

    @property
    def text(self) -> str:
        """The YAML file: above each key its reason, as a comment.

        >>> print(Plan(head="Planned.", keys=(PlannedKey(key="data.cohort", value="cells", reason="here"),)).text)
        # Planned.
        data:
          # here
          cohort: cells
        <BLANKLINE>
        """
        return "\n".join([*_comment(self.head, ""), *self._body(), ""])

    @property
    def lines(self) -> list[str]:
        """Key, value and reason, a line each, for the terminal."""
        return [f"{yaml_line(each.key, each.value)}  # {_one_line(each.reason)}" for each in self.keys]

    def _body(self) -> Iterator[str]:
        opened = ""
        for each in self.keys:
            section, _, last = each.key.rpartition(".")
            if section and section != opened:
                yield f"{section}:"
            opened, indent = section, "  " if section else ""
            yield from _comment(each.reason, indent)
            yield f"{indent}{yaml_line(last, each.value)}"


def _comment(text: str, indent: str) -> list[str]:
    start = f"{indent}# "
    return textwrap.wrap(_one_line(text), WIDTH, initial_indent=start, subsequent_indent=start)


def _one_line(text: str) -> str:
    """No name can end a comment."""
    return " ".join(text.split())
