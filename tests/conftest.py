"""A tiny cohort on the disk, built file by file so that a test can spoil one of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medseg.contracts import Volume
from medseg.images.files import suffix_of, write_labels, write_map

YAML = """name: tiny
spatial_dims: {dims}
classes: {{background: 0, object: {value}}}
channels: [intensity]
"""
AFFINE = np.array([[-0.8, 0, 0, 10], [0, 0.8, 0, -20], [0, 0, 2, 5], [0, 0, 0, 1]], float)

LONGEST = (
    "test_architecture.py",  # waits for the type checker
    "test_notebooks.py",
    "test_end_to_end.py",
    "test_amodal_end_to_end.py",
    "test_interruptions.py",
    "test_runs.py",
    "test_bundle.py",
    "test_dashboard.py",
    "test_first_models.py",
    "test_front_door.py",
)
"""Begun first, so that no process is left alone with one of them in the end; `make test` keeps the order."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


class Folder:
    """Writes images and masks of a tiny cohort, and its two tables."""

    def __init__(self, root: Path, suffix: str, shape: Sequence[int], value: int) -> None:
        self.root, self.suffix, self.shape, self.value = root, suffix, tuple(shape), value
        self.rows = ["case,patient,split,image,annotator,mask,target"]
        self.yaml = YAML.format(dims=len(shape), value=value)

    def image_path(self, case: str) -> Path:
        return self.root / "images" / f"{case}{self.suffix}"

    def mask_path(self, case: str, annotator: str) -> Path:
        return self.root / annotator / f"{case}{self.suffix}"

    def write(self, path: Path, array: NDArray[np.generic], affine: NDArray[np.float64] = AFFINE) -> None:
        volume = Volume(array=array, affine=affine, spacing_mm=None)
        if array.dtype.kind == "f" and suffix_of(path) != ".png":
            write_map(path, volume)
        else:
            write_labels(path, volume)

    def image(self, case: str) -> NDArray[np.uint16]:
        """Pixels that are a function of the case's name alone."""
        seed = int.from_bytes(case.encode(), "big")
        return np.random.default_rng(seed).integers(0, 60_000, self.shape).astype(np.uint16)

    def mask(self) -> NDArray[np.uint8]:
        """A quarter of the first two axes is foreground."""
        array = np.zeros(self.shape, np.uint8)
        array[: self.shape[0] // 2, : self.shape[1] // 2] = self.value
        return array

    def add(self, case: str, annotators: Sequence[str] = ("ann", "bob"), patient: str = "", split: str = "") -> None:
        """One case with its files and rows."""
        self.write(self.image_path(case), self.image(case))
        for annotator in annotators:
            self.write(self.mask_path(case, annotator), self.mask())
            self.row(case, annotator, patient, split)
        if not annotators:
            self.rows.append(f"{case},{patient},{split},images/{case}{self.suffix},,,")

    def row(self, case: str, annotator: str, patient: str = "", split: str = "") -> None:
        files = f"images/{case}{self.suffix},{annotator},{annotator}/{case}{self.suffix}"
        self.rows.append(f"{case},{patient},{split},{files},full")

    def tables(self) -> Path:
        """Write manifest.csv and cohort.yaml."""
        (self.root / "manifest.csv").write_text("\n".join(self.rows) + "\n")
        (self.root / "cohort.yaml").write_text(self.yaml)
        return self.root


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """`medseg evaluate` scores and draws nothing: pictures and the page take most of its time, and have tests."""
    from medseg.experiment import evaluate

    monkeypatch.setattr(evaluate, "evaluate_run", partial(evaluate.evaluate_run, draw=False))


@pytest.fixture
def pictures(tmp_path: Path) -> Folder:
    """Two 16-bit PNG images, c01 and c02, of two annotators each."""
    folder = Folder(tmp_path, ".png", (8, 10), 255)
    folder.add("c01")
    folder.add("c02")
    return folder


@pytest.fixture
def volumes(tmp_path: Path) -> Folder:
    """Two NIfTI volumes, c01 and c02, of two annotators each."""
    folder = Folder(tmp_path, ".nii.gz", (6, 8, 4), 1)
    folder.add("c01")
    folder.add("c02")
    return folder
