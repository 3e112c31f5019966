"""`medseg` as a script that makes no batch in less than half a second, so that a test can come between."""

from __future__ import annotations

import sys
import time
from typing import Any

from medseg.__main__ import app
from medseg.annotators.loading.source import CohortSource

batch = CohortSource.batch


def slow(*words: Any, **named: Any) -> Any:
    time.sleep(0.5)
    return batch(*words, **named)


if __name__ == "__main__":
    CohortSource.batch = slow  # type: ignore[method-assign]
    sys.exit(app())
