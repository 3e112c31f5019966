"""From a folder of label maps to a checked cohort and a page of its objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from medseg.contracts import Refused, Volume
from medseg.experiment.cohorts import check_folder, index_folder
from medseg.images.files import write_labels


def label_maps(root: Path) -> Path:
    for number in range(2):
        labels = np.zeros((14, 20), np.uint8)
        labels[1:10, 4:7], labels[4:7, 1:10], labels[4:7, 4:7] = 1, 2, 255
        labels[11:13, 8 + number : 12], labels[8:10, 12:18] = 1, 2
        write_labels(root / "labels" / f"spec{number}.png", Volume(array=labels, affine=np.eye(4), spacing_mm=None))
    return root


def test_label_maps_are_indexed_edited_checked_and_drawn(tmp_path: Path) -> None:
    out = tmp_path / "cohort"
    lines = index_folder(
        label_maps(tmp_path / "in"), out, layout=None, task=None, patient_from=None, overwrite=False
    ).splitlines()
    assert lines[0] == (
        f"{out / 'manifest.csv'}: 2 cases of 2 patients, objects by the rules in cohort.yaml, "
        "classes background=0, class_1=1, class_2=2, class_255=255"
    )
    assert lines[1].startswith("value 255 in 2 of 2 maps:") and lines[2] == f"next: medseg check {out}"
    yaml = out / "cohort.yaml"
    yaml.write_text(yaml.read_text().replace("  class_255: 255\n", "").replace("overlap: []", "overlap: [255]"))
    findings = check_folder(out, tmp_path / "page.png")
    assert findings.errors == ()
    assert "all            8           4                       4                         0        0" in str(findings)
    assert imread(tmp_path / "page.png").shape[1] == 1650
    assert sorted(path.name for path in out.iterdir()) == ["cohort.yaml", "manifest.csv"]


def test_a_page_needs_a_cohort_of_objects(tmp_path: Path) -> None:
    for folder in ("images", "annotations/ann"):
        labels = np.arange(20, dtype=np.uint8).reshape(4, 5) % 2
        write_labels(tmp_path / folder / "a.png", Volume(array=labels, affine=np.eye(4), spacing_mm=None))
    index_folder(tmp_path, tmp_path, layout=None, task=None, patient_from=None, overwrite=False)
    with pytest.raises(Refused) as caught:
        check_folder(tmp_path, tmp_path / "page.png")
    expected = f"page: expected a cohort of objects (cohort.yaml has objects), got {tmp_path.name}"
    assert caught.value.complaints == (f"{expected} ({tmp_path / 'page.png'})",)
