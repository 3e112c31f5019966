"""Spoiled cohorts through the command line: one sentence, status 1, and nothing written outside."""

from __future__ import annotations

import gzip
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from medseg.__main__ import app
from medseg.contracts import Refused, Volume
from medseg.images.files import read_labels, write_labels

MOST_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to spoil the cohort of ``pictures``."""

    name: str
    """In the test's name."""
    spoil: Callable[[Path], None]
    """Given the cohort's folder, both tables written."""
    sentence: str
    """A part of the line that answers it."""


def replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    """Every ``old`` of a table becomes ``new``."""

    def spoil(root: Path) -> None:
        text = (root / file).read_text("utf-8")
        assert old in text
        (root / file).write_text(text.replace(old, new), "utf-8")

    return spoil


def holding(file: str, content: bytes) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        (root / file).write_bytes(content)

    return spoil


def said(people: str) -> Callable[[Path], None]:
    """The section ``people:`` of cohort.yaml."""

    def spoil(root: Path) -> None:
        with (root / "cohort.yaml").open("a") as file:
            file.write(f"people: {people}\n")

    return spoil


def all_of(*spoils: Callable[[Path], None]) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        for one in spoils:
            one(root)

    return spoil


def folder_instead(file: str) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        (root / file).unlink()
        (root / file).mkdir()

    return spoil


BAD_NAMES = {
    "slash": ("a/b", "'a/b'"),
    "way up": ("../../x", "'../../x'"),
    "backslash": ("a\\b", r"'a\\b'"),
    "drive": ("c:x", "'c:x'"),
    "dots": ("..", "'..', which begins or ends with a blank or a dot"),
    "dot at the end": ("x.", "'x.', which begins or ends with a blank or a dot"),
    "hidden": (".x", "'.x', which begins or ends with a blank or a dot"),
    "bell": ("x\ay", r"'x\x07y'"),
    "direction": ("x\u202ey", r"'x\u202ey'"),
    "long": ("x" * 201, f"{'x' * 60!r}... of 201 bytes, more than 200"),
    "long in bytes": ("é" * 101, f"{'é' * 60!r}... of 202 bytes, more than 200"),
    "Windows": ("NUL.txt", "'NUL.txt', which Windows keeps for itself"),
    "device": ("com1", "'com1', which Windows keeps for itself"),
}
CELLS = {"case": ("c01,", "{},", "case"), "annotator": (",bob,", ",{},", "annotator")}

NAMES = [
    *(
        Fault(
            name=f"{kind}: {name}",
            spoil=replaced("manifest.csv", old, new.format(bad)),
            sentence=f"error: {what}: expected a name that a file can have, got {got}",
        )
        for kind, (old, new, what) in CELLS.items()
        for name, (bad, got) in BAD_NAMES.items()
    ),
    *(
        Fault(
            name=f"class: {name}",
            spoil=replaced("cohort.yaml", "object:", f'"{bad.encode("unicode_escape").decode()}":'),
            sentence=f"error: class name: expected a name that a file can have, got {got}",
        )
        for name, (bad, got) in BAD_NAMES.items()
    ),
    *(
        Fault(
            name=f"cohort: {name}",
            spoil=replaced("cohort.yaml", "name: tiny", f'name: "{bad.encode("unicode_escape").decode()}"'),
            sentence=f"error: cohort name: expected a name that a file can have, got {got}",
        )
        for name, (bad, got) in BAD_NAMES.items()
    ),
    Fault(
        name="annotators in case only",
        spoil=replaced("manifest.csv", "c02.png,bob,", "c02.png,BOB,"),
        sentence="annotator: expected names that differ in more than upper and lower case, got 'BOB' beside 'bob'",
    ),
    Fault(
        name="cases in case only",
        spoil=replaced("manifest.csv", "c02,", "C01,"),
        sentence="case: expected names that differ in more than upper and lower case, got 'C01' beside 'c01'",
    ),
    Fault(
        name="cases that one system writes alike",
        spoil=all_of(replaced("manifest.csv", "c01,", "caf\u00e9,"), replaced("manifest.csv", "c02,", "cafe\u0301,")),
        sentence="case: expected names that differ in more than upper and lower case, got 'cafe\u0301' beside",
    ),
    Fault(
        name="classes in case only",
        spoil=replaced("cohort.yaml", "object: 255", "Background: 255"),
        sentence="class name: expected names that differ in more than upper and lower case, got 'Background' beside",
    ),
    Fault(
        name="class of a line break",
        spoil=replaced("cohort.yaml", "object:", '"a\\nb":'),
        sentence=r"class name: expected a name that a file can have, got 'a\nb'",
    ),
    Fault(
        name="class of a zero",
        spoil=replaced("cohort.yaml", "object:", '"a\\0b":'),
        sentence=r"class name: expected a name that a file can have, got 'a\x00b'",
    ),
    Fault(
        name="crowd that climbs",
        spoil=replaced("manifest.csv", ",bob,", ",crowd/../../x,"),
        sentence="annotator: expected a name that a file can have, got 'crowd/../../x'",
    ),
]

ALIASES = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
)
YAMLS = {
    "a folder": (folder_instead("cohort.yaml"), "cohort.yaml: expected a file, got a folder"),
    "latin-1": (holding("cohort.yaml", "name: café".encode("latin-1")), "cohort.yaml: expected UTF-8 text, got byte 9"),
    "UTF-16": (holding("cohort.yaml", "name: x".encode("utf-16")), "cohort.yaml: expected UTF-8 text, got byte 0"),
    "UTF-16 unmarked": (
        holding("cohort.yaml", "name: x".encode("utf-16-le")),
        "cohort.yaml: expected UTF-8 text, got a zero at byte 1",
    ),
    "binary": (holding("cohort.yaml", bytes(range(256))), "cohort.yaml: expected UTF-8 text, got byte 128"),
    "control characters": (holding("cohort.yaml", b"name: \x01"), "cohort.yaml: expected YAML, got "),
    "too long": (
        holding("cohort.yaml", b"#" * (2**20 + 1)),
        "cohort.yaml: expected at most 1048576 bytes, got 1048577",
    ),
    "deep": (
        holding("cohort.yaml", b"[" * 20_000),
        "cohort.yaml: expected YAML, got more than 20 levels within one another in line 1",
    ),
    "deep keys": (holding("cohort.yaml", b"{a: " * 20_000), "got more than 20 levels within one another in line 1"),
    "deep indents": (holding("cohort.yaml", b"- " * 20_000), "got more than 20 levels within one another in line 1"),
    "itself": (
        holding("cohort.yaml", b"classes: &a [*a]"),
        "cohort.yaml: expected YAML, got an alias, *a: write its content out in line 1",
    ),
    "alias bomb": (
        holding("cohort.yaml", ALIASES.encode()),
        "cohort.yaml: expected YAML, got an alias, *a0: write its content out in line 2",
    ),
    "long number": (
        holding("cohort.yaml", b"spatial_dims: " + b"9" * 5000),
        "cohort.yaml: expected YAML, got Exceeds the limit",
    ),
    "large number": (replaced("cohort.yaml", "255", "9" * 4000), "class value: expected an integer of the mask files"),
    "classes swapped": (
        replaced("cohort.yaml", "object: 255", "object: 255, background: 255, object: 0"),
        "got the key classes.background in line 3, which stands in line 3 already",
    ),
    "two sections": (
        replaced("cohort.yaml", "channels:", "'spatial_dims': 3\nchannels:"),
        "got the key spatial_dims in line 4, which stands in line 2 already",
    ),
    "an object of Python": (
        holding("cohort.yaml", b"name: !!python/object/apply:os.system ['touch /tmp/pwned']"),
        "cohort.yaml: expected YAML, got could not determine a constructor",
    ),
    "keys that are lists": (holding("cohort.yaml", b"? [1]\n: 2"), "cohort.yaml: expected YAML, got "),
    "dims of a fraction": (
        replaced("cohort.yaml", "dims: 2", "dims: 2.0"),
        "spatial_dims: expected 2 or 3, got 2.0 (cohort.yaml)",
    ),
    "nothing": (holding("cohort.yaml", b""), "cohort.yaml: expected keys name, spatial_dims"),
    "a list of people": (said("[ann, bob]"), "people: expected name: {key: number or word}, got ['ann', 'bob']"),
    "a word about a person": (
        said("{ann: novice}"),
        "what is said of ann: expected {key: number or word}, got novice (people, cohort.yaml)",
    ),
    "an unknown person": (
        said("{bobb: {years: 3}}"),
        "people: expected an annotator of manifest.csv, got bobb; did you",
    ),
    "a nested value of a person": (
        said("{ann: {tool: {name: amira}}}"),
        "tool of ann: expected a number or a word, got {'name': 'amira'} (people, cohort.yaml)",
    ),
    "a switch of a person": (
        said("{ann: {trained: true}}"),
        "trained of ann: expected a number or a word (yes and no are words), got True (people, cohort.yaml)",
    ),
    "a person's number without end": (said("{ann: {years: .inf}}"), "years of ann: expected a finite number or a word"),
    "a person's empty word": (said("{ann: {tool: ''}}"), "tool of ann: expected a number or a word, got an empty word"),
    "a person's key that is a number": (said("{ann: {3: x}}"), "key of ann: expected text (put it in quotes), got 3"),
    "numbers and words of people in one key": (
        said("{ann: {years: 12}, bob: {years: many}}"),
        "years: expected numbers of all, or words of all, got 12 of ann and many of bob (people, cohort.yaml)",
    ),
}
HEAD = b"case,image,annotator,mask\n"
TABLES = {
    "a folder": (folder_instead("manifest.csv"), "manifest.csv: expected a file, got a folder"),
    "latin-1": (holding("manifest.csv", HEAD + b"caf\xe9"), "manifest.csv: expected UTF-8 text, got byte 29"),
    "UTF-16": (
        holding("manifest.csv", HEAD.decode().encode("utf-16")),
        "manifest.csv: expected UTF-8 text, got byte 0",
    ),
    "binary": (holding("manifest.csv", bytes(range(256))), "manifest.csv: expected UTF-8 text, got byte 128"),
    "zeros": (
        holding("manifest.csv", HEAD + b"a\0b,x,y,z"),
        "manifest.csv: expected UTF-8 text, got a zero at byte 27",
    ),
    "long cell": (
        holding("manifest.csv", HEAD + b"a" * 200_000),
        "manifest.csv: expected a table in CSV, got field larger than field limit (131072) in lines 2 to 2",
    ),
    "open quote": (
        replaced("manifest.csv", "c02,", '"c02,'),
        "manifest.csv: expected a table in CSV, got ',' expected after '\"' in lines 4 to 5",
    ),
    "open quote at the end": (
        holding("manifest.csv", HEAD + b'c01,"images/c01.png,bob,bob/c01.png\nc02'),
        "manifest.csv: expected a table in CSV, got unexpected end of data in lines 2 to 3",
    ),
    "line break in a cell": (
        replaced("manifest.csv", "c02,", '"c\n02",'),
        "manifest.csv: expected every cell in one line, got a quote in line 4 that is closed in line 5",
    ),
    "two columns of a name": (
        replaced("manifest.csv", "target", "mask"),
        "manifest.csv: expected columns of different names, got two named mask",
    ),
    "endless path": (
        replaced("manifest.csv", "bob/c01.png", "x/" * 5000),
        "mask file: expected a file, got none at x/x",
    ),
    "nothing": (holding("manifest.csv", b""), "manifest.csv: expected columns case,image,annotator,mask, got nothing"),
}
TEXTS = [
    *(Fault(name=f"cohort.yaml: {name}", spoil=spoil, sentence=said) for name, (spoil, said) in YAMLS.items()),
    *(Fault(name=f"manifest.csv: {name}", spoil=spoil, sentence=said) for name, (spoil, said) in TABLES.items()),
]


@pytest.mark.parametrize("fault", [*NAMES, *TEXTS], ids=lambda fault: fault.name)
def test_a_spoiled_cohort_is_answered_in_a_sentence(pictures, fault: Fault) -> None:
    root = pictures.tables()
    fault.spoil(root)
    answered(root, fault.sentence)


# ------------------------------------------------------------------------------------------ images
def nifti(change: Callable[[nib.Nifti1Header], object], name: str = "images/c01.nii.gz") -> Callable[[Path], None]:
    """A change of the header alone, written as it stands."""

    def spoil(root: Path) -> None:
        content = bytearray(gzip.decompress((root / name).read_bytes()))
        header = nib.Nifti1Header(bytes(content[:348]), check=False)
        change(header)
        content[:348] = header.binaryblock
        (root / name).write_bytes(gzip.compress(bytes(content)))

    return spoil


def field(key: str, value: object, position: int | None = None) -> Callable[[nib.Nifti1Header], None]:
    def change(header: nib.Nifti1Header) -> None:
        if position is None:
            header[key] = value
        else:
            header[key][position] = value

    return change


def sheared(header: nib.Nifti1Header) -> None:
    header["srow_y"] = [0.4, 0.8, 0, -20]


def moved(header: nib.Nifti1Header) -> None:
    header["qform_code"], header["qoffset_x"] = 1, float(header["qoffset_x"]) + 40


def unpacked(root: Path) -> None:
    path = root / "images/c01.nii.gz"
    path.write_bytes(gzip.decompress(path.read_bytes()))


def bomb(root: Path) -> None:
    path = root / "images/c01.nii.gz"
    content = gzip.decompress(path.read_bytes()) + bytes(2**28)
    path.write_bytes(gzip.compress(content, 1))


def large_png(root: Path) -> None:
    """The header of 60,000 x 60,000 grey pixels, and next to nothing behind it."""
    parts = [
        b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0),
        b"IDAT" + zlib.compress(bytes(9)),
        b"IEND",
    ]
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts]
    (root / "images/c01.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def animated(root: Path) -> None:
    frames = [Image.new("L", (10, 8), grey) for grey in (0, 9)]
    frames[0].save(root / "images/c01.png", save_all=True, append_images=frames[1:])


def turned(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (10, 8)).save(root / "images/c01.png", "JPEG", exif=exif)


VOLUME_FAULTS = {
    "an axis of nothing": (nifti(field("dim", 0, 2)), "image size: expected 1 or more along every axis, got 6x0x4"),
    "more voxels than there are": (
        nifti(field("dim", [3, 30000, 30000, 30000, 1, 1, 1, 1])),
        "image size: expected at most 2147483648 voxels, got 30000x30000x30000 = 27000000000000",
    ),
    "unpacked under a packed name": (
        unpacked,
        "file: expected a packed file, as its name ends in .gz, got an unpacked",
    ),
    "more than its header promises": (bomb, "it holds what its header does not promise"),
    "no length": (nifti(field("pixdim", 0, 1)), "pixdim: expected finite lengths above 0 mm, got 0x0.8x2"),
    "no number for a length": (
        nifti(field("pixdim", np.nan, 2)),
        "pixdim: expected finite lengths above 0 mm, got 0.8xnan",
    ),
    "endless scale": (nifti(field("scl_slope", np.inf)), "scale of voxels: expected finite numbers, got slope inf"),
    "shear": (nifti(sheared), "affine: expected voxel axes at right angles, got axes at "),
    "two places": (nifti(moved), "qform and sform: expected one place, got corners up to 40 mm apart"),
    "no extent": (
        nifti(field("srow_y", [0, 0, 0, 0])),
        "affine: expected finite, voxel lengths above 0 mm, got 0.8x0x2",
    ),
}
PICTURE_FAULTS = {
    "large PNG": (large_png, "image size: expected at most 2147483648 voxels, got 60000x60000 = 3600000000"),
    "animated PNG": (animated, "pictures in the file: expected 1, got 2: it is animated"),
    "turned JPEG": (turned, "picture: expected stored as it is shown, got orientation 6 in its EXIF"),
}


def answered(root: Path, sentence: str) -> None:
    """`check` says so in one line, exits with 1 and writes nothing."""
    before, begun = sorted(root.parent.rglob("*")), time.process_time()
    result = CliRunner().invoke(app, ["check", str(root)])
    assert isinstance(result.exception, SystemExit), result.exception
    assert (result.exit_code, time.process_time() - begun < MOST_SECONDS) == (1, True)
    assert len([line for line in result.output.splitlines() if sentence in line]) == 1, result.output[:2000]
    assert sorted(root.parent.rglob("*")) == before


@pytest.mark.parametrize("name", VOLUME_FAULTS)
def test_a_spoiled_volume_is_answered_in_a_sentence(volumes, name: str) -> None:
    spoil, sentence = VOLUME_FAULTS[name]
    root = volumes.tables()
    spoil(root)
    answered(root, sentence)


@pytest.mark.parametrize("name", PICTURE_FAULTS)
def test_a_spoiled_picture_is_answered_in_a_sentence(pictures, name: str) -> None:
    spoil, sentence = PICTURE_FAULTS[name]
    root = pictures.tables()
    spoil(root)
    answered(root, sentence)


def test_no_flipped_bit_of_a_tiff_is_more_than_a_refusal(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    write_labels(path, Volume(array=np.eye(8, dtype=np.uint8), affine=np.eye(4), spacing_mm=(0.5, 0.5)))
    whole, refused = path.read_bytes(), 0
    for position in range(0, 8 * len(whole), 5):
        spoiled = bytearray(whole)
        spoiled[position // 8] ^= 1 << position % 8
        path.write_bytes(bytes(spoiled))
        try:
            read_labels(path)
        except Refused:
            refused += 1
    assert refused > 20


def test_a_folder_of_a_bad_name_is_no_cohort_without_another(pictures, tmp_path: Path) -> None:
    pictures.root = tmp_path / "x."
    pictures.root.mkdir()
    for case in ("c01", "c02"):
        pictures.add(case)
    pictures.yaml = pictures.yaml.replace("name: tiny\n", "")
    result = CliRunner().invoke(app, ["check", str(pictures.tables())])
    assert result.exit_code == 1
    assert "cohort name: expected a name that a file can have, got 'x.', which begins" in result.output
    assert "Traceback" not in result.output


def test_index_writes_no_cohort_of_bad_names(pictures) -> None:
    root = pictures.root
    (root / "bob").rename(root / "b:ob")
    for name in ("ann", "b:ob"):
        (root / "annotations").mkdir(exist_ok=True)
        (root / name).rename(root / "annotations" / name)
    result = CliRunner().invoke(app, ["index", str(root)])
    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (1, True)
    assert "annotator: expected a name that a file can have, got 'b:ob'" in result.output
    assert not (root / "manifest.csv").exists()


def test_an_expression_without_an_end_is_given_up(pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medseg.cohorts.layouts.table.MOST_SECONDS", 0.5)
    root = pictures.root
    for name in ("ann", "bob"):
        (root / "annotations").mkdir(exist_ok=True)
        (root / name).rename(root / "annotations" / name)
    for path in root.rglob("c01.png"):
        path.rename(path.with_name("a" * 60 + "b.png"))
    begun = time.process_time()
    result = CliRunner().invoke(app, ["index", str(root), "--patient-from", "(a|aa)+$"])
    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (1, True), result.exception
    assert (
        "patient_from: expected a regular expression that is done in 0.5 s, got (a|aa)+$, which takes" in result.output
    )
    assert time.process_time() - begun < MOST_SECONDS
    assert not (root / "manifest.csv").exists()


def test_one_mistake_in_many_masks_is_one_line(pictures) -> None:
    pictures.yaml = pictures.yaml.replace("object: 255", "object: 1, other: 2")
    for number in range(3, 9):
        pictures.add(f"c{number:02}")
    result = CliRunner().invoke(app, ["check", str(pictures.tables())])
    said = [line for line in result.output.splitlines() if "mask values" in line]
    assert said == [
        "mask values: expected 0, 1, 2, got 255 in 20 voxels "
        "(c01/ann, ann/c01.png; c01/bob, bob/c01.png; c02/ann, ann/c02.png and 13 more: 16 in all)"
    ]
