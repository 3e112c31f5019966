"""Sweeps: planned in full, gone on with where they were killed, to the bytes of one that nobody killed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from medseg.annotators.simulation.samples import write_samples
from medseg.contracts import Refused
from medseg.experiment import sweep as verb
from medseg.experiment.sweeping import running
from medseg.experiment.sweeping.engine import Sweeper
from medseg.experiment.sweeping.jobs import Job, plan
from medseg.experiment.sweeping.one_run import alone

ROOT = Path(__file__).parents[2]
CONFIG = """\
experiment: tiny
recipe: soft_mean
data:
  cohort: {cohort}
  split: {{val: 0.2, test: 0.2}}
  grid: {{mode: resize, size: [16, 16]}}
network: {{channels: [4, 8], features: 4, residual_units: 1}}
training: {{batch_size: 2, steps: {{warmup: 1, joint: 1}}, checkpoint_every: 1, accelerator: cpu}}
"""
STEPS = "training.steps={warmup: 1, joint: 1500}"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write_samples(tmp_path / "cohort", seed=1, spatial_dims=2, size=24, cases=5, annotators=("good", "over"))
    path = tmp_path / "tiny.yaml"
    path.write_text(CONFIG.format(cohort=tmp_path / "cohort"))
    return path


# ------------------------------------------------------------------------------------------ the plan
def test_a_plan_has_every_seed_fold_choice_and_recipe_once() -> None:
    jobs = plan(Path("x.yaml"), Path("out"), recipes=["a", "b"], seeds=2, folds=(0, 1), of_folds=5, overrides=["k=v"])
    names = [job.run.name for job in jobs]
    assert names[:4] == ["a-seed0-fold0", "b-seed0-fold0", "a-seed0-fold1", "b-seed0-fold1"]
    assert len(set(names)) == len(names) == 2 * 2 * 2
    last = ("k=v", "recipe=b", "seed=1", "data.split.folds=5", "data.split.fold=1")
    assert jobs[-1].overrides == last and jobs[-1].run.parent == Path("out")
    (job,) = plan(Path("x.yaml"), Path("out"), recipes=["a"], seeds=1, split_seeds=True)
    assert job.overrides == ("recipe=a", "seed=0", "data.split.seed=0")


def test_values_of_keys_are_crossed_and_told_apart_by_folder_and_experiment() -> None:
    vary = verb.varied(["k.l=1,2", "m=[3,4],{a: 5, b: 6}"])
    assert vary == {"k.l": ["1", "2"], "m": ["[3,4]", "{a: 5, b: 6}"]}
    jobs = plan(Path("x.yaml"), Path("out"), recipes=["a"], seeds=1, vary=vary, experiment="e")
    assert [job.run.name for job in jobs] == [
        f"a-k.l={number}-m={text}-seed0-fold0" for number in "12" for text in ("_3_4_", "_a_5_b_6_")
    ]
    assert jobs[1].overrides == (
        "recipe=a", "seed=0", "k.l=1", "m={a: 5, b: 6}", 'experiment="e,k.l=1,m=_a_5_b_6_"',
    )  # fmt: skip
    with pytest.raises(Refused, match="runs of the sweep: expected each once, got a-k=_1_2_-seed0-fold0 twice"):
        plan(Path("x.yaml"), Path("out"), recipes=["a"], seeds=1, vary={"k": ["[1 2]", "[1,2]"]}, experiment="e")


# ------------------------------------------------------------------------------------------ refusals
def test_every_mistake_is_said_before_anything_is_run(config: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        verb.sweep(config, tmp_path / "out", recipes=["soft_mean", "hard_mean"], vary={"training.bach": ["1"]})
    wrong_recipe, *wrong_keys = sorted(set(refused.value.complaints), key=lambda line: "hard_mean" not in line)
    assert "got 'hard_mean'" in wrong_recipe
    assert wrong_keys and all("training.bach: unknown key" in line for line in wrong_keys)
    assert not (tmp_path / "out").exists()
    for texts, got in ((["k"], "got k "), (["k="], "got k= "), (["k=1", "k=2"], "got k twice")):
        with pytest.raises(Refused, match=got):
            verb.varied(texts)


def test_runs_of_another_config_are_not_mixed_with_these(config: Path, tmp_path: Path) -> None:
    run = tmp_path / "out" / "soft_mean-seed0-fold0"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(config.read_text().replace("features: 4", "features: 8"))
    with pytest.raises(Refused, match="config network: expected .*'features': 8"):
        verb.sweep(config, tmp_path / "out", seeds=1)


def test_a_folder_has_one_sweep_and_a_run_one_process(tmp_path: Path) -> None:
    job = Job(config=Path("x.yaml"), run=tmp_path / "run", overrides=())
    (tmp_path / running.HOLDER).write_text("process 7 on there")
    with FileLock(tmp_path / running.LOCK), pytest.raises(Refused) as refused:
        running.run_jobs([job], tmp_path, processes=1)
    assert refused.value.complaints == (
        f"sweep folder: expected no sweep in it, got one by process 7 on there ({tmp_path})",
    )
    sentence = f"run: expected nobody at work on it, got process {os.getpid()} on"
    with alone(job), pytest.raises(Refused, match=sentence), alone(job, patience=0):
        pass
    with alone(job, patience=0):
        pass


def test_jobs_are_wanted_as_long_as_the_sweep_lives_and_says_so(tmp_path: Path) -> None:
    token = tmp_path / "token"
    sweeper = Sweeper.this(token)
    assert not sweeper.wants()
    token.touch()
    assert sweeper.wants()
    assert not Sweeper(process=sweeper.process, began=sweeper.began - 1, token=token).wants()  # the id, given again


def test_slurm_is_refused_where_there_is_none(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert verb.parameters(["time=90", "partition=gpu"]) == {"time": 90, "partition": "gpu"}
    with pytest.raises(Refused, match="--slurm: expected a machine where srun and sbatch are, got none"):
        verb.sweep(config, tmp_path / "out", seeds=1, slurm={"time": 90})


# ------------------------------------------------------------------------------------------ the runs
def command(config: Path, out: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "medseg", "sweep", str(config), STEPS, "--out", str(out), *words]


def started(config: Path, out: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(config, out, *words), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def awaited(path: Path) -> None:
    ends = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < ends, path
        time.sleep(0.05)


def made(out: Path) -> dict[str, str]:
    """Run -> SHA-256 of its weights, metrics and scores."""
    runs = sorted(path.parent for path in out.glob("*/scores.csv"))
    return {
        run.name: "".join(
            hashlib.sha256((run / name).read_bytes()).hexdigest()
            for name in ("weights.pt", "confusion.csv", "scores.csv")
        )
        for run in runs
    }


def run_of(process: psutil.Process) -> str:
    """The name of the run that a process makes; nothing where it makes none."""
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        words = process.cmdline()
        return Path(words[4]).name if "medseg.experiment.sweeping.one_run" in words else ""
    return ""


def at_work(sweep: subprocess.Popen[str], runs: set[str]) -> list[psutil.Process]:
    """All processes below a sweep, as soon as those of these runs are among them."""
    ends = time.monotonic() + 120
    while not runs <= set(map(run_of, below := psutil.Process(sweep.pid).children(recursive=True))):
        assert sweep.poll() is None and time.monotonic() < ends
        time.sleep(0.05)
    return below


@pytest.mark.slow
def test_a_killed_sweep_leaves_nobody_at_work_and_goes_on_to_the_same_bytes(config: Path, tmp_path: Path) -> None:
    words = ("--recipes", "soft_mean,majority_vote", "--seeds", "1", "--processes", "1")
    for number in (signal.SIGKILL, signal.SIGINT):
        sweep = started(config, tmp_path / "killed", *words)
        workers = at_work(sweep, {"soft_mean-seed0-fold0"})
        awaited(tmp_path / "killed" / "soft_mean-seed0-fold0" / "joint" / "last.ckpt")
        sweep.send_signal(number)
        sweep.communicate(timeout=60)
        assert not psutil.wait_procs(workers, timeout=60)[1]
        assert not made(tmp_path / "killed")
    done = subprocess.run(command(config, tmp_path / "killed", *words), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "| majority_vote |" in done.stdout and (tmp_path / "killed" / "comparison.csv").is_file()
    whole = subprocess.run(command(config, tmp_path / "whole", *words), cwd=ROOT, capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
    assert made(tmp_path / "killed") == made(tmp_path / "whole") and len(made(tmp_path / "whole")) == 2


@pytest.mark.slow
def test_a_run_that_fails_or_is_killed_is_said_and_stops_nobody(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    names = {kind: f"soft_mean-data.annotators=_{kind}_-seed0-fold0" for kind in ("good", "god", "over")}
    sweep = started(config, out, "--seeds", "1", "--processes", "2", "--vary", "data.annotators=[good],[god],[over]")
    awaited(out / names["over"] / "joint" / "last.ckpt")
    for process in psutil.Process(sweep.pid).children(recursive=True):
        if run_of(process) == names["over"]:
            process.kill()  # as the system does where memory is short
    said, errors = sweep.communicate(timeout=120)
    assert sweep.returncode == 1 and list(made(out)) == [names["good"]]
    assert f"{out / names['god']}: failed; error: data.annotators: expected one of good, over, got god" in errors
    assert f"{out / names['over']}: failed; killed by SIGKILL" in errors
    assert "error: 2 of 3 runs failed" in errors and "| soft_mean |" in said


@pytest.mark.slow
def test_a_job_that_is_called_off_saves_waits_in_the_queue_and_goes_on(config: Path, tmp_path: Path) -> None:
    sweep = started(config, tmp_path / "out", "--seeds", "1")
    awaited(tmp_path / "out" / "soft_mean-seed0-fold0" / "joint" / "last.ckpt")
    (job,) = [
        each for each in psutil.Process(sweep.pid).children(recursive=True) if "submitit.core._submit" in each.cmdline()
    ]
    job.send_signal(signal.SIGUSR2)  # as SLURM does before it takes a place away
    _, errors = sweep.communicate(timeout=120)
    assert sweep.returncode == 0, errors
    assert "stopped: saved in joint" in (tmp_path / "out" / "logs" / "soft_mean-seed0-fold0.log").read_text()
    whole = subprocess.run(
        command(config, tmp_path / "whole", "--seeds", "1"), cwd=ROOT, capture_output=True, text=True
    )
    assert whole.returncode == 0, whole.stderr
    assert made(tmp_path / "out") == made(tmp_path / "whole")


SBATCH = """#!/bin/sh
for task in 0 1; do
    SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=$task SLURM_JOB_ID=$((7 + task)) SLURM_NTASKS=1 SLURM_PROCID=0 \\
        SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_LOCALID=0 SLURM_JOB_NAME=medseg sh "$1" > /dev/null 2>&1 &
done
echo once >> {notes}
echo Submitted batch job 7
"""
SRUN = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do
    case "$1" in --output|--error) shift;; esac
    shift
done
exec "$@"
"""
SACCT = """#!/bin/sh
echo "JobID|State|NodeList"
for task in 0 1; do echo "7_$task|RUNNING|here"; done
"""


@pytest.mark.slow
def test_slurm_is_given_all_jobs_once_and_what_is_left_in_its_queue_is_waited_for(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs that answer as SLURM does, as far as they are asked."""
    for name, text in (("sbatch", SBATCH.format(notes=tmp_path / "notes")), ("srun", SRUN), ("sacct", SACCT)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    words = ("--seeds", "2", "--slurm", "time=90", "--slurm", "array_parallelism=2")
    first = started(config, tmp_path / "out", *words)
    awaited(tmp_path / "out" / "soft_mean-seed1-fold0" / "joint" / "last.ckpt")
    first.send_signal(signal.SIGINT)
    _, errors = first.communicate(timeout=60)
    assert "2 jobs stay with SLURM; the same command waits for them" in errors
    again = subprocess.run(command(config, tmp_path / "out", *words), cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "notes").read_text() == "once\n" and len(made(tmp_path / "out")) == 2
