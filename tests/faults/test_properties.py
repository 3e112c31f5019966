"""Whatever stands in a manifest, a YAML file, an override or a header: no traceback, no hang, nothing written outside.

A few examples by default; ten times and more with ``-m slow``.
"""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from typer.testing import CliRunner

from medseg.__main__ import app

from ..conftest import Folder

MOST_SECONDS = 5
QUIET = list(HealthCheck)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=QUIET, database=None, derandomize=True)
MANY = settings(max_examples=1000, deadline=None, suppress_health_check=QUIET, database=None)

WORDS = (
    "case",
    "image",
    "annotator",
    "mask",
    "target",
    "split",
    "patient",
    "c01",
    "ann",
    "train",
    "full",
    "..",
    "/",
    "~",
    "name",
    "spatial_dims",
    "classes",
    "channels",
    "objects",
    "truth",
    "crowd",
    "null",
    "true",
    "off",
    "0",
    "-1",
    "1e9",
    ".nan",
    "[",
    "]",
    "{",
    "}",
    ":",
    "- ",
    "&a",
    "*a",
    "!!python/object:os.system",
    '"',
    "'",
    "|",
    ">",
    "#",
    "%",
    "\t",
)
text = st.text(st.characters(codec="utf-8"), max_size=40)
pieces = st.lists(
    st.one_of(st.sampled_from(WORDS), text, st.sampled_from([", ", "\n", "\r\n", ": ", "\n  "])), max_size=40
)
anything = st.one_of(pieces.map(lambda found: "".join(found).encode()), st.binary(max_size=200))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), text, st.sampled_from(WORDS))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | text, inner, max_size=4),
    max_leaves=12,
)
CONFIG_KEYS = (
    "seed", "recipe", "data", "data.cohort", "data.split", "data.split.val", "data.grid", "data.grid.size",
    "data.annotators", "network", "network.channels", "network.features", "training", "training.batch_size",
    "training.steps", "training.learning_rate", "training.precision", "training.workers", "confusion", "tracking",
    "tracking.wandb",
)  # fmt: skip


@contextmanager
def cohort(suffix: str) -> Iterator[Path]:
    """A small cohort in a folder of its own, which must be all that there is afterwards."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "inside" / "cohort"
        folder = Folder(root, suffix, (8, 10) if suffix == ".png" else (6, 8, 4), 255 if suffix == ".png" else 1)
        folder.add("c01")
        folder.tables()
        yield root
        assert [path.name for path in Path(place).iterdir()] == ["inside"]


def answered(*words: object) -> int:
    """The status of a command that has an answer."""
    begun = time.process_time()
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert done.exit_code in (0, 1, 2) and "Traceback" not in done.output
    assert time.process_time() - begun < MOST_SECONDS
    return done.exit_code


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def checked(root: Path) -> None:
    before = content(root.parent)
    answered("check", root)
    assert content(root.parent) == before


def table(name: str, whole: bytes) -> None:
    with cohort(".png") as root:
        (root / name).write_bytes(whole)
        checked(root)


def spliced(name: str, place: float, piece: bytes, cut: int) -> None:
    """A good table with something in its middle."""
    with cohort(".png") as root:
        good = (root / name).read_bytes()
        start = int(place * len(good))
        (root / name).write_bytes(good[:start] + piece + good[start + cut :])
        checked(root)


def as_values(found: object) -> None:
    with cohort(".png") as root:
        (root / "cohort.yaml").write_text(json.dumps(found), "utf-8")
        checked(root)


def override(key: str, value: object, raw: bytes) -> None:
    with cohort(".png") as root:
        config = root.parent / "x.yaml"
        grid = "{mode: resize, size: [8, 8]}"
        config.write_text(f"experiment: x\nrecipe: soft_mean\ndata: {{cohort: {root}, grid: {grid}}}\n")
        out, before = root.parent / "run", content(root.parent)
        assert answered("train", config, f"{key}={json.dumps(value)}", "data.split.val=2", "--out", out) == 1
        assert content(root.parent) == before and not out.exists()
        config.write_bytes(config.read_bytes() + raw)
        answered("train", config, "data.split.val=2", "--out", out)
        assert not out.exists()


def header(position: int, piece: bytes, packed: bool) -> None:
    """The 348 bytes of a NIfTI header and the four after them, some of them others."""
    with cohort(".nii.gz") as root:
        path = root / "images" / "c01.nii.gz"
        whole = gzip.decompress(path.read_bytes())
        changed = whole[:position] + piece + whole[position + len(piece) :]
        path.write_bytes(gzip.compress(changed[: len(whole)]) if packed else changed[: len(whole)])
        checked(root)


def indexed(names: list[str]) -> None:
    """Folders and files of any names; nothing is written outside --out."""
    with cohort(".png") as root:
        source = root.parent / "source"
        for number, name in enumerate(names):
            annotator = name.replace("/", "_").replace("\0", "_")[:60].strip() or "x"
            path = source / "annotations" / annotator / f"c{number}.png"
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / "ann" / "c01.png", path)
                (source / "images").mkdir(exist_ok=True)
                shutil.copy(root / "images" / "c01.png", source / "images" / f"c{number}.png")
            except OSError:  # a name that this file system cannot hold
                return
        if not names:
            return
        before = content(root.parent)
        answered("index", source, "--out", root.parent / "out")
        after = {name: whole for name, whole in content(root.parent).items() if not name.startswith("out/")}
        assert after == before


PROPERTIES = {
    "manifest": (table, (st.just("manifest.csv"), anything)),
    "cohort.yaml": (table, (st.just("cohort.yaml"), anything)),
    "within a manifest": (spliced, (st.just("manifest.csv"), st.floats(0, 1), anything, st.integers(0, 30))),
    "within a cohort.yaml": (spliced, (st.just("cohort.yaml"), st.floats(0, 1), anything, st.integers(0, 30))),
    "values of cohort.yaml": (as_values, (st.dictionaries(st.sampled_from(WORDS), values, max_size=6) | values,)),
    "configs and overrides": (override, (st.sampled_from(CONFIG_KEYS), values, anything)),
    "NIfTI header": (header, (st.integers(0, 351), st.binary(min_size=1, max_size=8), st.booleans())),
    "names of folders": (indexed, (st.lists(text, max_size=4),)),
}


def tried(name: str, how: settings) -> None:
    action, strategies = PROPERTIES[name]
    how(given(st.tuples(*strategies))(lambda words: action(*words)))()  # type: ignore[operator]


@pytest.mark.parametrize("name", PROPERTIES)
def test_whatever_it_is_there_is_an_answer(name: str) -> None:
    tried(name, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROPERTIES)
def test_whatever_it_is_a_thousand_times(name: str) -> None:
    tried(name, MANY)
