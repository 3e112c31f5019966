"""Whether the cases of a cohort fit into memory, or are kept on disk."""

from __future__ import annotations

import psutil

from medseg.annotators.loading.grid import Grid
from medseg.annotators.loading.memory import bytes_on_grid
from medseg.cohorts import read_all
from medseg.contracts import Cohort, PlannedKey

SHARE = 0.4
"""Of the memory that is available, for the cases: another machine may have less, and two runs may be wanted at once."""


def planned_cache(cohort: Cohort, grid: Grid) -> list[PlannedKey]:
    """The key ``data.cache``, where cases on the grid take more than ``SHARE``. Raises Refused as ``read_header``."""
    sizes = read_all(cohort.cases, lambda case: bytes_on_grid(case, grid, len(case.annotations)))
    if sum(sizes) <= SHARE * psutil.virtual_memory().available:
        return []
    reason = (
        f"{sum(sizes) / 2**30:.1f} GiB on the network's grid: kept on disk and read patch by patch; the folder may be "
        "deleted at any time"
    )
    return [PlannedKey(key="data.cache", value=f"runs/cache/{cohort.name}", reason=reason)]
