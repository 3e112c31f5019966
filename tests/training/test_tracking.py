from __future__ import annotations

import json
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import numpy as np
import pytest
from wandb_reader import config, history, read_finished, rows, summary

from medseg.contracts import MaskPicture
from medseg.training import tracking, wandb_run
from medseg.training.reach import has_key, silence
from medseg.training.settings import TrackingConfig
from medseg.training.tracking import Tracker

CLASSES = ["background", "lesion"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_BASE_URL", "WANDB_MODE", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "wandb_home"))
    run = tmp_path / "run"
    run.mkdir()
    return run


def tracker(folder: Path, mode: Literal["auto", "online", "offline", "off"] = "offline") -> Tracker:
    values = {"seed": 3, "data": {"cohort": "cells"}}
    tracking = TrackingConfig(wandb=mode, entity="team", tags=("trial", "two words"), notes="which is better")
    return Tracker(folder, tracking, config=values, group="first trial")


def picture(name: str, image: np.ndarray, **masks: np.ndarray) -> MaskPicture:
    return MaskPicture(name=name, image=image, masks=masks, class_names=tuple(CLASSES))


class FakeRun:
    """Notes what W&B was told; ``broken`` lets every call fail."""

    def __init__(self, settings: dict, broken: bool) -> None:
        self.settings, self.broken, self.told = settings, broken, []
        self.dir, self.summary = "runs/a/wandb/offline-run-1/files", {}

    def define_metric(self, *_: object, **__: object) -> None: ...

    def log_code(self, *_: object, **__: object) -> None:
        self.told.append("code")

    def log(self, values: dict) -> None:
        if self.broken:
            raise ConnectionError("gone")
        self.told.append(values)

    def finish(self, exit_code: int) -> None:
        self.told.append({"exit code": exit_code})


class FakeWandb:
    def __init__(self, fails: tuple[str, ...] = (), broken: bool = False) -> None:
        self.fails, self.broken, self.runs, self.asked = fails, broken, [], []
        self.Settings = SimpleNamespace
        self.setup = lambda: SimpleNamespace(settings=SimpleNamespace(base_url="http://wandb"))

    def init(self, **settings: object) -> FakeRun:
        self.asked.append(settings["mode"])
        if settings["mode"] in self.fails:
            raise TimeoutError("no answer in 15 s")
        self.runs.append(FakeRun(settings, self.broken))
        return self.runs[-1]


def install(monkeypatch: pytest.MonkeyPatch, fake: FakeWandb) -> FakeWandb:
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.setattr(wandb_run, "silence", lambda *_: "")
    return fake


# ---------------------------------------------------------------------------------------- for real
def test_what_is_logged_offline_is_found_in_the_file(folder: Path) -> None:
    weights, manifest = folder / "weights.pt", folder / "manifest.csv"
    for path in (weights, manifest):
        path.write_bytes(path.name.encode())
    (folder / "environment.json").write_text(json.dumps({"code": {"commit": "c0ffee", "dirty": True}}))
    masks = {"alice": np.eye(8, dtype=int), "recovered truth": np.full((8, 8), -1)}
    with tracker(folder) as told:
        told.metrics({"stage": "joint", "epoch": 2, "val/nll": 0.25}, 14)
        told.pictures(lambda: [picture("case/c07", np.linspace(-3, 5, 64).reshape(8, 8), **masks)], step=14)
        told.heatmap("confusion/alice", np.array([[0.9, 0.2], [0.1, 0.8]]), CLASSES)
        told.summary({"test/truth_dice": 0.875, "test/annotator_nll": 0.5})
        told.table("scores", ["case", "metric", "value"], [["c07", "dice", 0.9], ["c08", "dice", 0.8]])
        told.makes("weights", "model", [weights], aliases=["best"], metadata={"recipe": "fused"})
        told.uses("dataset-cells", "dataset", [manifest])
    (file,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    records = read_finished(file)
    (run,) = [record.run for record in records if record.WhichOneof("record_type") == "run"]
    assert (run.project, run.entity, run.run_group, run.display_name) == ("medseg", "team", "first trial", "run")
    assert (list(run.tags), run.notes, run.git.commit) == (["trial", "two words"], "which is better", "c0ffee")
    settings = config(records)
    assert (settings["seed"], settings["data"]) == (3, {"cohort": "cells"})
    assert settings["environment"]["code"] == {"commit": "c0ffee", "dirty": True}
    logged, known = history(records), summary(records)
    assert (logged["trainer/step"], logged["val/nll"], logged["epoch"]) == (14, 0.25, 2)
    for found in (logged, known):
        assert (found["test/truth_dice"], found["test/annotator_nll"]) == (0.875, 0.5)
    names = settings["_wandb"]["mask/class_labels"]["case/c07_wandb_delimeter_alice"]["value"]
    assert names == {"0": "background", "1": "lesion", "2": "unlabelled"}
    files = file.parent / "files"
    for key in ("case/c07", "case/c07/masks/alice", "case/c07/masks/recovered truth", "confusion/alice"):
        assert (files / logged[f"{key}/path"]).stat().st_size > 0
    table = json.loads((files / logged["scores/path"]).read_text())
    assert table == {"columns": ["case", "metric", "value"], "data": [["c07", "dice", 0.9], ["c08", "dice", 0.8]]}
    kept = {record.artifact.name: record.artifact for record in records if record.HasField("artifact")}
    made, used, code = kept["run-weights"], kept["dataset-cells"], kept["source-medseg"]
    assert (made.type, set(made.aliases), made.use_after_commit) == ("model", {"latest", "best"}, False)
    assert json.loads(made.metadata) == {"recipe": "fused"}
    assert [content.path for content in made.manifest.contents] == ["weights.pt"]
    assert (used.type, used.use_after_commit) == ("dataset", True)
    assert code.type == "code" and "training/tracking.py" in {content.path for content in code.manifest.contents}
    steps = [record.metric for record in records if record.HasField("metric")]
    assert [(metric.glob_name, metric.step_metric) for metric in steps] == [("", ""), ("*", "trainer/step")]


# ------------------------------------------------------------------------------------- which, when
def test_off_writes_the_rows_and_never_imports_wandb(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # importing it would now fail
    with tracker(folder, "off") as told:
        told.metrics({"val/nll": 0.25}, 4)
        told.heatmap("confusion", np.eye(2), CLASSES)
    assert (folder / "metrics.jsonl").read_text() == '{"step": 4, "val/nll": 0.25}\n'


def test_a_run_folder_is_one_run_whoever_opens_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = install(monkeypatch, FakeWandb())
    for values in ({"val/nll": 1.0}, {"test/truth_dice": 0.5}):
        with tracker(folder) as told:
            told.metrics(values, 4)
            told.metrics(values, 8)
        monkeypatch.setenv("WANDB_RUN_ID", "another")  # comes too late: the run has its name
    first, second = fake.runs
    assert first.settings["id"] == second.settings["id"] == (folder / "wandb" / "id").read_text() != "another"
    assert first.told == ["code", *({"val/nll": 1.0, "trainer/step": step} for step in (4, 8)), {"exit code": 0}]
    assert "code" not in second.told


def test_an_agent_names_the_run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = install(monkeypatch, FakeWandb())
    monkeypatch.setenv("WANDB_RUN_ID", "abc123")
    for _ in ("train", "evaluate"):
        with tracker(folder) as told:
            told.metrics({}, 4)
        monkeypatch.delenv("WANDB_RUN_ID", raising=False)
    assert [run.settings["id"] for run in fake.runs] == ["abc123", "abc123"]


def test_without_a_key_it_goes_offline_and_says_once_how_to_send_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = install(monkeypatch, FakeWandb())
    with pytest.warns(UserWarning) as warned, tracker(folder, "auto") as told:
        told.metrics({}, 4)
        told.metrics({}, 8)
    assert fake.asked == ["offline"]
    assert [str(warning.message) for warning in warned] == [
        "W&B is offline: there is no key (wandb login); send the run later with: wandb sync runs/a/wandb/offline-run-1"
    ]


def test_with_a_key_and_no_answer_it_goes_offline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = install(monkeypatch, FakeWandb(fails=("online",)))
    monkeypatch.setenv("WANDB_API_KEY", "a key")
    with pytest.warns(UserWarning, match="W&B is offline: no answer in 15 s"), tracker(folder, "auto") as told:
        told.metrics({}, 4)
    assert fake.asked == ["online", "offline"]
    settings = fake.runs[0].settings["settings"]
    assert (settings.init_timeout, settings.finish_timeout_raises) == (9, False)
    assert wandb_run.ANSWER_SECONDS + settings.init_timeout < 15


class Server:
    """On loopback, accepts all and answers ``heads`` requests of kind HEAD; then it never says another word."""

    def __init__(self, heads: int) -> None:
        self.heads, self.open = heads, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # until it is closed
            while True:
                client, _ = self.socket.accept()
                self.open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            if client.recv(4096).startswith(b"HEAD") and self.heads:
                self.heads -= 1
                client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def close(self) -> None:
        for one in (self.socket, *self.open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # a thread that waits in it would keep it open
            one.close()


@pytest.mark.parametrize("kind", ["never answers", "answers once", "is not there"])
@pytest.mark.parametrize("mode", ["auto", "online"])
def test_a_server_that_is_out_of_reach_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, mode: Literal["auto", "online"]
) -> None:
    """For real: everything is in the offline file, after one warning, in time."""
    server = Server(heads=kind == "answers once")
    if kind == "is not there":
        server.close()
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setattr(wandb_run, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(wandb_run, "INIT_SECONDS", 1.0)
    monkeypatch.setattr(wandb_run, "_server", lambda: f"http://127.0.0.1:{server.port}")
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.port}")
    begun = time.monotonic()
    with pytest.warns(UserWarning) as warned, tracker(folder, mode) as told:
        told.metrics({"val/nll": 0.25}, 4)
        told.table("scores", ["case", "value"], [["c07", 0.9]])
        told.metrics({"val/nll": 0.125}, 8)
    assert time.monotonic() - begun < 15
    server.close()
    (said,) = [str(warning.message) for warning in warned if "W&B" in str(warning.message)]
    (file,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    assert said.startswith("W&B is offline: ") and said.endswith(f"; send the run later with: wandb sync {file.parent}")
    records = read_finished(file)
    assert [row["val/nll"] for row in rows(records) if "val/nll" in row] == [0.25, 0.125]
    assert "scores/path" in history(records)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["never answers", "answers once", "is not there"])
def test_with_the_seconds_that_users_wait_it_is_offline_within_fifteen(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    server = Server(heads=kind == "answers once")
    if kind == "is not there":
        server.close()
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.port}")
    monkeypatch.setattr(wandb_run, "_server", lambda: f"http://127.0.0.1:{server.port}")
    with pytest.warns(UserWarning, match="W&B is offline: "), tracker(folder, "auto") as told:
        begun = time.monotonic()
        told.metrics({"val/nll": 0.25}, 4)
        waited = time.monotonic() - begun
    assert waited < 15
    assert time.monotonic() - begun < 20
    server.close()
    (file,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    assert history(read_finished(file))["val/nll"] == 0.25
    print(f"{kind}: {waited:.1f} s")


@pytest.mark.parametrize(("heads", "reason"), [(0, "no answer in 0.3 s from "), (1, "")])
def test_any_answer_is_one_and_none_is_told_in_time(heads: int, reason: str) -> None:
    server = Server(heads)
    begun = time.monotonic()
    assert silence(f"http://127.0.0.1:{server.port}", 0.3).startswith(reason)
    assert bool(reason) == (time.monotonic() - begun >= 0.3)
    server.close()
    gone = silence(f"http://127.0.0.1:{server.port}", 0.3)
    assert gone == f"Connection refused from http://127.0.0.1:{server.port}"


def test_with_a_key_and_an_answer_it_is_online_and_resumable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = install(monkeypatch, FakeWandb())
    monkeypatch.setenv("WANDB_API_KEY", "a key")
    with tracker(folder, "auto") as told:
        told.metrics({}, 4)
    assert fake.asked == ["online"]
    assert fake.runs[0].settings["resume"] == "allow"


# -------------------------------------------------------------------------------------- never fatal
def test_an_error_of_wandb_is_a_warning(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeWandb(broken=True))
    with pytest.warns(UserWarning, match="W&B: log failed .gone.; the run goes on"), tracker(folder) as told:
        told.metrics({"val/nll": 0.25}, 4)
    assert (folder / "metrics.jsonl").exists()


def test_a_wandb_that_cannot_begin_is_asked_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = install(monkeypatch, FakeWandb(fails=("offline",)))
    with pytest.warns(UserWarning) as warned, tracker(folder) as told:
        told.metrics({}, 4)
        told.metrics({}, 8)
    assert len(warned) == len(fake.asked) == 1
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2


def test_a_mask_of_another_shape_is_a_warning_that_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = install(monkeypatch, FakeWandb())
    fake.Image = object
    with pytest.warns(UserWarning, match=r"mask shape: expected 8x8, got 8x9 \(bob\)"), tracker(folder) as told:
        told.pictures(lambda: [picture("c07", np.zeros((8, 8)), bob=np.zeros((8, 9), int))])


def test_a_run_that_failed_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = install(monkeypatch, FakeWandb())
    with pytest.raises(SystemExit), tracker(folder) as told:
        told.metrics({}, 4)
        raise SystemExit(143)
    assert fake.runs[0].told[-1] == {"exit code": 1}


def test_only_the_first_process_tells_anything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = install(monkeypatch, FakeWandb())
    monkeypatch.setattr(tracking, "is_first_process", lambda: False)
    with tracker(folder) as told:
        told.metrics({}, 4)
        told.rewind(0)
    assert fake.asked == [] and list(folder.iterdir()) == []


def test_a_key_is_found_in_the_netrc_file(folder: Path, tmp_path: Path) -> None:
    assert not has_key()
    (tmp_path / "netrc").write_text("machine api.wandb.ai\n  login user\n  password secret\n")
    assert has_key()
