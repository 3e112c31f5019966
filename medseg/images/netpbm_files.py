"""Portable pixmaps (PPM, PGM), packed with gzip or not: what some data sets are distributed as. Read, never written."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from medseg.contracts import Refused, Volume, complaint
from medseg.images.promises import require_size

MOST_BYTES = 2**28
"""Of an unpacked file."""


def read_netpbm(path: Path) -> Volume:
    """-> Volume (C,Y,X) without a scale. Raises Refused for anything else, and for more than it can hold."""
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(content)) as file:
                content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise Refused([complaint("file", f"at most {MOST_BYTES} bytes", "more, unpacked", str(path))])
        with Image.open(io.BytesIO(content), formats=["PPM"]) as picture:
            require_size(picture.size, len(picture.getbands()), str(path))
            array = np.asarray(picture)
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise Refused([complaint("file", "a PPM or PGM, packed or not", str(error), str(path))]) from error
    channels = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    return Volume(array=np.ascontiguousarray(channels), affine=np.eye(4), spacing_mm=None)
