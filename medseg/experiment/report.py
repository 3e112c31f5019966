"""`medseg report`: an evaluated run folder -> its page."""

from __future__ import annotations

from pathlib import Path

from medseg.contracts import Refused, complaint
from medseg.experiment.methods import method_of_run


def report_run(run: Path) -> Path:
    """Write report/index.html again; what `medseg evaluate` drew and scored is not made anew.

    Raises Refused for a folder that is no run, or without scores.
    """
    method = method_of_run(run)
    if not (run / "scores.csv").is_file():
        raise Refused([complaint("run folder", "scores.csv (medseg evaluate RUN)", "none", str(run))])
    return method.report(run)
