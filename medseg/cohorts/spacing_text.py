"""The length of a voxel as tables and options write it: ``0.5x0.25``, in mm along the axes."""

from __future__ import annotations

from medseg.contracts import complaint

SPACING = "spacing_mm"
"""A column that is there where pictures without a scale of their own have one: ``0.5x0.25``, along their axes."""


def spacing_of_text(text: str) -> tuple[float, ...] | None:
    """``0.5x0.25`` -> lengths in mm; None for "", and for what ``spacing_complaint`` complains of."""
    try:
        lengths = tuple(float(number) for number in text.split("x"))
    except ValueError:
        return None
    return lengths if all(0 < mm < float("inf") for mm in lengths) else None


def spacing_complaint(text: str, dims: int | None, where: str) -> list[str]:
    """What is wrong with a spacing as it is written; nothing where there is none. dims: None: any."""
    lengths = spacing_of_text(text)
    if not text or (lengths and dims in (None, len(lengths))):
        return []
    return [complaint(SPACING, "a length in mm for each axis, as in 0.5x0.25", text, where)]
