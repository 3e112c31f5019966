"""Whether the bytes of a volume are whole: libraries let some damage pass in silence."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable
from pathlib import Path

from medseg.contracts import Refused, complaint

SURPLUS_BYTES = 2**20
"""So much padding may follow the voxels; more is no image."""

_NRRD_PAYLOAD = re.compile(rb"\r?\n\r?\n")
_NRRD_ENCODING = re.compile(rb"^encoding:\s*(\w+)", re.MULTILINE | re.IGNORECASE)
_NRRD_DETACHED = re.compile(rb"^data ?file:", re.MULTILINE | re.IGNORECASE)
_MHA_PAYLOAD = re.compile(rb"^ElementDataFile\s*=\s*LOCAL[ \t\r]*\n", re.MULTILINE)
_MHA_STATED = re.compile(rb"^CompressedDataSize\s*=\s*(\d+)[ \t\r]*$", re.MULTILINE)
_MHA_HEADER_BYTES = 2**20
"""So long a header may be."""
_MHA_COMPRESSED = re.compile(rb"^CompressedData\s*=\s*True", re.MULTILINE | re.IGNORECASE)


def require_mha_header(path: Path, where: str) -> None:
    """Raise Refused for an .mha whose header does not end as it must: ITK's reader breaks the program at some."""
    with path.open("rb") as file:
        start = file.read(_MHA_HEADER_BYTES)
    if _MHA_PAYLOAD.search(start) is None:
        raise Refused([complaint("file", "a header that ends with ElementDataFile = LOCAL", "another", where)])


def check_payload(content: bytes, expected: int, where: str) -> None:
    """Whether the voxels that follow the header are whole; SimpleITK lets some damage pass in silence."""
    nrrd = content.startswith(b"NRRD")
    match = (_NRRD_PAYLOAD if nrrd else _MHA_PAYLOAD).search(content)
    if match is None or (nrrd and _NRRD_DETACHED.search(content[: match.start()])):
        return
    header, payload = content[: match.start()], content[match.end() :]
    stated = _NRRD_ENCODING.search(header)
    encoding = stated[1].lower() if stated else b"zlib" if _MHA_COMPRESSED.search(header) else b"raw"
    if encoding in (b"gzip", b"gz"):
        payload = gunzip(payload, where, lambda _: expected)
    elif encoding == b"zlib":
        packed, payload = payload, _inflate(payload, expected, where)
        _require_stated(header, packed, where)
    elif encoding != b"raw":
        return
    if len(payload) < expected:
        raise Refused([complaint("file", f"{expected} bytes of voxels", f"{len(payload)}: it is cut off", where)])
    if len(payload) > expected and encoding != b"raw":
        got = f"{len(payload)}: its header speaks of another image"
        raise Refused([complaint("file", f"{expected} bytes of voxels", got, where)])


def _require_stated(header: bytes, payload: bytes, where: str) -> None:
    """ITK's reader takes the length that the header states without asking whether so many bytes are there."""
    stated = _MHA_STATED.search(header)
    if stated is None or int(stated[1]) != len(payload):
        got = stated[1].decode() if stated else "no such line"
        raise Refused([complaint("CompressedDataSize", f"{len(payload)}, the bytes that follow", got, where)])


def gunzip(content: bytes, where: str, expected_bytes: Callable[[bytes], int | None]) -> bytes:
    """Unpack to the end and compare the checksum, which nibabel does only if it happens to read that far.

    expected_bytes: of the whole, given its first 1024. No more than that (and some padding) is ever unpacked.
    """
    expected, most = None, SURPLUS_BYTES
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            start = file.read(1024)
            expected = expected_bytes(start)
            most += expected or 0
            unpacked = start + file.read(most + 1 - len(start))
        if len(unpacked) > most:
            got = f"more than {most}: it holds what its header does not promise"
            raise Refused([complaint("file", f"{expected or 0} bytes unpacked", got, where)])
        return unpacked
    except EOFError as error:
        part = zlib.decompressobj(wbits=31).decompress(content, most)
        expected = expected or expected_bytes(part)
        whole = f"{expected} bytes unpacked" if expected else "a whole .gz"
        got = f"{len(part)} bytes: the .gz is cut off at its byte {len(content)}"
        raise Refused([complaint("file", whole, got, where)]) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        got = f"changed bytes: {reason(error).partition(' 0x')[0]}"
        raise Refused([complaint("file", "an intact .gz", got, where)]) from error


def _inflate(payload: bytes, expected: int, where: str) -> bytes:
    inflater = zlib.decompressobj()
    try:
        voxels = inflater.decompress(payload, expected + SURPLUS_BYTES)
    except zlib.error as error:
        got = f"changed bytes: {reason(error)}"
        raise Refused([complaint("file", "an intact .mha", got, where)]) from error
    if not inflater.eof:
        cut = len(voxels) < expected + SURPLUS_BYTES
        got = f"{len(voxels)} bytes: it is cut off" if cut else f"more than {len(voxels)}"
        raise Refused([complaint("file", f"{expected} bytes of voxels", got, where)])
    return voxels


def reason(error: Exception) -> str:
    """The last line of a library's message: SimpleITK's first ones name its own source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
