"""`medseg diagnose`: a trained run -> a folder of tables, pictures, a sheet for people and a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from medseg.annotators.diagnosis.answers import judge_answers
from medseg.annotators.diagnosis.columns import COLUMNS, HEADINGS, PICTURES
from medseg.annotators.diagnosis.concepts import concepts, said_of_clusters
from medseg.annotators.diagnosis.decodability import decodability, said_of_decodability
from medseg.annotators.diagnosis.examined import Examined
from medseg.annotators.diagnosis.memorisation import Retraining, memorisation, said_of_memorisation
from medseg.annotators.diagnosis.pictures import draw_clusters, draw_decodability, draw_mapper, draw_memorisation
from medseg.annotators.diagnosis.robustness import mapped, said_of_mapper
from medseg.annotators.diagnosis.section import FOLDER, SAID
from medseg.annotators.diagnosis.sheet import write_sheet
from medseg.annotators.people.page import Words, cells, write_page
from medseg.contracts import Refused, complaint
from medseg.evaluation import write_table
from medseg.images import place_complaints, whole_or_as_before
from medseg.reporting import markdown

PAGE, ANSWERS = "index.html", "answers.csv"
MEMORISATION = "memorisation"
FILES: Mapping[str, Sequence[str]] = {
    MEMORISATION: ("memorisation.csv", "memorisation.png"),
    "decodability": ("decodability.csv", "decodability.png"),
    "clusters": ("learnability.csv", "clusters.csv", "clusters.png", "sheet.html", "sheet_key.csv"),
    "mapper": ("robustness.csv", "mapper.csv", "mapper.png"),
}
"""Part -> what it leaves."""
SENTENCES: Mapping[str, Callable[[pd.DataFrame], Iterable[str]]] = {
    "memorisation.csv": said_of_memorisation,
    "decodability.csv": said_of_decodability,
    "learnability.csv": said_of_clusters,
    "robustness.csv": said_of_mapper,
}
"""Table -> what it says in sentences."""
NEEDED = {"sklearn": "scikit-learn", "kmapper": "kmapper"}
"""Modules that are in the extra ``diagnose``, and the packages that have them."""


def refuse_parts(what: Sequence[str], run: Path) -> None:
    """Raise Refused for parts that there are not, and where a package is missing."""
    found = [
        complaint("--what", f"of {', '.join(FILES)}", name or "nothing", str(run)) for name in what if name not in FILES
    ]
    if missing := [package for module, package in NEEDED.items() if find_spec(module) is None]:
        expected = "scikit-learn and kmapper (pip install 'medseg[diagnose]')"
        found.append(complaint("packages", expected, f"no {' and no '.join(missing)}", "diagnose"))
    if found:
        raise Refused(found)


def place_of(run: Path, out: Path | None) -> Path:
    """Where a diagnosis goes. Raises Refused for a place that takes no folder."""
    place = run / FOLDER if out is None else out
    if found := place_complaints(place):
        raise Refused(found)
    return place


def diagnose_run(run: Path, place: Path, what: Sequence[str], trained: Sequence[Retraining] = ()) -> str:
    """Make these parts anew, and the page of all parts that are there; returns what the user reads.

    trained: what `memorisation` compares. Raises Refused for a run of another method, one without weights or whose data
    have changed, and as the parts do; then what is there stays as it was.
    """
    refuse_parts(what, run)
    examined = Examined.load(run)
    made = {name for part in what for name in FILES[part]}
    kept = [place / name for names in FILES.values() for name in names if name not in made]
    with whole_or_as_before(place, kept) as folder:
        for part in what:
            _make(part, examined, folder, trained)
        tables = {name: pd.read_csv(folder / name, keep_default_na=False, na_values=["nan"])
                  for name in COLUMNS if (folder / name).is_file()}  # fmt: skip
        said = [line for name, says in SENTENCES.items() if name in tables for line in says(tables[name])]
        (folder / SAID).write_text("".join(f"{line}\n" for line in said), "utf-8")
        config = examined.predictor.config
        title = f"Diagnosis of {config.experiment}: {config.recipe}, seed {config.seed}"
        words = Words(columns=COLUMNS, headings=HEADINGS)
        write_page(folder / PAGE, title, said=said, tables=tables, pictures=PICTURES, words=words)
    return "\n".join([*said, f"page: {place / PAGE}"])


def _make(part: str, examined: Examined, folder: Path, trained: Sequence[Retraining]) -> None:
    labelling = examined.labelling
    if part == MEMORISATION:
        found = memorisation(labelling.cohort, labelling.annotators, trained)
        _write(folder / "memorisation.csv", found)
        draw_memorisation(found, folder / "memorisation.png")
    elif part == "decodability":
        found = decodability(examined)
        _write(folder / "decodability.csv", found)
        draw_decodability(found, folder / "decodability.png")
    elif part == "clusters":
        groups = concepts(examined)
        _write(folder / "learnability.csv", groups.judged)
        _write(folder / "clusters.csv", groups.masks)
        draw_clusters(groups, labelling.cohort.spatial_dims, folder / "clusters.png")
        write_sheet(folder, labelling, groups.deviations, groups.questions, names=groups.names)
    else:
        graph = mapped(examined)
        _write(folder / "robustness.csv", graph.robustness)
        _write(folder / "mapper.csv", graph.nodes)
        draw_mapper(graph, folder / "mapper.png")


def score_answers(place: Path, answers: Path) -> str:
    """Judge the answers of one person to the sheet of a diagnosis; returns the table, also written beside the sheet."""
    found = judge_answers(place, answers)
    _write(place / ANSWERS, found)
    return "\n".join([markdown(cells(found)), f"table: {place / ANSWERS}"])


def _write(path: Path, table: pd.DataFrame) -> None:
    write_table(path, list(table.columns), table.itertuples(index=False, name=None))
