"""How the command line answers bad input, and a disk that takes nothing: a line each, no traceback."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from medseg.contracts import Refused, complaint, gathered, progress_shown

UNWRITABLE = ["ENOSPC", "EDQUOT", "EFBIG", "EACCES", "EPERM", "EROFS", "ENAMETOOLONG", "ENOTDIR", "EISDIR", "EIO"]
"""What the system says where the user's disk, folder or name is at fault, not the program."""


@contextmanager
def refusing(written: Path | None = None) -> Iterator[None]:
    """Bad input, and a disk that is full or may not be written to: a line each, exit status 1; progress is shown.

    written: where the command writes; named where the system does not say which file it was.
    """
    try:
        with progress_shown():
            yield
    except Refused as refused:
        complaints = refused.complaints
    except OSError as error:
        if error.errno is None or errno.errorcode.get(error.errno) not in UNWRITABLE:
            raise
        where = error.filename or written or "output"
        complaints = (complaint("file", "room and leave for it", os.strerror(error.errno), str(where)),)
    else:
        return
    for line in gathered(complaints):
        typer.echo(f"error: {line}", err=True)
    raise typer.Exit(1) from None


def say(text: object) -> None:
    """On standard output, by the first of the processes that torchrun or srun has started alone."""
    rank = os.environ.get("RANK", "0") if "TORCHELASTIC_RUN_ID" in os.environ else os.environ.get("SLURM_PROCID", "0")
    if rank == "0":
        typer.echo(text)
