"""The command line: a table of contents. Heavy imports happen inside the commands, so that --help is immediate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from medseg.experiment.refusing import refusing

app = typer.Typer(
    name="medseg",
    help="Segmentation from several imperfect annotators, and the completion of occluded masks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False, show_default=False)]
Run = Annotated[Path, typer.Argument(help="A run folder.", show_default=False)]
Text = str | None
Pair = tuple[str, str] | None
Overrides = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Dotted overrides.")]


@app.command()
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


@app.command()
def check(
    folder: Folder,
    page: Annotated[Path | None, typer.Option(help="Draw some objects of the label maps to this PNG.")] = None,
) -> None:
    """Read every file of a cohort and report all that is wrong with it."""
    with refusing(page):
        from medseg.experiment.cohorts import check_folder

        findings = check_folder(folder, page)
        typer.echo(str(findings))
        if findings.errors:
            raise typer.Exit(1)


@app.command()
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

        typer.echo(
            simulate_folder(
                source,
                out,
                annotators=annotators,
                replaced=replace,
                added=add,
                seed=seed,
                cases=cases,
                labels_per_image=labels_per_image,
                noise=noise,
            )
        )


@app.command()
def fuse(
    cohort: Folder,
    out: Annotated[Path, typer.Option(help="Folder for the consensus.")],
    method: Annotated[str, typer.Option(help="fused, vote, soft, staple, or model with --run.")] = "fused",
    run: Annotated[Path | None, typer.Option(help="The run whose network and matrices are the model.")] = None,
) -> None:
    """One consensus of all annotators' labels for every case, on its own grid, and what each annotator is worth."""
    with refusing(out):
        from medseg.experiment.fuse import fuse_cohort

        typer.echo(fuse_cohort(cohort, out, way=method, run=run))


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="A YAML file; see configs/.", show_default=False)],
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/<experiment>/<recipe>-seed<k> by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run folder stopped.")] = False,
) -> None:
    """Train the stages of a config."""
    with refusing(out):
        from medseg.experiment.methods import load_config

        resolved = load_config(config, overrides or [])
        from medseg.experiment.train import default_run_folder, train as run_training

        run = out or default_run_folder(resolved)
        run_training(resolved, run, resume)
        typer.echo(f"trained: {run}; next: medseg evaluate {run}")


@app.command()
def predict(
    run: Run,
    images: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of images.")],
    out: Annotated[Path, typer.Option(help="Folder for the maps.")],
    confusion: Annotated[bool, typer.Option("--confusion", help="Each annotator's matrix at every voxel too.")] = False,
    samples: Annotated[int | None, typer.Option(help="So many plausible segmentations of each image too.")] = None,
) -> None:
    """Recovered truth, probabilities, every annotator's labels and the entropy, on the images' own grid."""
    with refusing(out):
        from medseg.experiment.predict import predict_folder

        written = predict_folder(run, images, out, confusion=confusion, samples=samples)
        typer.echo(f"{len(written)} cases written to {out}")


@app.command()
def complete(
    run: Run,
    labels: Annotated[Path, typer.Option(exists=True, help="A label map, or a folder of them.")],
    out: Annotated[Path, typer.Option(help="Folder for the completed masks.")],
    samples: Annotated[int, typer.Option(help="Draws of each object, behind the intervals.")] = 20,
    gap: Annotated[int, typer.Option(help="Bridge gaps of so many voxels between object and occluder.")] = 0,
    anywhere: Annotated[bool, typer.Option("--anywhere", help="Let objects grow outside of occluders too.")] = False,
    rules: Annotated[Path | None, typer.Option(help="A cohort.yaml to take instead of the run's.")] = None,
) -> None:
    """The hidden part of every object of label maps, on their own grid, with volume intervals."""
    with refusing(out):
        from medseg.experiment.complete import complete as run_completion

        typer.echo(run_completion(run, labels, out, samples=samples, gap=gap, anywhere=anywhere, rules=rules))


@app.command()
def evaluate(
    run: Run,
    cohort: Annotated[Path | None, typer.Option(help="Another cohort, all of its cases.")] = None,
    stage: Annotated[str | None, typer.Option(help="As this stage of method two left the weights.")] = None,
    split: Annotated[str, typer.Option(help="val or train instead of the test cases.")] = "test",
) -> None:
    """Scores and pictures of the test cases; confusion matrices, or rivals."""
    with refusing(run):
        from medseg.experiment.evaluate import evaluate_run

        typer.echo(evaluate_run(run, cohort, stage, split))


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Evaluated run folders.", show_default=False)],
    reference: Annotated[str | None, typer.Option(help="The recipe that others are paired with.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the table here as CSV too.")] = None,
) -> None:
    """One table over runs, paired over seeds and folds."""
    with refusing(out):
        from medseg.experiment.compare import compare_runs

        typer.echo(compare_runs(runs, reference, out))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the cohort, the runs and the pictures.")] = Path("runs/demo"),
) -> None:
    """Train both methods and their rivals on generated data; print the tables; draw the pictures."""
    with refusing(out):
        from medseg.experiment.demo import demo as run_demo

        typer.echo(run_demo(out))


if __name__ == "__main__":
    sys.exit(app())
