"""What `pip install` gives: a wheel and an sdist with the types, the configs and the notebooks; `medseg examples`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medseg import __version__
from medseg.__main__ import app

ROOT = Path(__file__).parents[1]
BUILT_OF = ("medseg", "configs", "notebooks", "docs", "README.md", "LICENSE", "pyproject.toml")


def files(folder: Path) -> set[str]:
    """Below a folder, as git would see them."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        path.as_posix() for path in paths if "__pycache__" not in path.parts and ".ipynb_checkpoints" not in path.parts
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel and an sdist of this checkout."""
    pytest.importorskip("hatchling", reason="no hatchling is installed (pip install 'medseg[dev]')")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in BUILT_OF:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out)], cwd=source, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return out


def test_the_wheel_holds_the_package_its_types_and_the_examples(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.name == f"medseg-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    installed = files(tmp_path / "site" / "medseg")
    examples = {f"examples/{kind}/{name}" for kind in ("configs", "notebooks") for name in files(ROOT / kind)}
    assert installed == files(ROOT / "medseg") | examples and "py.typed" in installed
    told = (tmp_path / "site" / f"medseg-{__version__}.dist-info" / "entry_points.txt").read_text()
    assert "medseg = medseg.__main__:app" in told
    done = subprocess.run(
        [sys.executable, "-m", "medseg", "examples", "--out", "mine"],
        cwd=tmp_path / "site", env={"PATH": "", "PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "site" / "mine" / "configs") == files(ROOT / "configs")


def test_the_sdist_holds_what_the_wheel_is_built_of(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"{kind}/{name}" for kind in ("medseg", "configs", "notebooks") for name in files(ROOT / kind)} <= names
    assert {"LICENSE", "README.md", "pyproject.toml"} <= names


def test_examples_are_copied_once(tmp_path: Path) -> None:
    out = tmp_path / "new"
    done = CliRunner().invoke(app, ["examples", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0] == f"{out / 'configs'}: {len(files(ROOT / 'configs'))} files"
    for kind in ("configs", "notebooks"):
        assert {name: (out / kind / name).read_bytes() for name in files(out / kind)} == {
            name: (ROOT / kind / name).read_bytes() for name in files(ROOT / kind)
        }
    shutil.rmtree(out / "notebooks")
    done = CliRunner().invoke(app, ["examples", "--out", str(out)])
    assert done.exit_code == 1 and not (out / "notebooks").exists()
    assert f"folder: expected none of that name, got {out / 'configs'} (examples)" in done.output
