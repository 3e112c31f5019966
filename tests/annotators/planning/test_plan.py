"""What is planned for a cohort, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from medseg.annotators.config import RunConfig
from medseg.annotators.loading.grid import Grid
from medseg.annotators.planning import plan, room
from medseg.annotators.planning.plan import planned
from medseg.annotators.simulation.samples import write_samples
from medseg.cohorts import load_cohort
from medseg.config import parse_config
from medseg.contracts import Cohort, Refused
from medseg.images.headers import ImageHeader


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """Ten pictures of 24 x 24, two annotators."""
    folder = tmp_path_factory.mktemp("plan") / "cohort"
    return load_cohort(write_samples(folder, seed=0, spatial_dims=2, size=24, cases=10, annotators=("good", "over")))


def config_of(cohort: Cohort) -> Any:
    return parse_config(planned(cohort, "cells").text, "plan", (RunConfig,))


def reasons(cohort: Cohort) -> dict[str, str]:
    return {each.key: each.reason for each in planned(cohort, "cells").keys}


def test_the_plan_is_a_config_with_a_reason_above_each_key(cohort: Cohort) -> None:
    made, config = planned(cohort, "cells"), config_of(cohort)
    assert (config.experiment, config.recipe, config.data.cohort) == (cohort.name, "fused", "cells")
    assert config.data.grid.size == (24, 24) and config.training.batch_size == 6  # as many as are trained on
    lines = made.text.splitlines()
    for each in made.keys:
        (place,) = [
            number for number, line in enumerate(lines) if line.strip().startswith(f"{each.key.split('.')[-1]}: ")
        ]
        assert lines[place - 1].lstrip().startswith("# "), each.key
    assert max(map(len, lines)) <= 120


def test_patients_are_drawn_and_counted(cohort: Cohort) -> None:
    """Of 10: .2 are tested, .15 validated (1.5 is rounded to 2), each case is its own patient."""
    assert reasons(cohort)["data.split"] == (
        "6 cases to train, 2 to choose the weights by, 2 to test, drawn from the seed among 10 patients, each in one "
        "part (if several cases are of one patient: medseg index DIR --patient-from)"
    )
    pairs = replace(cohort, cases=tuple(replace(c, patient=f"p{n // 2}") for n, c in enumerate(cohort.cases)))
    assert "among 5 patients, each in one part" in reasons(pairs)["data.split"]
    assert "--patient-from" not in reasons(pairs)["data.split"]


def test_what_does_not_fit_into_memory_is_kept_on_disk(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten pictures of 24 x 24 on a grid as large: 4 bytes a voxel, and 2 of each annotator."""
    need = 10 * 24 * 24 * (4 + 2 + 2)
    for available, kept in ((need / 0.4 + 2, None), (need / 0.4 - 2, f"runs/cache/{cohort.name}")):
        monkeypatch.setattr(room.psutil, "virtual_memory", lambda it=available: SimpleNamespace(available=it))
        assert [each.value for each in room.planned_cache(cohort, Grid(size=(24, 24)))] == ([kept] if kept else [])


def test_the_cohorts_own_split_is_kept(cohort: Cohort) -> None:
    splits = ("train",) * 5 + ("val",) * 2 + ("test",) * 3
    stated = replace(cohort, cases=tuple(replace(c, split=s) for c, s in zip(cohort.cases, splits, strict=True)))
    assert reasons(stated)["data.split"].startswith("5 cases to train, 2 to choose the weights by, 3 to test, as manif")


def test_cases_to_train_and_test_alone_are_refused_with_the_remedy(cohort: Cohort) -> None:
    splits = ("train",) * 5 + ("test",) * 5
    stated = replace(cohort, cases=tuple(replace(c, split=s) for c, s in zip(cohort.cases, splits, strict=True)))
    with pytest.raises(Refused, match=r"val split: expected cases in it \(.*index DIR --map train=\), got none"):
        planned(stated, "cells")


def test_too_few_patients_are_refused(cohort: Cohort) -> None:
    with pytest.raises(Refused, match=r"groups by patient to split: expected at least 3 \(train, val, test\), got 2"):
        planned(replace(cohort, cases=cohort.cases[:2]), "cells")


def test_one_annotator_needs_no_matrices_and_a_crowd_is_named(cohort: Cohort) -> None:
    alone = replace(cohort, annotators=("good",))
    assert config_of(alone).recipe == "soft_mean"
    crowd = replace(cohort, annotators=(), crowd=("good", "over"))
    assert config_of(crowd).data.annotators == ("good", "over") and config_of(crowd).recipe == "fused"


def test_overlap_is_taught_unless_each_image_has_the_labels_of_one_of_several_alone(cohort: Cohort) -> None:
    assert config_of(cohort).training.dice_weight == 1
    names = [("good", "over")[number % 2] for number in range(len(cohort.cases))]
    alone = [
        replace(case, annotations={name: case.annotations[name]})
        for case, name in zip(cohort.cases, names, strict=True)
    ]
    assert config_of(replace(cohort, cases=tuple(alone))).training.dice_weight == 0
    one = [replace(case, annotations={"good": case.annotations["good"]}) for case in cohort.cases]
    assert config_of(replace(cohort, cases=tuple(one), annotators=("good",))).training.dice_weight == 1


def test_a_header_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    write_samples(folder, seed=0, spatial_dims=2, size=24, cases=3, annotators=("good",))
    (folder / "images" / "sample_001.png").write_bytes(b"no picture")
    with pytest.raises(Refused, match=r"sample_001\.png"):
        planned(load_cohort(folder), "cells")


@pytest.mark.parametrize("scale", [None, (0.5, 0.5)])
def test_very_large_pictures_are_coarsened_in_mm_or_in_pixels(
    cohort: Cohort, scale: tuple[float, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2560 x 2560 pixels are 256 patches: half as many along each axis are 64, of 2 pixels, or of 1 mm."""
    large = ImageHeader(channels=1, shape=(2560, 2560), affine=np.eye(4), spacing_mm=scale)
    monkeypatch.setattr(plan, "read_header", lambda _: large)
    grid, key = config_of(cohort).data.grid, "spacing_mm" if scale else "spacing_pixels"
    assert grid.model_dump(exclude_unset=True) == {
        "mode": "patch", "size": (160, 160), key: (1.0, 1.0) if scale else (2.0, 2.0)
    }  # fmt: skip
    assert grid.place(large.shape, large.affine, scale).resized_shape == (1280, 1280)
    assert "coarser than the files, so that no more than 64 fill a case" in reasons(cohort)["data.grid"]


def test_sizes_and_spacings_are_those_of_the_axes_that_the_network_sees(volumes) -> None:
    """6 x 8 x 4 voxels of .8 x .8 x 2 mm, as three cases."""
    volumes.add("c03")
    keys = {each.key: each for each in planned(load_cohort(volumes.tables()), "cells").keys}
    assert keys["data.grid"].value == {"mode": "patch", "size": [6, 8, 4], "spacing_mm": [0.8, 0.8, 2.0]}
    assert keys["data.grid"].reason.startswith("images of 6x8x4, 0.8x0.8x2 mm: patches")
