"""What the page of a run shows of its diagnosis: read from the folder alone, and light to import."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from medseg.reporting import Table

FOLDER, SAID = "diagnosis", "said.txt"
"""In a run folder; the sentences in it."""
PICTURES: Mapping[str, str] = {
    f"../{FOLDER}/memorisation.png": "Diagnosis: what is learned by heart",
    f"../{FOLDER}/decodability.png": "Diagnosis: what can be read off each level",
    f"../{FOLDER}/clusters.png": "Diagnosis: which groups of masks are concepts",
    f"../{FOLDER}/mapper.png": "Diagnosis: votes of a graph beside the network",
}
"""From report/ -> heading."""


def diagnosis_table(run: Path) -> Table | None:
    """The sentences of a diagnosis; None of a run without one."""
    path = run / FOLDER / SAID
    if not path.is_file():
        return None
    lines = [line.partition(": ") for line in path.read_text("utf-8").splitlines() if line]
    return Table(columns=("part", "what was found"), rows=[(part, text) for part, _, text in lines])
