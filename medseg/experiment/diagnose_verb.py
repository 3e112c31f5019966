"""The options of `medseg diagnose`; what is heavy is imported when it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medseg.contracts import Refused, complaint
from medseg.experiment.refusing import refusing


def diagnose(
    run: Annotated[Path, typer.Argument(help="A run folder with annotators.", show_default=False)],
    what: Annotated[
        str, typer.Option(help="Of memorisation (which trains), decodability, clusters, mapper.")
    ] = "decodability,clusters,mapper",
    out: Annotated[Path | None, typer.Option(help="Folder for the diagnosis; RUN/diagnosis by default.")] = None,
    whose: Annotated[str, typer.Option(help="Whose labels are swapped: all at once, each, or names.")] = "all",
    shares: Annotated[str, typer.Option(help="Of the training cases, in percent; 0 is always trained.")] = "25,50,100",
    steps: Annotated[int | None, typer.Option(help="Of each training; the run's own by default.")] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="So many trainings at a time; one per core.")] = None,
    answers: Annotated[Path | None, typer.Option(help="Only judge what the sheet for people has downloaded.")] = None,
) -> None:
    """What a run has learned, what of it by heart, and which of its annotators' errors are concepts."""
    with refusing(out or run):
        if answers is not None:
            from medseg.annotators.diagnosis import place_of, score_answers

            return typer.echo(score_answers(place_of(run, out), answers))
        percents = _percents(shares)
        from medseg.experiment.diagnose import diagnose as run_diagnosis

        typer.echo(
            run_diagnosis(
                run,
                what.split(","),
                out,
                whose=whose.split(","),
                percents=percents,
                steps=steps,
                processes=processes,
            )
        )


def _percents(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise Refused([complaint("--shares", "whole percentages, parted by commas", text, "memorisation")]) from None
