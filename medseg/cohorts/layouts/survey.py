"""Cases -> Cohort: where the layout is silent, labels, channels and dimensions are read from the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from medseg.cohorts.layouts.files import doubled, natural
from medseg.cohorts.names import CROWD
from medseg.cohorts.reading import read_all
from medseg.contracts import Case, ClassLabel, Cohort, Refused, Volume, complaint
from medseg.images import read_image, read_labels

MOST_FILES = 400
MOST_VALUES = 100


def cohort_of(
    root: Path,
    cases: Sequence[Case],
    classes: tuple[ClassLabel, ...] = (),
    class_names: Mapping[int, str] | None = None,
    channels: tuple[str, ...] = (),
) -> Cohort:
    """Complete a cohort from its files.

    classes, channels: what the layout states; where empty, found out. class_names: names for values that may
    occur. The first case's image gives the number of channels, the first mask that of the dimensions.
    Raises Refused without cases or masks, for two cases of one name, and for unreadable files.
    """
    if not cases:
        raise Refused([complaint("cases", "at least one image", "none", str(root))])
    complaints = [complaint("cases of one name", "one", "several", name) for name in doubled(_names(cases))]
    if complaints:
        raise Refused(complaints)
    everyone = sorted({name for case in cases for name in case.annotations}, key=natural)
    masks = _masks(cases, everyone)
    if not masks:
        raise Refused([complaint("masks", "at least one", "none", str(root))])
    return Cohort(
        root=root,
        name=root.resolve().name,
        classes=classes or classes_found(masks, class_names or {}),
        channels=channels or _channels(cases[0]),
        spatial_dims=_spatial_dims(cases, masks[0]),
        annotators=tuple(name for name in everyone if not name.startswith(CROWD)),
        crowd=tuple(name for name in everyone if name.startswith(CROWD)),
        cases=tuple(sorted(cases, key=lambda case: natural(case.name))),
    )


def _names(cases: Sequence[Case]) -> list[str]:
    return [case.name for case in cases]


def _masks(cases: Sequence[Case], annotators: Sequence[str]) -> list[Path]:
    """Annotator by annotator, so that an even sample has its share of each; the truth last."""
    masks = [case.annotations[name] for name in annotators for case in cases if name in case.annotations]
    return masks + [case.truth for case in cases if case.truth]


# ---------------------------------------------------------------------------------------- classes
def classes_found(masks: Sequence[Path], names: Mapping[int, str]) -> tuple[ClassLabel, ...]:
    """The label values in the masks, in ascending order; the smallest is the background.

    Beyond 400 masks only 400 are read, spread evenly over the annotators and their cases: `medseg check`
    reads all, and names a value that was missed. A value without a name in ``names`` becomes
    ``background``, ``object`` (where it is the only other one), or ``class_1``, ``class_2``, ...
    Raises Refused for masks that cannot be read, and for fewer than 2 or more than 100 values.
    """
    chosen = np.linspace(0, len(masks) - 1, min(len(masks), MOST_FILES)).round().astype(int)
    read = read_all([masks[i] for i in chosen], lambda mask: np.unique(read_labels(mask).array).tolist())
    values: list[int] = sorted({value for found in read for value in found})
    if not 2 <= len(values) <= MOST_VALUES:
        seen = ", ".join(map(str, values[:5])) + (", ..." if len(values) > 5 else "")
        where = f"{len(chosen)} masks, the first {masks[0]}"
        raise Refused([complaint("label values", f"2 to {MOST_VALUES}", f"{len(values)}: {seen}", where)])
    default = ["background", *(["object"] if len(values) == 2 else [])]
    default += [f"class_{rank}" for rank in range(len(default), len(values))]
    labels = [ClassLabel(name=names.get(value, name), value=value) for value, name in zip(values, default, strict=True)]
    if doubled(label.name for label in labels):
        got = ", ".join(f"{label.value} {label.name}" for label in labels)
        raise Refused([complaint("class names", "another one for each value", got, str(masks[0].parent))])
    return tuple(labels)


# ------------------------------------------------------------------------------- channels and axes
def _channels(case: Case) -> tuple[str, ...]:
    first, *others = case.images
    if others:
        return tuple(f"channel_{number}" for number in range(1, len(case.images) + 1))
    count = read_image(first).array.shape[0]
    names: dict[int, tuple[str, ...]] = {1: ("intensity",), 3: ("red", "green", "blue")}
    return names.get(count) or tuple(f"channel_{number}" for number in range(1, count + 1))


def _spatial_dims(cases: Sequence[Case], mask: Path) -> int:
    """Those of a mask, compared with its image: channels stored as a further axis would pass as a volume."""
    case = next(case for case in cases if mask in (*case.annotations.values(), case.truth))
    image, labels = read_image(case.images[0]), read_labels(mask)
    if image.array.ndim - 1 != labels.array.ndim:
        expected = f"{labels.array.ndim} as its mask {mask.name} ({_size(labels, 0)})"
        got = f"{image.array.ndim - 1} ({_size(image, 1)}); channels belong into one file each"
        raise Refused([complaint("dimensions of an image", expected, got, str(case.images[0]))])
    return labels.array.ndim


def _size(volume: Volume, first_axis: int) -> str:
    return "x".join(map(str, volume.array.shape[first_axis:]))
