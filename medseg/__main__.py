"""The command line: a table of contents. Heavy imports happen inside the commands, so that --help is immediate."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from medseg.experiment.diagnose_verb import diagnose
from medseg.experiment.folder_verbs import Folder, check, index, simulate
from medseg.experiment.further_help import WithLayouts, WithRecipes
from medseg.experiment.predict_verb import predict
from medseg.experiment.refusing import refusing, say
from medseg.experiment.sweep_verb import sweep

app = typer.Typer(
    name="medseg",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Run = Annotated[Path, typer.Argument(help="A run folder.", show_default=False)]
Text = str | None
Overrides = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Dotted overrides.")]


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Segmentation from several imperfect annotators, and the completion of occluded masks."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read as torch loads; threads that spin starve a busy machine
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"medseg {installed('medseg')}")
        raise typer.Exit


app.command(cls=WithLayouts)(index)
app.command()(check)
app.command()(simulate)


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
def plan(folder: Folder, out: Annotated[Path | None, typer.Option(help="<folder>.yaml by default.")] = None) -> None:
    """Write a config for a first model of a cohort, or of a folder that can be indexed: each key with its reason."""
    with refusing(out or folder):
        from medseg.experiment.plan import plan_folder

        written = plan_folder(folder, out, typer.echo)
        typer.echo(f"planned: {written}; next: medseg train {written}")


@app.command("config")
def config_keys(
    method: Annotated[Text, typer.Argument(help="annotators or amodal; both by default.", show_default=False)] = None,
    section: Annotated[Text, typer.Argument(help="E.g. training, or data.split.", show_default=False)] = None,
) -> None:
    """Every key of a config, with its default, what may stand there, and what it is."""
    with refusing():
        from medseg.experiment.config import config_keys as keys

        typer.echo(keys(method, section))


@app.command(cls=WithRecipes)
def train(
    config: Annotated[Path, typer.Argument(help="A YAML file (see configs/), or a folder.", show_default=False)],
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/<experiment>/<recipe>-seed<k> by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run folder stopped.")] = False,
) -> None:
    """Train the stages of a config, or of the one that `medseg plan` makes for a folder."""
    with refusing(out):
        from medseg.experiment.plan import configured

        resolved = configured(config, overrides or [], typer.echo)
        from medseg.experiment.train import default_run_folder, doubts, train as run_training

        run = out or default_run_folder(resolved)
        run_training(resolved, run, resume)
        for line in doubts(resolved, run):
            typer.echo(f"alarm: {line}")
        typer.echo(f"trained: {run}; next: medseg evaluate {run}")


app.command()(predict)


@app.command()
def export(run: Run, out: Annotated[Path, typer.Option(help="A new folder.")]) -> None:
    """The trained network without medseg: torch.export, ONNX, and with annotators a MONAI bundle that runs."""
    with refusing(out):
        from medseg.experiment.export import export_run

        typer.echo(export_run(run, out))


@app.command()
def complete(
    run: Run,
    labels: Annotated[Path, typer.Option(exists=True, help="A label map, or a folder of them.")],
    out: Annotated[Path, typer.Option(help="Folder for the completed masks.")],
    samples: Annotated[int, typer.Option(help="Draws of each object, behind the intervals.")] = 20,
    gap: Annotated[int, typer.Option(help="Bridge gaps of so many voxels between object and occluder.")] = 0,
    anywhere: Annotated[bool, typer.Option("--anywhere", help="Let objects grow outside of occluders too.")] = False,
    rules: Annotated[str | None, typer.Option(help="A cohort.yaml instead of the run's, or rules over them.")] = None,
    workers: Annotated[int, typer.Option(help="So many processes share the label maps.")] = 1,
) -> None:
    """The hidden part of every object of label maps, on their own grid, with volume intervals."""
    with refusing(out):
        from medseg.experiment.complete import complete as run_completion

        how = {"samples": samples, "gap": gap, "anywhere": anywhere, "rules": rules, "workers": workers}
        say(run_completion(run, labels, out, **how))


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
def report(run: Run) -> None:
    """The page of an evaluated run again: report/index.html, one file that needs no other and no network."""
    with refusing(run):
        from medseg.experiment.report import report_run

        typer.echo(f"page: {report_run(run)}")


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


app.command()(sweep)
app.command()(diagnose)


@app.command()
def annotators(
    source: Annotated[
        Path, typer.Argument(metavar="RUN|COHORT", help="A run folder, or a cohort.", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option(help="Folder for the report; RUN/annotators by default.")] = None,
) -> None:
    """Who errs, how and where: tables, pictures and a page; who is an outlier, and whom to ask next."""
    with refusing(out or source):
        from medseg.experiment.annotators import report_people

        typer.echo(report_people(source, out))


@app.command()
def examples(out: Annotated[Path, typer.Option(help="For the folders configs and notebooks.")] = Path()) -> None:
    """Copy the configs and the notebooks that come with medseg."""
    with refusing(out):
        from medseg.experiment.examples import copy_examples

        typer.echo(copy_examples(out))


@app.command()
def demo(out: Annotated[Path, typer.Option(help="For the cohort, runs and pictures.")] = Path("runs/demo")) -> None:
    """Train both methods and their rivals on generated data; print the tables; draw the pictures."""
    with refusing(out):
        from medseg.experiment.demo import demo as run_demo

        typer.echo(run_demo(out))


if __name__ == "__main__":
    sys.exit(app())
