"""docs/run_folder.md against a run folder."""

from __future__ import annotations

import json
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "run_folder.md"


def unexplained(run: Path) -> set[str]:
    """What lies in a run folder, and in its report, that the page does not name; stages it names as ``<stage>/``."""
    page = PAGE.read_text("utf-8")
    stages = {json.loads(line)["stage"] for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()}
    here = [path for path in run.iterdir() if path.name not in stages and path.name[0] != "."]
    names = {f"{path.name}/" if path.is_dir() else path.name for path in [*here, *(run / "report").iterdir()]}
    return {name for name in names if name not in page}
