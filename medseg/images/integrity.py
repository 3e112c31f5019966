"""Whether the bytes of a volume are whole: libraries let some damage pass in silence."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable

from medseg.contracts import Refused, complaint

_NRRD_PAYLOAD = re.compile(rb"\r?\n\r?\n")
_NRRD_ENCODING = re.compile(rb"^encoding:\s*(\w+)", re.MULTILINE | re.IGNORECASE)
_NRRD_DETACHED = re.compile(rb"^data ?file:", re.MULTILINE | re.IGNORECASE)
_MHA_PAYLOAD = re.compile(rb"^ElementDataFile\s*=\s*LOCAL[ \t\r]*\n", re.MULTILINE)
_MHA_COMPRESSED = re.compile(rb"^CompressedData\s*=\s*True", re.MULTILINE | re.IGNORECASE)


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
        payload = _inflate(payload, expected, where)
    elif encoding != b"raw":
        return
    if len(payload) < expected:
        raise Refused([complaint("file", f"{expected} bytes of voxels", f"{len(payload)}: it is cut off", where)])


def gunzip(content: bytes, where: str, expected_bytes: Callable[[bytes], int | None]) -> bytes:
    """Unpack to the end and compare the checksum, which nibabel does only if it happens to read that far."""
    try:
        return gzip.decompress(content)
    except EOFError as error:
        part = zlib.decompressobj(wbits=31).decompress(content)
        expected = expected_bytes(part)
        whole = f"{expected} bytes unpacked" if expected else "a whole .gz"
        got = f"{len(part)} bytes: the .gz is cut off at its byte {len(content)}"
        raise Refused([complaint("file", whole, got, where)]) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        got = f"changed bytes: {reason(error)}"
        raise Refused([complaint("file", "an intact .gz", got, where)]) from error


def _inflate(payload: bytes, expected: int, where: str) -> bytes:
    inflater = zlib.decompressobj()
    try:
        voxels = inflater.decompress(payload)
    except zlib.error as error:
        got = f"changed bytes: {reason(error)}"
        raise Refused([complaint("file", "an intact .mha", got, where)]) from error
    if not inflater.eof:
        got = f"{len(voxels)} bytes: it is cut off"
        raise Refused([complaint("file", f"{expected} bytes of voxels", got, where)])
    return voxels


def reason(error: Exception) -> str:
    """The last line of a library's message: SimpleITK's first ones name its own source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
