"""docs/robustness.md: every bad input and fault that the tests of this folder make, and what is said.

python -m tests.faults.table        # writes docs/robustness.md
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from .byte_changes import NONE, VOXELS, WHOLE
from .faults import FAULTS
from .figures import figures
from .test_commands import COMMANDS
from .test_files_and_cohorts import NAMES, PICTURE_FAULTS, TEXTS, VOLUME_FAULTS
from .test_predictions import BAD
from .test_runs import BOUNDS, CALIBRATIONS, SCORES, SPOILED

PAGE = Path(__file__).parents[2] / "docs" / "robustness.md"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One bad input or fault."""

    group: str
    """Its heading."""
    verb: str
    """Of the command line."""
    given: str
    """What is wrong."""
    sentence: str
    """A part of what is said."""
    status: int = 1
    """Of the command."""


def rows() -> list[Row]:
    """All of them, by their group."""
    return [*_of_cohorts(), *_of_commands(), *_of_runs(), *_of_results(), *_of_faults()]


def _of_cohorts() -> Iterator[Row]:
    for fault in NAMES:
        yield Row(group="Names", verb="check", given=fault.name, sentence=fault.sentence)
    for fault in TEXTS:
        yield Row(group="Tables and YAML", verb="check", given=fault.name, sentence=fault.sentence)
    for name, (_, sentence) in {**VOLUME_FAULTS, **PICTURE_FAULTS}.items():
        yield Row(group="Images", verb="check", given=name, sentence=sentence)


def _of_commands() -> Iterator[Row]:
    for command, (sentence, status) in COMMANDS.items():
        verb, _, words = command.partition(" ")
        yield Row(group="Commands", verb=verb, given=words or "(nothing)", sentence=sentence.format(), status=status)
    for override, sentence in BOUNDS:
        yield Row(group="Bounds", verb="train", given=override, sentence=sentence)


def _of_runs() -> Iterator[Row]:
    for name, _, sentence in SPOILED:
        for verb in ("evaluate", "predict"):
            yield Row(group="Run folders", verb=verb, given=name, sentence=sentence)
    for text in CALIBRATIONS:
        sentence = "calibration.json: expected what training writes"
        yield Row(group="Run folders", verb="evaluate", given=f"calibration.json of {text}", sentence=sentence)
    for name, _, sentence in SCORES:
        yield Row(group="Run folders", verb="compare", given=name, sentence=sentence)


def _of_results() -> Iterator[Row]:
    for name, (verb, _, _, sentence) in BAD.items():
        yield Row(group="Predict, complete, fuse, simulate", verb=verb.partition("-")[0], given=name, sentence=sentence)


def _of_faults() -> Iterator[Row]:
    for verb, given, sentence, status, _ in FAULTS:
        yield Row(group="Disks, processes, clocks, servers", verb=verb, given=given, sentence=sentence, status=status)


def page() -> str:
    """The content of docs/robustness.md."""
    every = rows()
    parts = [HEAD.format(count=len(every))]
    for group, found in groupby(every, key=lambda row: row.group):
        parts.append(f"## {group}\n\n| verb | what is wrong | what is said | status |\n| --- | --- | --- | --- |")
        parts[-1] += "".join(f"\n| {row.verb} | {_code(row.given)} | {_code(row.sentence)} | {row.status} |"
                             for row in found)  # fmt: skip
    return "\n\n".join([*parts, *_kills(), *_bytes()]) + "\n"


HEAD = """# Robustness

Written by `tests/faults/table.py` from the tables that the tests of `tests/faults` run through the command line:
{count} bad inputs and faults, each with a part of the sentence that answers it and the exit status. No answer is a
traceback, and none leaves anything behind or touches what was there; those to cohorts and commands take less than five
seconds. In braces: what the test makes. Status 2 is the command line's own, for words that it does not know; what
stands in round brackets is no sentence but what happens.

```sh
python -m pytest tests/faults            # all but the long ones
python -m pytest tests/faults -m slow    # those
python -m tests.faults.table             # writes this page
```"""


def _code(text: str) -> str:
    inner = " ".join(text.split()).replace("\\|", "|").replace("|", "\\|").replace("`", "'")
    return f"`{inner}`" if not inner.startswith("(") else inner


def _kills() -> list[str]:
    noted = figures()["kills"]
    lines = "\n".join(f"| {place} | {number} |" for place, number in noted["where"].items())
    return [
        f"## Kills\n\n{noted['points']} trainings with two loader processes were killed (SIGKILL) at a random moment\n"
        f"and resumed: {noted['equal']} ended with the weights, the metrics and the calibration of one that nobody\n"
        "killed, bit by bit.",
        _command(noted),
        f"| newest stage on the disk | killed |\n| --- | --- |\n{lines}",
        "begin: no checkpoint yet; end: all was done.",
    ]


def _bytes() -> list[str]:
    noted = figures()["bytes"]
    names = ("refused", "the same", "another grid", "other voxels")
    lines = [
        f"| {suffix} | {said} | " + " | ".join(str(noted["formats"][suffix].get(name, 0)) for name in names) + " |"
        for suffix, said in _checksums()
    ]
    head = f"| format | checksum | {' | '.join(names)} |\n| {'--- | ' * 6}".rstrip()
    return [
        f"## Single bytes\n\nOf {noted['changes']} single bytes changed in one file of each format, one at a time:",
        _command(noted),
        "\n".join([head, *lines]),
        WARNING,
    ]


WARNING = """Only `.nii.gz` and `.png` have a checksum over all that they hold: whatever is changed is noticed. In
`.nrrd`, `.mha` and `.tif`, as medseg writes them, the voxels have one and the header has none: a changed byte there
can move the image or, in `.tif`, give other numbers. **`.nii` and `.jpg` have none at all, and so have `.nrrd`, `.mha`
and `.tif` that are not compressed: a changed byte is another voxel, and nobody can tell.** Keep masks as `.nii.gz` or
`.png`. What was trained on is told by its SHA-256 whatever its format: `evaluate` refuses a cohort that has changed
since."""


def _checksums() -> Sequence[tuple[str, str]]:
    voxels = [(suffix, f"{kind}, of the voxels") for suffix, kind in VOXELS.items()]
    return [*WHOLE.items(), *voxels, *((suffix, "none") for suffix in NONE)]


def _command(noted: dict[str, str]) -> str:
    return f"```sh\n{noted['command']}    # at commit {noted['commit']}\n```"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
