"""Names on disk: the cases of a folder, the channels of a case, the split that a folder's name states."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from medseg.cohorts.manifest import TRUTH, did_you_mean
from medseg.contracts import Case, Refused, Split, complaint
from medseg.images import SUFFIXES, suffix_of

SEGMENTATION = ".seg"
"""Before the suffix of an NRRD in which 3D Slicer keeps segments by name."""

_CHANNEL = re.compile(r"_\d{4}$")
_DRAWN_LATER: Split = ""
_SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
    "holdout": "test",
    "dev": "",
    "": "",
}


NEARLY = 0.75
"""How like a split's name a folder's must be to be taken for a slip; ``site1`` is at .22, ``validate`` at .78."""


def natural(name: str) -> list[Any]:
    """Sorting key by which annotator2 comes before annotator10."""
    return [int(part) if part.isdigit() else part.lower() for part in re.split(r"(\d+)", name)]


def stem(path: Path) -> str:
    """The file's name without its suffix, ``.nii.gz`` and 3D Slicer's ``.seg.nrrd`` as one."""
    name = path.name[: -len(suffix_of(path))]
    return name[: -len(SEGMENTATION)] if name.lower().endswith(SEGMENTATION) and suffix_of(path) == ".nrrd" else name


def subfolders(folder: Path) -> list[Path]:
    """In natural order; none where there is no such folder."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=lambda path: natural(path.name))


def files_by_case(folder: Path) -> dict[str, Path]:
    """Name without suffix -> image or mask file, in natural order; hidden and foreign files are passed over.

    Raises Refused where two files differ only in their suffix.
    """
    found: dict[str, Path] = {}
    complaints = []
    for path in sorted(folder.iterdir() if folder.is_dir() else [], key=lambda path: natural(path.name)):
        if path.name.startswith(".") or suffix_of(path) not in SUFFIXES or not path.is_file():
            continue
        twin = found.setdefault(stem(path), path)
        if twin is not path:
            got = f"{twin.name} and {path.name}"
            complaints.append(complaint("files of one name", "one", got, str(folder)))
    if complaints:
        raise Refused(complaints)
    return found


def has_channel_numbers(name: str) -> bool:
    """Whether a name ends like ``_0000``."""
    return bool(_CHANNEL.search(name))


def channels_by_case(files: Mapping[str, Path]) -> dict[str, tuple[Path, ...]]:
    """Files named ``<case>_0000``, ``<case>_0001``, ... -> case -> its channels in order.

    Raises Refused for names without a channel number, and for cases whose channels differ in number.
    """
    grouped: dict[str, dict[str, Path]] = {}
    complaints = []
    for name, path in files.items():
        if has_channel_numbers(name):
            grouped.setdefault(name[:-5], {})[name[-4:]] = path
        else:
            complaints.append(complaint("image name", "<case>_0000, _0001, ...", path.name, str(path.parent)))
    known = sorted({number for numbers in grouped.values() for number in numbers})
    for case, numbers in grouped.items():
        missing = [number for number in known if number not in numbers]
        if missing:
            complaints.append(complaint("channels", ", ".join(known), f"no {', '.join(missing)}", case))
    if complaints:
        raise Refused(complaints)
    return {case: tuple(numbers[number] for number in known) for case, numbers in grouped.items()}


def images_by_case(files: Mapping[str, Path], labelled: Collection[str]) -> dict[str, tuple[Path, ...]]:
    """Case -> image, or its channels: ``_0000`` numbers a channel only if no mask bears the same name as an image.

    labelled: names of masks.
    """
    if all(map(has_channel_numbers, files)) and not {*labelled} & {*files}:
        return channels_by_case(files)
    return {case: (path,) for case, path in files.items()}


def paired(
    images: Mapping[str, tuple[Path, ...]],
    masks: Mapping[str, Mapping[str, Path]],
    split: Split = "",
) -> list[Case]:
    """case -> images, and annotator -> case -> mask, become cases; each is a patient of its own.

    The annotator ``truth`` is the known truth. Raises Refused for masks of cases that have no image.
    """
    complaints = [
        complaint("image of a mask", f"an image named {case}", "none", f"{case}/{annotator}, {path}")
        for annotator, files in masks.items()
        for case, path in files.items()
        if case not in images
    ]
    if complaints:
        raise Refused(complaints)
    cases = []
    for case, channels in images.items():
        own = {annotator: files[case] for annotator, files in masks.items() if case in files}
        known = own.pop(TRUTH, None)
        cases.append(Case(name=case, patient=case, split=split, images=channels, annotations=own, truth=known))
    return cases


# ----------------------------------------------------------------------------------------- splits
def split_named(name: str, words: Mapping[str, Split] | None = None) -> Split | None:
    """``Training`` -> train, ``holdout`` -> test, ``dev`` -> "" (drawn later); None for an unknown word.

    words: what the user says that words mean, in lower case; they go first.
    """
    word = name.strip().lower()
    return words[word] if words and word in words else _SPLIT_NAMES.get(word)


def unknown_split(name: str) -> str:
    """An unknown word, what may have been meant, and how to say so."""
    hint = did_you_mean(name.lower(), filter(None, _SPLIT_NAMES)) or ";"
    return f"{name}{hint} --map {name}=val says what it means"


def folders_with_cases(root: Path, holds_cases: Callable[[Path], bool]) -> list[Path]:
    """The root if it holds cases, else those of its folders that do."""
    return [root] if holds_cases(root) else [folder for folder in subfolders(root) if holds_cases(folder)]


def split_folders(
    root: Path, holds_cases: Callable[[Path], bool], words: Mapping[str, Split] | None = None
) -> dict[Path, Split]:
    """``folders_with_cases``, with the split that their names state; none for the root.

    Without a validation folder the training cases stay without a split, so that validation cases can be
    drawn from them. Raises Refused for a folder whose name is nearly that of a split: ``validate`` for one.
    """
    holding = folders_with_cases(root, holds_cases)
    stated: dict[Path, Split | None] = {
        folder: split_named(folder.name, words) if folder != root else "" for folder in holding
    }
    complaints = [
        complaint(
            "split of a folder", "train, val, test or a word unlike them", unknown_split(folder.name), str(folder)
        )
        for folder, split in stated.items()
        if split is None and get_close_matches(folder.name.lower(), list(filter(None, _SPLIT_NAMES)), cutoff=NEARLY)
    ]
    if complaints:
        raise Refused(complaints)
    folders: dict[Path, Split] = {}
    for folder, split in stated.items():
        folders[folder] = split or _DRAWN_LATER
    if "val" not in folders.values():
        folders.update((folder, "") for folder, split in folders.items() if split == "train")
    return folders


def doubled(names: Iterable[str]) -> list[str]:
    """The names that occur more than once, in natural order."""
    seen: set[str] = set()
    twice = {name for name in names if name in seen or seen.add(name)}
    return sorted(twice, key=natural)
