"""Any folder, by two patterns of paths: ``images/{case}.png`` and ``masks/{annotator}/{case}_seg.png``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from medseg.cohorts.layouts.case_table import described
from medseg.cohorts.layouts.choices import Choices, split_meanings
from medseg.cohorts.layouts.converting import CONVERTED
from medseg.cohorts.layouts.files import natural, split_named, unknown_split
from medseg.cohorts.layouts.nnunet import REFERENCE
from medseg.cohorts.layouts.survey import cohort_of
from medseg.cohorts.manifest import TRUTH
from medseg.contracts import Case, Cohort, Refused, Split, complaint
from medseg.images import SUFFIXES, suffix_of

NEEDS = "--pattern 'images/{case}.png' 'masks/{annotator}/{case}_seg.png' ({channel}, {patient}, {split}, * as well)"

FIELD = re.compile(r"\{(\w+)\}")
OWN = ("case", "annotator", "channel", "patient", "split")
"""Fields with a meaning; others become covariates."""


def detect(root: Path) -> bool:
    """Never: patterns are given."""
    return False


def index(root: Path, choices: Choices) -> Cohort:
    """A case per ``{case}`` that an image bears; masks without ``{annotator}`` are those of ``reference``.

    ``{annotator}`` truth is the known truth. A file that both patterns fit belongs to the one that spells more letters
    out, else it is a mask. ``cases.csv`` is read where there is one. Raises Refused for patterns without ``{case}``, or
    that fit no file, or two files alike.
    """
    if choices.pattern is None:
        raise Refused([complaint("pattern", "one of images and one of masks", "none", NEEDS)])
    image, mask = (_expression(pattern) for pattern in choices.pattern)
    files = [
        path for path in sorted(root.rglob("*"), key=lambda path: natural(path.as_posix())) if _is_image(path, root)
    ]
    images, masks = _matches(files, image, root), _matches(files, mask, root)
    literal_image, literal_mask = (len(FIELD.sub("", pattern).replace("*", "")) for pattern in choices.pattern)
    for path in [path for path in images if path in masks]:
        del (masks if literal_image > literal_mask else images)[path]
    complaints = [
        complaint(f"files like {pattern}", "one or more", f"none; the first file is {_first(files, root)}", str(root))
        for pattern, found in zip(choices.pattern, (images, masks), strict=True)
        if not found
    ]
    if complaints:
        raise Refused(complaints)
    words = split_meanings(choices.split_words)
    return cohort_of(root, described(_cases(images, masks, words), root / "cases.csv", words), choices)


def _expression(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression: a field is a part of a name, the same wherever it stands again."""
    parts = FIELD.split(pattern.removeprefix("./"))
    names, seen, text = parts[1::2], [], ""
    for position, part in enumerate(parts):
        if position % 2:
            text += f"(?P={part})" if part in seen else f"(?P<{part}>[^/]+?)"
            seen.append(part)
        else:
            text += "[^/]*".join(map(re.escape, part.split("*")))
    complaints = []
    if "case" not in names:
        complaints.append(complaint("pattern", "{case} in it", pattern, "--pattern"))
    if "" in parts[2:-1:2]:
        complaints.append(complaint("pattern", "something between two fields", pattern, "--pattern"))
    if any(name.isdigit() for name in names):
        complaints.append(complaint("fields", "names that begin with a letter", pattern, "--pattern"))
    if complaints:
        raise Refused(complaints)
    return re.compile(text)


def _is_image(path: Path, root: Path) -> bool:
    """Whether a file is one, not hidden, and not what an earlier index converted."""
    parts = path.relative_to(root).parts
    hidden = parts[0] == CONVERTED or any(part.startswith(".") for part in parts)
    return suffix_of(path) in SUFFIXES and not hidden and path.is_file()


def _matches(files: Iterable[Path], expression: re.Pattern[str], root: Path) -> dict[Path, dict[str, str]]:
    """File -> its fields."""
    found = {path: expression.fullmatch(path.relative_to(root).as_posix()) for path in files}
    return {path: match.groupdict() for path, match in found.items() if match}


def _cases(
    images: Mapping[Path, Mapping[str, str]], masks: Mapping[Path, Mapping[str, str]], words: Mapping[str, Split]
) -> list[Case]:
    channels: dict[str, dict[str, Path]] = {}
    annotations: dict[str, dict[str, Path]] = {}
    told: dict[str, Mapping[str, str]] = {}
    complaints: list[str] = []
    for path, fields in images.items():
        told.setdefault(fields["case"], fields)
        complaints += _put(channels.setdefault(fields["case"], {}), fields.get("channel", ""), path, "image")
    for path, fields in masks.items():
        if fields["case"] not in channels:
            expected = f"an image named {fields['case']}"
            complaints.append(complaint("image of a mask", expected, "none", f"{fields['case']}, {path}"))
        complaints += _put(annotations.setdefault(fields["case"], {}), fields.get("annotator", REFERENCE), path, "mask")
    complaints += [
        complaint("split", "train, val, test or empty", unknown_split(fields["split"]), name)
        for name, fields in told.items()
        if split_named(fields.get("split", ""), words) is None
    ]
    if complaints:
        raise Refused(complaints)
    return [_case(told[name], channels[name], annotations.get(name, {}), words) for name in channels]


def _put(files: dict[str, Path], key: str, path: Path, what: str) -> list[str]:
    """Put a file in its place; a complaint where another one is there."""
    twin = files.setdefault(key, path)
    if twin is path:
        return []
    return [complaint(f"{what} of a case", "one file", f"{twin.name} and {path.name}", str(path.parent))]


def _case(
    fields: Mapping[str, str], channels: Mapping[str, Path], masks: dict[str, Path], words: Mapping[str, Split]
) -> Case:
    name, truth = fields["case"], masks.pop(TRUTH, None)
    return Case(
        name=name,
        patient=fields.get("patient", name),
        split=split_named(fields.get("split", ""), words) or "",
        images=tuple(channels[number] for number in sorted(channels, key=natural)),
        annotations=masks,
        truth=truth,
        covariates={key: value for key, value in fields.items() if key not in OWN},
    )


def _first(files: list[Path], root: Path) -> str:
    return files[0].relative_to(root).as_posix() if files else "not there"
