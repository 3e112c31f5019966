"""Commands that ask for what cannot be: a sentence, a status, and nothing is made or changed."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medseg.__main__ import app

NO_RUN = "run folder: expected config.yaml of a trained run, got none"
UNUSED = "expected none for a run"

COMMANDS: dict[str, tuple[str, int]] = {
    # words that the command line does not know
    "foretell {run}": ("No such command 'foretell'", 2),
    "check": ("Missing argument 'folder'", 2),
    "compare": ("Missing argument 'runs'", 2),
    "check {empty}/none": ("does not exist", 2),
    "check {config}": ("is a file", 2),
    "predict {run} --images {cohort}/images": ("Missing option '--out'", 2),
    "predict {run} --images {empty}/none --out {out}": ("does not exist", 2),
    "complete {amodal} --labels {empty} --out {out} --samples many": ("unable to parse string as an integer", 2),
    "simulate {cohort} --annotators good --out {out} --seed x": ("unable to parse string as an integer", 2),
    "train {config} --epochs 3": ("No such option", 2),
    # folders that are not what they should be
    "index {empty}": ("layout: expected one of those below, got no file", 1),
    "index {cohort} --layout nonsense": ("got nonsense", 1),
    "plan {empty}": ("layout: expected one of those below, got no file", 1),
    "plan {run}": ("folder to plan for: expected images and masks, or a cohort, got a run folder", 1),
    "plan {cohort} --out {config}": ("file to write: expected none, or another name by --out, got one", 1),
    "plan {shapes}": ("for label maps change a copy of a file of configs/amodal), got label maps", 1),
    "check {empty}": ("manifest.csv", 1),
    "check {cohort} --page {out}": ("page: expected a cohort of objects (cohort.yaml has objects), got samples_2d", 1),
    "evaluate {empty}": (NO_RUN, 1),
    "evaluate {empty}/none": (NO_RUN, 1),
    "evaluate {config}": (NO_RUN, 1),
    "report {empty}": (NO_RUN, 1),
    "report {amodal}": ("run folder: expected scores.csv (medseg evaluate RUN), got none", 1),
    "predict {empty} --images {cohort}/images --out {out}": (NO_RUN, 1),
    "complete {empty} --labels {empty} --out {out}": (NO_RUN, 1),
    "predict {run} --images {empty} --out {out}": ("images", 1),
    "predict {run} --images {config} --out {out}": ("file suffix: expected .png", 1),
    "predict {run} --images {cohort}/images --out {out} --confusion": (
        "--confusion: expected a run with confusion matrices (recipe=fused), got recipe soft_mean", 1),
    "predict {run} --images {cohort}/images --out {out} --samples 5": (
        "--samples: expected a run that tells annotators apart (recipe=fused), got recipe soft_mean", 1),
    "predict {run} --images {cohort}/images --out {out} --complete {run}": (
        "run folder: expected a run that completes masks", 1),
    "predict {run} --images {cohort}/images --out {empty} --complete {amodal}": (
        "output folder: expected a new one with --complete, got one that is there", 1),
    "complete {amodal} --labels {empty} --out {out}": ("label maps", 1),
    "compare {empty}": ("run folder: expected scores.csv (medseg evaluate RUN), got none", 1),
    "compare {run} {empty}/none": ("run folder: expected scores.csv (medseg evaluate RUN), got none", 1),
    "compare {run} --reference vote": ("reference: expected one of soft_mean, got vote (--reference)", 1),
    "compare {run} --out {config}/table.csv": ("output folder: expected a folder, got a file x.yaml", 1),
    "compare {run} --out {empty}": ("file: expected room and leave for it, got Is a directory", 1),
    "export {empty} --out {out}": (NO_RUN, 1),
    "export {run} --out {run}/bundle": ("output folder: expected one outside of", 1),
    "fuse {empty} --out {out}": ("manifest.csv: expected a file, got none", 1),
    "fuse {cohort} --out {out} --method vot": ("--method: expected fused, vote, soft, staple, model, got vot; did", 1),
    "fuse {cohort} --out {out} --method model": ("--run: expected a run folder with --method model, none with the", 1),
    "fuse {cohort} --out {out} --run {run}": ("--run: expected a run folder with --method model, none with the", 1),
    "fuse {cohort} --out {out} --method model --run {empty}": (NO_RUN, 1),
    "fuse {cohort} --out {out} --method model --run {amodal}": ("run folder: expected a run with annotators", 1),
    "fuse {cohort} --out {out} --method model --run {run}": (
        "--method model: expected a run with confusion matrices (recipe=fused), got recipe soft_mean", 1),
    "fuse {shapes} --out {out}": ("cohort: expected annotated images, got label maps", 1),
    "fuse {cohort} --out {cohort}/fused": ("output folder: expected one outside of", 1),
    "simulate {cohort} --annotators good --out {cohort}": ("output folder: expected a new or empty folder", 1),
    # a method asked for what only the other one does
    "evaluate {run} --stage joint": (f"--stage: {UNUSED} with annotators, got joint", 1),
    "evaluate {amodal} --cohort {cohort}": ("cohort: expected label maps, with objects: in cohort.yaml", 1),
    "evaluate {amodal} --stage third": ("--stage: expected occluded of a run of recipe three_stages, got third", 1),
    "predict {amodal} --images {cohort}/images --out {out}": ("run folder: expected a run with annotators", 1),
    "complete {run} --labels {empty} --out {out}": ("run folder: expected a run that completes masks", 1),
    "evaluate {run} --cohort {empty}": ("cohort: expected manifest.csv", 1),
    "evaluate {run} --cohort {shapes}": ("classes: expected background=0, ", 1),
    "train {config} data.cohort={shapes}": ("cohort: expected annotated images for the recipe soft_mean", 1),
    "train {amodal_config} data.cohort={cohort}": ("cohort: expected label maps", 1),
    # who errs
    "annotators {empty} --out {out}": (
        "run or cohort: expected config.yaml of a trained run, or manifest.csv of a cohort, got neither", 1),
    "annotators {empty}/none": ("run or cohort: expected config.yaml of a trained run", 1),
    "annotators {cohort}": ("--out: expected a folder for the report on a cohort, got none", 1),
    "annotators {cohort} --out {cohort}/report": ("output folder: expected one outside of", 1),
    "annotators {run} --out {config}": ("output folder: expected a folder, got a file x.yaml", 1),
    "annotators {shapes} --out {out}": ("cohort: expected annotated images, got label maps", 1),
    "annotators {amodal}": ("run folder: expected a run with annotators, got recipe without_visible", 1),
    # what was learned
    "diagnose {empty}": (NO_RUN, 1),
    "diagnose {amodal}": ("run folder: expected a run with annotators, got recipe without_visible", 1),
    "diagnose {run} --what memorization": (
        "--what: expected of memorisation, decodability, clusters, mapper, got memorization", 1),
    "diagnose {run} --out {config}": ("output folder: expected a folder, got a file x.yaml", 1),
    "diagnose {run} --what memorisation --shares half": (
        "--shares: expected whole percentages, parted by commas, got half", 1),
    "diagnose {run} --what memorisation --shares 120": ("--shares: expected percentages above 0, to 100, got 120", 1),
    "diagnose {run} --what memorisation --whose god": ("--whose: expected of all, each, good, over, got god", 1),
    "diagnose {run} --what memorisation --steps 1": ("--steps: expected at least 2, got 1", 1),
    "diagnose {run} --answers {config}": ("sheet: expected sheet_key.csv (medseg diagnose RUN --what clusters)", 1),
    # configs
    "config rival": ("method: expected one of annotators, amodal, got rival (config)", 1),
    "config amodal data.cohrot": ("got data.cohrot; did you mean data.cohort?", 1),
    "train {empty}/none.yaml": ("config: expected a YAML file, got nothing at this path", 1),
    "train {empty}": ("layout: expected one of those below, got no file", 1),
    "train {run}": ("folder to plan for: expected images and masks, or a cohort, got a run folder", 1),
    "train {shapes}": ("for label maps change a copy of a file of configs/amodal), got label maps", 1),
    "train {cohort} data.grid.size=[16]": ("data.grid.size: expected 2 or 3 numbers, got [16]", 1),
    "train {config} seed": ("override: expected dotted.key=value, got 'seed' (command line)", 1),
    "train {config} =3": ("override: expected dotted.key=value, got '=3' (command line)", 1),
    "train {config} 'seed={{'": ("override: expected a YAML value, got '{{'", 1),
    "train {config} 'network={{channels: [4, 8], channels: [8, 4]}}'": (
        "network.channels: expected one value, got another", 1),
    "train {config} recipe=soft_men": ("got 'soft_men'; did you mean soft_mean?", 1),
    "train {config} trainin.batch_size=3": ("trainin: unknown key; did you mean training?", 1),
    "train {config} training.batch_sise=3": ("training.batch_sise: unknown key; did you mean batch_size?", 1),
    "train {config} training.batch_size=many": ("training.batch_size: expected a valid integer, got 'many'", 1),
    "train {config} training.batch_size=0": ("training.batch_size: expected a number greater than 0, got 0", 1),
    "train {config} training.batch_size=2.5": ("training.batch_size: expected a valid integer", 1),
    "train {config} training.batch_size=true": ("training.batch_size: expected a valid integer, got True", 1),
    "train {config} training.batch_size=null": ("training.batch_size: expected a valid integer, got None", 1),
    "train {config} training.learning_rate=0": ("training.learning_rate: expected a number greater than 0", 1),
    "train {config} training.learning_rate=fast": ("training.learning_rate: expected a valid number, got 'fast'", 1),
    "train {config} training.schedule=cosin": ("got 'cosin'; did you mean cosine?", 1),
    "train {config} training=3": ("training: expected keys and values, got 3", 1),
    "train {config} network=[]": ("network: expected keys and values, got []", 1),
    "train {config} data.split.val=2": ("data.split.val: expected a number less than 1, got 2", 1),
    "train {config} data.split.by=site": ("column to split by: expected patient, got site (data.split.by)", 1),
    "train {config} data.grid.size=[16]": ("data.grid.size: expected 2 or 3 numbers, got [16]", 1),
    "train {config} data.grid.size=[16,16,16]": ("data.grid.size: expected 2 numbers, got [16, 16, 16]", 1),
    "train {config} data.annotators=[god]": ("data.annotators: expected one of good, over, got god", 1),
    "train {config} data.cohort={empty}": ("cohort: expected manifest.csv", 1),
    "train {config} tracking.wandb=maybe": (
        "tracking.wandb: expected 'auto', 'online', 'offline' or 'off', got 'maybe'", 1),
    "train {config} tracking.tags=trial": ("tracking.tags: expected a valid list, got 'trial'", 1),
    "train {config} tracking.entity=3": ("tracking.entity: expected a valid string, got 3", 1),
    "train {config} --out {run}": ("run folder: expected a new folder (or --resume), got one that holds a run", 1),
    "train {config} seed=1 --out {run} --resume": ("config seed: expected 0 as in the run folder, got 1", 1),
    "train {amodal_config} data.frame.size=[16]": ("data.frame.size: expected 2 or 3 numbers, got 1", 1),
    "train {amodal_config} data.frame.spacing=0": ("data.frame.spacing: expected a number greater than 0", 1),
}  # fmt: skip
"""Words after medseg -> a part of what is said, and the exit status. In braces what the test makes."""


@pytest.fixture(scope="module")
def places(trained: Path, completing: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    empty = tmp_path_factory.mktemp("empty")
    return {
        "run": trained / "run",
        "config": trained / "x.yaml",
        "cohort": trained / "cohort",
        "amodal": completing / "run",
        "amodal_config": completing / "x.yaml",
        "shapes": completing / "cohort",
        "empty": empty,
        "out": empty.parent / "no_such_out",
    }


def state(places: dict[str, Path]) -> set[tuple[str, int, int]]:
    """Every file and folder, with size and time of change."""
    roots = {places[name].parent for name in ("run", "amodal")} | {places["empty"]}
    found = [path for root in roots for path in (root, *root.rglob("*"))]
    return {(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in found if path.is_file()} | {
        (str(path), 0, 0) for path in found if path.is_dir()
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_cannot_be_done_says_why(
    command: str, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence, status = COMMANDS[command]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEDSEG_DATA", raising=False)
    before, begun = state(places), time.process_time()
    done = CliRunner().invoke(app, shlex.split(command.format(**places)))
    assert isinstance(done.exception, SystemExit), done.output + repr(done.exception)
    assert sentence.format() in done.output, done.output
    assert done.exit_code == status and time.process_time() - begun < 5  # of computing: the machine may be busy
    assert state(places) == before and not places["out"].exists() and not list(tmp_path.iterdir())
