"""What a case, an annotator, a class and a cohort may be called: files and folders are named after them.

A name that this file lets pass leads to a place inside the folder it is put below, on every file system, and no two of
them to the same place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from medseg.contracts import Cohort, complaint

MOST_BYTES = 200
"""In UTF-8; file systems take 255, and suffixes follow."""
CROWD = "crowd/"
"""Annotators whose name begins so are slots, not persons; what follows is a name."""

_SEPARATORS = re.compile(r'[/\\:<>"|?*]')
"""What parts a path somewhere (``c:x`` leaves its folder on Windows), and what Windows lets no file have."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, marks of direction, halves of characters, breaks of lines."""


def name_complaints(what: str, name: str, where: str) -> list[str]:
    """One complaint about a name that a file cannot have everywhere; none about a good one."""
    fault = _fault(name.removeprefix(CROWD) if what == "annotator" else name)
    if fault is None:
        return []
    shown = repr(name) if len(name) <= 60 else f"{name[:60]!r}..."
    return [complaint(what, "a name that a file can have", shown + fault, visible(where)[-300:])]


def naming_complaints(what: str, places: Mapping[str, str]) -> list[str]:
    """What is wrong with names of one kind: each by itself, and those that differ in case alone.

    places: name -> where it stands.
    """
    found = [line for name, where in places.items() for line in name_complaints(what, name, where)]
    first: dict[str, str] = {}
    for name, where in places.items():
        twin = first.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if twin != name:
            expected = "names that differ in more than upper and lower case"
            found.append(complaint(what, expected, f"{name!r} beside {twin!r}", visible(where)))
    return found


def cohort_naming_complaints(cohort: Cohort) -> list[str]:
    """``naming_complaints`` about everything in a cohort that bears a name."""
    return [
        *name_complaints("cohort name", cohort.name, str(cohort.root)),
        *naming_complaints("class name", _all_in((label.name for label in cohort.classes), cohort.name)),
        *naming_complaints("annotator", _all_in((*cohort.annotators, *cohort.crowd), cohort.name)),
        *naming_complaints("case", _all_in((case.name for case in cohort.cases), cohort.name)),
    ]


def visible(text: str) -> str:
    """Text for one line of a terminal: what cannot be seen is written as its escape."""
    return "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in _UNSEEN else character
        for character in text
    )


def _all_in(names: Iterable[str], where: str) -> dict[str, str]:
    return {name: where for name in names}


def _fault(name: str) -> str | None:
    """What is wrong with a name, as the end of a complaint ("" where the name itself shows it); None: nothing."""
    if not name or _SEPARATORS.search(name) or any(unicodedata.category(letter) in _UNSEEN for letter in name):
        return ""
    if name != name.strip() or name != name.strip("."):
        return ", which begins or ends with a blank or a dot"
    if len(name.encode()) > MOST_BYTES:
        return f" of {len(name.encode())} bytes, more than {MOST_BYTES}"
    return ", which Windows keeps for itself" if _RESERVED.fullmatch(name) else None
