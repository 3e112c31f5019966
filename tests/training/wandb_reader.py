"""Reads back what W&B wrote offline: 7 header bytes, then LevelDB-style records in blocks of 32 KiB."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

BLOCK, HEADER = 32 * 1024, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def read_offline(path: Path) -> list[Record]:
    """Every record of a ``run-<id>.wandb`` file, in order."""
    content = path.read_bytes()
    assert not content or content.startswith(b":W&B\xe1\xbe"), content[:HEADER]
    records, parts, at = [], b"", HEADER
    while at + HEADER <= len(content):
        if BLOCK - at % BLOCK < HEADER:  # too little is left of this block for a header
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + HEADER])
        if at + HEADER + length > len(content):  # this one is still being written
            break
        parts = (parts if kind in (MIDDLE, LAST) else b"") + content[at + HEADER : at + HEADER + length]
        if kind in (FULL, LAST):
            record = Record()
            record.ParseFromString(parts)
            records.append(record)
        at += HEADER + length
    return records


def read_finished(path: Path, seconds: float = 20) -> list[Record]:
    """The same for a run that was finished: its file is complete only a moment after `finish` has returned."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        records = read_offline(path)
        if records and records[-1].HasField("exit"):
            return records
        time.sleep(0.05)
    raise AssertionError(f"{path} has no exit record")


def rows(records: list[Record]) -> list[dict[str, Any]]:
    """Everything that was logged by `run.log`, in order."""
    return [_values(record.history.item) for record in records if record.HasField("history")]


def history(records: list[Record]) -> dict[str, Any]:
    """The same, the last value of each key."""
    return {key: value for row in rows(records) for key, value in row.items()}


def summary(records: list[Record]) -> dict[str, Any]:
    """What the run is listed, sorted and swept by."""
    return {key: value for record in records for key, value in _values(record.summary.update).items()}


def _values(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def config(records: list[Record]) -> dict[str, Any]:
    """The run's config."""
    items = [item for record in records for item in [*record.run.config.update, *record.config.update]]
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
