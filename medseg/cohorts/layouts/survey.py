"""Cases -> Cohort: where layout and user are silent, labels, channels and dimensions are read from the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medseg.cohorts.layouts.choices import Choices, ignored_values, new_names, stated_classes, stated_spacing
from medseg.cohorts.layouts.colours import classes_of_colours, colour_table, without_colours
from medseg.cohorts.layouts.files import doubled, natural
from medseg.cohorts.layouts.segments import classes_of_segments, is_segmentation, without_segments
from medseg.cohorts.layouts.values import blur_hint, classes_of, values_found
from medseg.cohorts.manifest import TRUTH, did_you_mean
from medseg.cohorts.names import CROWD
from medseg.contracts import Case, ClassLabel, Cohort, Refused, complaint
from medseg.images import read_image, read_labels


def cohort_of(
    root: Path,
    cases: Sequence[Case],
    choices: Choices,
    *,
    classes: tuple[ClassLabel, ...] = (),
    class_names: Mapping[int, str] | None = None,
    channels: tuple[str, ...] = (),
    ignored: tuple[int, ...] = (),
) -> Cohort:
    """Complete a cohort from its files.

    choices: what the user states, which goes before all else. classes, channels, ignored: what the layout states;
    where empty, found out. class_names: names for values that may occur. The first case of which image and mask can
    be read gives the numbers of channels and dimensions; files that cannot are left to `medseg check`, as long as every
    annotator has one mask that can.
    Raises Refused without cases or masks, for two cases of one name, and where nothing can be read.
    """
    if not cases:
        raise Refused([complaint("cases", "at least one image", "none", str(root))])
    complaints = [complaint("cases of one name", "one", "several", name) for name in doubled(_names(cases))]
    if complaints:
        raise Refused(complaints)
    cases = _renamed(cases, new_names(choices.annotators))
    told = _as_label_maps(cases, choices, choices.out or root)
    cases, classes = told.cases, told.classes or stated_classes(choices.classes) or classes
    everyone = sorted({name for case in cases for name in case.annotations}, key=natural)
    masks = _masks(cases, everyone)
    if not masks:
        raise Refused([complaint("masks", "at least one", "none", str(root))])
    ignored = ignored_values(choices.ignore) or ignored
    classes = classes or _classes(masks, ignored, class_names or {})
    first = _first_readable(cases)
    spacing = stated_spacing(choices.spacing)(first.axes)
    if spacing:
        cases = [replace(case, spacing_mm=case.spacing_mm or spacing) for case in cases]
    return Cohort(
        root=root,
        name=root.resolve().name,
        classes=classes,
        channels=channels or first.channels,
        spatial_dims=first.axes,
        annotators=tuple(name for name in everyone if not name.startswith(CROWD)),
        crowd=tuple(name for name in everyone if name.startswith(CROWD)),
        ignored=ignored,
        cases=tuple(sorted(cases, key=lambda case: natural(case.name))),
    )


def _names(cases: Sequence[Case]) -> list[str]:
    return [case.name for case in cases]


def _renamed(cases: Sequence[Case], names: Mapping[str, str]) -> list[Case]:
    """With the annotators' new names. Raises Refused for old names that nobody has, and new ones that somebody has."""
    known = list(dict.fromkeys(name for case in cases for name in case.annotations))
    complaints = [
        complaint("annotator", f"one of {', '.join(known)}", f"{old}{did_you_mean(old, known)}", "--annotators")
        for old in names
        if old not in known
    ]
    kept = {*known} - {*names}
    complaints += [
        complaint("new name", "one that nobody has", new, "--annotators") for new in names.values() if new in kept
    ]
    if complaints:
        raise Refused(complaints)
    return [
        replace(case, annotations={names.get(name, name): path for name, path in case.annotations.items()})
        for case in cases
    ]


def _masks(cases: Sequence[Case], annotators: Sequence[str]) -> dict[str, list[Path]]:
    """Annotator -> masks, the truth last."""
    masks = {name: [case.annotations[name] for case in cases if name in case.annotations] for name in annotators}
    known = [case.truth for case in cases if case.truth]
    return masks | ({TRUTH: known} if known else {})


def _classes(
    masks: Mapping[str, Sequence[Path]], ignored: tuple[int, ...], names: Mapping[int, str]
) -> tuple[ClassLabel, ...]:
    found = {name: values - {*ignored} for name, values in values_found(masks).items()}
    files = [path for own in masks.values() for path in own]
    where = f"{len(files)} masks, the first {files[0]}"
    try:
        return classes_of(found, names, where)
    except Refused as refused:
        hint = blur_hint(files)
        raise Refused([line.replace(f" ({where})", f"{hint} ({where})") for line in refused.complaints]) from refused


# ------------------------------------------------------------------------- colours and segments by name
@dataclass(frozen=True, kw_only=True)
class _Converted:
    """Cases whose masks are label maps."""

    cases: list[Case]
    """With the new files."""
    classes: tuple[ClassLabel, ...]
    """What their values mean; () where nothing was converted."""


def _as_label_maps(cases: Sequence[Case], choices: Choices, out: Path) -> _Converted:
    """Colours by the user's table, and 3D Slicer's segments by their names; other masks are label maps already."""
    if choices.colours is not None:
        colours = colour_table(choices.colours)
        return _Converted(cases=without_colours(cases, colours, out), classes=classes_of_colours(colours))
    masks = [path for case in cases for path in case.mask_files]
    segmented = [path for path in masks if is_segmentation(path)]
    if not segmented:
        return _Converted(cases=[*cases], classes=())
    if len(segmented) < len(masks):
        got = f"{len(segmented)} of {len(masks)}, the first {segmented[0]}"
        raise Refused([complaint("masks that are .seg.nrrd", "all or none", got, "masks")])
    classes = stated_classes(choices.classes) or classes_of_segments(cases)
    return _Converted(cases=without_segments(cases, classes, out), classes=classes)


# ------------------------------------------------------------------------------- channels and axes
@dataclass(frozen=True, kw_only=True)
class _Readable:
    """What the first case tells of all."""

    channels: tuple[str, ...]
    """Their names."""
    axes: int
    """Of a mask."""


def _first_readable(cases: Sequence[Case]) -> _Readable:
    """Of the first case with an image and a mask that can be read.

    Raises Refused where there is none, and for an image of other dimensions than its mask: channels stored as a further
    axis would pass as a volume.
    """
    complaints: list[str] = []
    for case in cases:
        masks = case.mask_files
        try:
            if masks:
                return _told_by(case, masks[0])
        except _Unlike as unlike:
            raise Refused(unlike.complaints) from unlike
        except Refused as refused:
            complaints += refused.complaints
    raise Refused(complaints)


class _Unlike(Refused):
    """An image and a mask that can be read, and do not belong together."""


def _told_by(case: Case, mask: Path) -> _Readable:
    labels, image = read_labels(mask), read_image(case.images[0])
    if image.array.ndim - 1 != labels.array.ndim:
        expected = f"{labels.array.ndim} as its mask {mask.name} ({_size(labels.array.shape)})"
        got = f"{image.array.ndim - 1} ({_size(image.array.shape[1:])}); channels belong into one file each"
        raise _Unlike([complaint("dimensions of an image", expected, got, str(case.images[0]))])
    return _Readable(channels=_channels(case, image.array.shape[0]), axes=labels.array.ndim)


def _channels(case: Case, count: int) -> tuple[str, ...]:
    if len(case.images) > 1:
        return tuple(f"channel_{number}" for number in range(1, len(case.images) + 1))
    names: dict[int, tuple[str, ...]] = {1: ("intensity",), 3: ("red", "green", "blue")}
    return names.get(count) or tuple(f"channel_{number}" for number in range(1, count + 1))


def _size(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
