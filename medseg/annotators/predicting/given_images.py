"""`medseg predict`: a file or a folder of images -> cases with their channels, and what keeps one from being seen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.assembly import Signature
from medseg.annotators.loading.grid import Grid
from medseg.cohorts import read_splits
from medseg.cohorts.layouts import channels_by_case, files_by_case, has_channel_numbers, stem
from medseg.contracts import Refused, complaint
from medseg.images import SUFFIXES, flattened_axes, read_channels, suffix_of

SPLITS = "splits.json"


def own_names(run: Path) -> tuple[str, ...]:
    """The cases that a run was trained and tested on; none where the folder does not tell."""
    return tuple(read_splits(run / SPLITS).splits) if (run / SPLITS).is_file() else ()


def find_images(images: Path, known: Collection[str] = ()) -> dict[str, tuple[Path, ...]]:
    """A file, or the images of a folder: case -> its files, those named ``<case>_0000``, ``_0001``, ... its channels.

    One channel's file stands for its case, whose other channels lie beside it. known: cases of the run. Where names of
    theirs end in four digits (``frame_0012``), those are no channel's.
    Raises Refused for none, for files that differ in their suffix alone, and for channels of some cases that others
    have not.
    """
    ends = any(map(has_channel_numbers, known))

    def numbered(name: str) -> bool:
        return has_channel_numbers(name) and (not ends or has_channel_numbers(name[:-5]))

    if images.is_dir():
        files = files_by_case(images)
    elif numbered(stem(images)):
        beside = sorted(images.parent.glob(f"*{suffix_of(images)}"))
        files = {stem(path): path for path in beside if numbered(stem(path)) and stem(path)[:-5] == stem(images)[:-5]}
    else:
        files = {stem(images): images}
    if not files:
        raise Refused([complaint("images", f"files ending in {', '.join(SUFFIXES)}", "none", str(images))])
    cases = channels_by_case({name: path for name, path in files.items() if numbered(name)})
    whole = {name: (path,) for name, path in files.items() if not numbered(name)}
    if both := sorted(set(cases) & set(whole)):
        raise Refused(
            complaint("files of one case", "its channels, or one file", f"{name}_0000 and {name}", name)
            for name in both
        )
    return {**cases, **whole}


def image_complaints(name: str, paths: Sequence[Path], signature: Signature, grid: Grid) -> list[str]:
    """What keeps a run from seeing a case; none where nothing does."""
    wanted_mm = grid.spacing_mm if grid.mode == "patch" else None
    try:
        image = read_channels(paths)
    except Refused as refused:
        return list(refused.complaints)
    except ValueError:
        return [complaint("channels", "the same shape", "different ones", name)]
    found, spatial_dims = [], image.array.ndim - 1
    if spatial_dims != signature.spatial_dims:
        found.append(complaint("image", f"{signature.spatial_dims}-D", f"{spatial_dims}-D", name))
    if len(image.array) != signature.channels:
        files = f" in {', '.join(path.name for path in paths)}" if len(paths) > 1 or signature.channels > 1 else ""
        found.append(complaint("image channels", signature.channels, f"{len(image.array)}{files}", name))
    if flattened_axes(image.affine, spatial_dims):
        got = f"one that gives several voxels one place: {image.affine[:3].round(6).tolist()}"
        found.append(complaint("affine", "a place for each voxel", got, name))
    elif wanted_mm and image.spacing_mm is None:
        expected = f"a spacing, for the run resamples to {' x '.join(f'{mm:g}' for mm in wanted_mm)} mm"
        found.append(complaint("image", expected, "a picture without one", name))
    return [*found, *_infinite(name, image.array)]


def _infinite(name: str, array: NDArray[np.generic]) -> list[str]:
    """Of an image (C,S...): how many voxels are no finite numbers as float32, and where the first of them is."""
    with np.errstate(over="ignore"):
        wrong = np.argwhere(~np.isfinite(array.astype(np.float32)))
    if not len(wrong):
        return []
    channel, *index = wrong[0].tolist()
    place = f"[{', '.join(map(str, index))}]" + (f" of channel {channel}" if len(array) > 1 else "")
    got = f"{len(wrong)} of {array.size} that are not, the first {array[tuple(wrong[0])]} at {place}"
    return [complaint("voxels", "finite numbers", got, name)]
