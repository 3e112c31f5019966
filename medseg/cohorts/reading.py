"""Many files read at once: the one place that says on how many threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from medseg.contracts import Refused, watched

Item = TypeVar("Item")
Read = TypeVar("Read")

MOST_THREADS = 8
"""Each holds a case in memory, and more than so many wait for the disk."""


def read_all(items: Sequence[Item], read: Callable[[Item], Read], what: str = "reading") -> list[Read]:
    """What ``read`` makes of every item, in their order; on a thread per core, as far as there are items.

    Threads help although they share one interpreter: what unpacks, decodes and hashes files lets the others run.
    what: is said of it where progress is shown. Raises Refused with the complaints about all items at once.
    """

    def heard(item: Item) -> Read | Refused:
        try:
            return read(item)
        except Refused as refused:
            return refused

    with ThreadPoolExecutor(max(1, min(os.cpu_count() or 1, len(items), MOST_THREADS))) as pool:
        results = list(watched(pool.map(heard, items), what, len(items)))
    complaints = [line for result in results if isinstance(result, Refused) for line in result.complaints]
    if complaints:
        raise Refused(complaints)
    return [result for result in results if not isinstance(result, Refused)]
