"""`medseg plan`: a folder -> a config that `medseg train` reads; `medseg train DIR` plans and goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from medseg import config
from medseg.contracts import Plan, Refused, complaint
from medseg.experiment.methods import configs, load_config, method_of_cohort

Say = Callable[[str], object]
"""What becomes of a line for the user."""


def plan_folder(folder: Path, out: Path | None, say: Say) -> Path:
    """Write the config that is planned for a folder; by default <name of the folder>.yaml in the working directory.

    A folder that is no cohort is indexed first, and what was written into it is said. Raises Refused where a file is
    there already, for what `medseg index` refuses, and for a cohort whose method plans nothing.
    """
    place = out or Path(f"{folder.resolve().name}.yaml")
    if os.path.lexists(place):
        raise Refused([complaint("file to write", "none, or another name by --out", "one that is there", str(place))])
    planned = _planned(folder, say)
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".writing-{os.getpid()}-{place.name}")
    temporary.write_text(planned.text, "utf-8")
    os.replace(temporary, place)
    for line in planned.lines:
        say(line)
    return place


def configured(path: Path, overrides: Sequence[str], say: Say) -> Any:
    """The config of a file, or the one that is planned for a folder, with ``dotted.key=value`` overrides.

    Raises Refused with every mistake, and as ``plan_folder``.
    """
    if not path.is_dir():
        return load_config(path, overrides)
    planned = _planned(path, say)
    resolved = config.parse_config(planned.text, f"plan of {path}", configs(), overrides)
    for line in planned.lines:
        say(line)
    return resolved


def _planned(folder: Path, say: Say) -> Plan:
    from medseg.cohorts import MANIFEST, load_cohort
    from medseg.experiment.cohorts import INDEXED, index_lines
    from medseg.images import whole_or_none

    if (folder / "config.yaml").is_file() and (folder / "splits.json").is_file():
        got = f"a run folder (medseg train {folder}/config.yaml --out {folder} --resume goes on with it)"
        raise Refused([complaint("folder to plan for", "images and masks, or a cohort", got, str(folder))])
    told: list[str] = []
    with whole_or_none(folder, INDEXED):
        if not (folder / MANIFEST).is_file():
            told = [*index_lines(folder, folder), f"indexed: manifest.csv and cohort.yaml are written into {folder}"]
        cohort = load_cohort(folder)
        planned = method_of_cohort(cohort).plan(cohort, str(folder))
    for line in told:
        say(line)
    return planned
