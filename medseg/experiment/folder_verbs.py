"""The verbs from a folder of files to a cohort, as the command line takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medseg.experiment.refusing import refusing

Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False, show_default=False)]
Text = str | None
Pair = tuple[str, str] | None


def index(
    folder: Folder,
    layout: Annotated[Text, typer.Option(help="Name of the layout; found out by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write here instead of into the folder.")] = None,
    pattern: Annotated[Pair, typer.Option(help="'images/{case}.png' 'masks/{annotator}/{case}_seg.png'")] = None,
    task: Annotated[Text, typer.Option(help="The task of a QUBIQ folder, e.g. task01.")] = None,
    patient_from: Annotated[Text, typer.Option(help="Expression that finds the patient in a case's name.")] = None,
    classes: Annotated[Text, typer.Option(help="What mask values mean: background=0,object=255/1.")] = None,
    ignore: Annotated[Text, typer.Option(help="Mask values that say nothing, e.g. 255.")] = None,
    colours: Annotated[Text, typer.Option(help="background=#000000,object=#ff0000, or a CSV.")] = None,
    annotators: Annotated[Text, typer.Option(help="Other names: reference=anna,seg01=ben.")] = None,
    map: Annotated[Text, typer.Option(help="What words for splits mean: validate=val.")] = None,
    spacing: Annotated[Text, typer.Option(help="Pixel size of pictures in mm: 0.5, or 0.5x0.25 (y, x).")] = None,
    rules: Annotated[Text, typer.Option(help="How label maps are taken apart: objects: of cohort.yaml.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Write manifest.csv and cohort.yaml for a folder of images and masks."""
    with refusing(out or folder):
        from medseg.experiment.cohorts import index_folder

        choices = {"layout": layout, "pattern": pattern, "task": task, "patient_from": patient_from, "classes": classes}
        choices |= {"ignore": ignore, "colours": colours, "annotators": annotators, "spacing": spacing}
        typer.echo(index_folder(folder, out or folder, overwrite=overwrite, rules=rules, split_words=map, **choices))


def check(
    folder: Folder,
    page: Annotated[Path | None, typer.Option(help="Draw some objects of the label maps to this PNG.")] = None,
) -> None:
    """Read every file of a cohort and report all that is wrong with it."""
    with refusing(page):
        from medseg.experiment.cohorts import after_check, check_folder

        findings = check_folder(folder, page)
        typer.echo(str(findings))
        if findings.errors:
            raise typer.Exit(1)
        typer.echo(after_check(folder))


def simulate(
    source: Folder,
    out: Annotated[Path, typer.Option(help="The new cohort's folder.")],
    annotators: Annotated[str | None, typer.Option(help="All of them simulated, e.g. good,over:2,blank.")] = None,
    replace: Annotated[str | None, typer.Option(help="Some simulated, e.g. ann=blank,bob=over:2; others stay.")] = None,
    add: Annotated[str | None, typer.Option(help="Simulated ones beside those that are there.")] = None,
    seed: int = 0,
    cases: Annotated[int | None, typer.Option(help="The first so many of the cases, in a seeded order.")] = None,
    labels_per_image: Annotated[int | None, typer.Option(help="Keep so many annotators of each case.")] = None,
    noise: Annotated[float, typer.Option(help="Noise added to idx images, as a part of their range.")] = 0.1,
) -> None:
    """Write a cohort with simulated annotators: all of them, from a known truth, or some among real ones."""
    with refusing(out):
        from medseg.experiment.cohorts import simulate_folder

        who = {"annotators": annotators, "replaced": replace, "added": add}
        much = {"seed": seed, "cases": cases, "labels_per_image": labels_per_image}
        typer.echo(simulate_folder(source, out, **who, **much, noise=noise))
