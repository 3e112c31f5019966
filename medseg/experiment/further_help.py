"""What `--help` of a verb says below its options: looked up when it is asked for, so that nothing else waits for it."""

from __future__ import annotations

import textwrap
from typing import Any

from typer.core import TyperCommand


class WithLayouts(TyperCommand):
    """`medseg index --help`: the layouts, and what each needs."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """A line or two each."""
        from medseg.experiment.methods import layouts

        with formatter.section("Layouts"):
            formatter.write_dl([(name, textwrap.shorten(row.needs, 400)) for name, row in layouts().items()])


class WithRecipes(TyperCommand):
    """`medseg train --help`: the recipes, and where the keys of a config are explained."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """A line per method."""
        from medseg.experiment.config import EXPLAINED, recipe_lines

        with formatter.section("Recipes (recipe=...)"):
            formatter.write_dl([(name, names) for name, _, names in (line.partition(": ") for line in recipe_lines())])
        with formatter.section("Keys"):
            formatter.write_text(EXPLAINED)
