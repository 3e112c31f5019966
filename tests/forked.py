"""Scripts run in processes of their own that have torch and medseg behind them: each starts in a tenth of a second.

A new Python computes for some five seconds to import torch, lightning and MONAI. Here one does so, once, and every
process is forked from it before anything else has happened in it; it gets its own session, environment and streams.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Mapping
from multiprocessing import forkserver
from pathlib import Path
from subprocess import TimeoutExpired

from pytest import MonkeyPatch

ROOT = Path(__file__).parents[1]
IMPORTED = ["torch", "lightning_fabric", "monai.networks.nets", "pandas", "medseg.experiment.train"]
IMPORTED += ["medseg.annotators.method", "medseg.amodal.method", "medseg.training.loop"]
BEGIN = """
import multiprocessing, os, runpy, sys
from lightning_fabric.utilities import rank_zero

multiprocessing.set_start_method(None, force=True)  # as in a new Python
os.setsid()
os.chdir(place)
for stream, path in ((1, out), (2, err)):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
sys.stdout, sys.stderr = open(1, "w"), open(2, "w", buffering=1)
os.environ.clear()
os.environ.update(environment)
rank_zero.rank_zero_only.rank = int(environment.get("LOCAL_RANK", 0))  # as found where lightning is imported
sys.argv = words
sys.path.insert(0, os.path.dirname(words[0]))
runpy.run_path(words[0], run_name="__main__")
"""


class Forked:
    """A script in a process; what tests ask of ``subprocess.Popen``."""

    def __init__(
        self, script: Path, *words: object, environment: Mapping[str, str] | None = None, said: Path | None = None
    ) -> None:
        """said: the folder of the files that it writes its streams to; several processes may have the same."""
        self._said = said or Path(tempfile.mkdtemp(prefix="said"))
        given = {
            "words": [str(script), *map(str, words)],
            "environment": {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **(environment or {})},
            "place": str(ROOT),
            "out": str(self._said / "out"),
            "err": str(self._said / "err"),
        }
        self._process = _context().Process(target=exec, args=(BEGIN, given))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    poll = returncode.fget

    def wait(self, timeout: float = 120) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutExpired("a forked process", timeout)
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        """What it has written to its streams, when it has ended."""
        self.wait(timeout)
        texts = [path.read_text() if path.exists() else "" for path in (self._said / "out", self._said / "err")]
        shutil.rmtree(self._said, ignore_errors=True)
        return texts[0], texts[1]


def pair(script: Path, *words: object, environment: Mapping[str, str] | None = None) -> tuple[list[int], str]:
    """A script in two processes that know of one another as those that lightning starts; their ends, what both said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    said, known = Path(tempfile.mkdtemp(prefix="said")), {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    both = [
        Forked(script, *words, environment={**(environment or {}), **known, "LOCAL_RANK": rank}, said=said)
        for rank in ("0", "1")
    ]
    ends = [process.wait() for process in both]
    return ends, both[0].communicate()[1]


def _context() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    with MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", str(ROOT))
        forkserver.ensure_running()
    return context
