"""Whether the cases of a run fit into memory, told from the headers of their files before anything is loaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import psutil

from medseg.annotators.loading.grid import Grid
from medseg.cohorts import read_all
from medseg.contracts import Case, Refused, complaint
from medseg.images import read_header

MOST = 0.8
"""Of the memory that is available, so that the network has some."""

BYTES_OF_IMAGE, BYTES_OF_LABELS = 4, 2
"""Of a voxel and channel (float32), and of a voxel and annotator (int16)."""


def refuse_too_large(
    cases: Sequence[Case], grid: Grid, *, masks: Callable[[Case], int], copies: int, where: str
) -> None:
    """Raise Refused where the cases on the network's grid would take more than 80 % of the memory available.

    masks: of a case (P, or 1 of a consensus). copies: how many processes of this machine hold them all.
    where: the cohort's name. The lists of foreground voxels of mode ``patch`` are not counted.
    """
    need = copies * sum(read_all(cases, lambda case: bytes_on_grid(case, grid, masks(case)), "reading headers"))
    most = MOST * psutil.virtual_memory().available
    if need > most:
        spacing = "data.grid.spacing_mm" if grid.spacing_mm else "data.grid.spacing_pixels"
        remedy = spacing if grid.mode == "patch" else "data.grid.size"
        held = f" in {copies} processes" if copies > 1 else ""
        got = f"{need / 2**30:.1f} GiB{held}; keep them on disk with data.cache=FOLDER, or use a coarser {remedy}"
        raise Refused([complaint("memory for the cases", f"at most {most / 2**30:.1f} GiB (80 % of what is available)",
                                 got, where)])  # fmt: skip


def refuse_large_batch(grid: Grid, batch_size: int, *, values: int, parts: int, where: str) -> None:
    """Raise Refused where the part of a batch that is computed at once cannot fit into the memory available.

    values: float32 of each voxel, at least: the image's channels, and on a CPU the first level of the network.
    parts: into how many a batch is divided, in this process and among machines of its size. where: the cohort's name.
    """
    need = batch_size / parts * math.prod(grid.size) * BYTES_OF_IMAGE * values
    most = MOST * psutil.virtual_memory().available
    if need > most:
        size = "x".join(map(str, grid.size))
        remedy = "use a larger training.accumulate, a smaller training.batch_size or data.grid.size"
        got = f"{need / 2**30:.1f} GiB for {batch_size / parts:g} of {size}; {remedy}"
        raise Refused([complaint("memory for a batch", f"at most {most / 2**30:.1f} GiB (80 % of what is available)",
                                 got, where)])  # fmt: skip


def bytes_on_grid(case: Case, grid: Grid, masks: int) -> int:
    """What one case takes on the network's grid: its image and so many masks. Raises Refused as ``read_header``."""
    headers = [read_header(path) for path in case.images]
    placement = grid.place(headers[0].shape, headers[0].affine, headers[0].spacing_mm)
    channels = sum(header.channels for header in headers)
    return math.prod(placement.shape) * (BYTES_OF_IMAGE * channels + BYTES_OF_LABELS * masks)
