"""RIGA: ``image1prime.tif`` and ``image1-1.tif`` ... ``image1-6.tif``, photographs with contours drawn into them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import closing, disk

from medseg.cohorts.layouts.choices import Choices
from medseg.cohorts.layouts.converting import put_mask
from medseg.cohorts.layouts.files import natural
from medseg.cohorts.layouts.survey import cohort_of
from medseg.cohorts.reading import read_all
from medseg.contracts import Case, ClassLabel, Cohort, Refused, Volume, complaint
from medseg.images import SUFFIXES, read_image, suffix_of

NEEDS = "image1prime.tif (or .jpg) beside image1-1.tif ... image1-6.tif, up to three folders below"
CLASSES = (
    ClassLabel(name="background", value=0),
    ClassLabel(name="disc_rim", value=1),
    ClassLabel(name="cup", value=2),
)
DRAWN = 40
"""Difference in any colour, of 255, from which on a pixel counts as drawn; JPEG alters what nobody drew by less."""
SMALLEST = 20
"""Pixels of a region that counts as one: others are specks between two strokes."""

_NAME = re.compile(r"(?P<number>image\d+)(?:-(?P<reader>\d)|(?P<prime>prime))", re.IGNORECASE)


def detect(root: Path) -> bool:
    """Whether a photograph without contours lies in the root or up to three folders below."""
    depths = ("", "*/", "*/*/", "*/*/*/")
    return any(any(root.glob(f"{depth}[Ii]mage*prime.*")) for depth in depths)


def index(root: Path, choices: Choices) -> Cohort:
    """A case per photograph, named <folder>_image<N>; annotators reader1..6; rim and cup are written as label maps.

    What a reader drew is where his photograph differs from the one without contours: the region that the outer line
    encloses is the disc, the one that the inner line encloses the cup, lines included.
    Raises Refused for readers of whom no two closed contours are found, all at once.
    """
    grouped: dict[tuple[Path, str], dict[str, Path]] = {}
    for path in sorted(root.rglob("*"), key=lambda path: natural(path.as_posix())):
        match = _NAME.fullmatch(path.stem) if suffix_of(path) in SUFFIXES else None
        if match:
            grouped.setdefault((path.parent, match["number"].lower()), {})[match["reader"] or "prime"] = path
    complaints = [
        complaint("photograph without contours", f"{number}prime", "none", str(folder))
        for (folder, number), own in grouped.items()
        if "prime" not in own
    ]
    if complaints:
        raise Refused(complaints)
    out = choices.out or root
    cases = read_all(list(grouped), lambda key: _case(key, grouped[key], out))
    return cohort_of(root, cases, choices, classes=CLASSES)


def _case(key: tuple[Path, str], files: dict[str, Path], out: Path) -> Case:
    name = f"{key[0].name}_{key[1]}"
    plain = read_image(files["prime"])
    masks, complaints = {}, []
    for reader, path in files.items():
        if reader == "prime":
            continue
        where = f"{name}/reader{reader}, {path}"
        drawn = read_image(path).array
        if drawn.shape != plain.array.shape:
            shapes = ["x".join(map(str, array.shape)) for array in (plain.array, drawn)]
            complaints.append(complaint("photograph with contours", shapes[0], shapes[1], where))
            continue
        difference = np.abs(drawn.astype(np.int16) - plain.array.astype(np.int16)).max(axis=0)
        labels = disc_and_cup(difference >= DRAWN)
        if labels is None:
            complaints.append(complaint("contours", "two that are closed, one in the other", "other ones", where))
            continue
        volume = Volume(array=labels, affine=plain.affine, spacing_mm=plain.spacing_mm)
        masks[f"reader{reader}"] = put_mask(out, f"reader{reader}", name, volume)
    if complaints:
        raise Refused(complaints)
    return Case(name=name, patient=name, images=(files["prime"],), annotations=masks)


def disc_and_cup(lines: NDArray[np.bool_]) -> NDArray[np.uint8] | None:
    """Drawn lines (Y,X) -> 0 outside, 1 rim, 2 cup; None where they enclose fewer than two regions.

    The rim is the enclosed region that has most of its pixels at the outer line; the cup is the largest of the others.
    """
    lines = closing(np.pad(lines, 3), disk(2))
    regions = np.asarray(label(~lines, connectivity=1))
    enclosed = np.asarray(label(regions != regions[0, 0]))
    if not enclosed.any():
        return None
    disc = enclosed == 1 + np.argmax(np.bincount(enclosed.ravel())[1:])
    inner = np.asarray(label(disc & ~lines, connectivity=1))
    sizes = np.bincount(inner.ravel())
    large = [number for number in range(1, len(sizes)) if sizes[number] >= SMALLEST]
    if len(large) < 2:
        return None
    half = int(_depth(lines).max())  # of the width of a line
    near = _depth(disc) <= 2 * half + 2
    rim = max(large, key=lambda number: np.count_nonzero(near & (inner == number)))
    core = inner == max((number for number in large if number != rim), key=lambda number: sizes[number])
    cup = ndimage.binary_dilation(core, iterations=2 * half + 1, mask=core | (lines & disc))
    labels = np.where(cup, 2, np.where(disc, 1, 0)).astype(np.uint8)
    return labels[3:-3, 3:-3]


def _depth(mask: NDArray[np.bool_]) -> NDArray[np.integer]:
    """(Y,X) steps from every pixel of a mask to the nearest outside of it, diagonal ones included."""
    return np.asarray(ndimage.distance_transform_cdt(mask, "chessboard"))
