"""Eight folders as people have them: rendered cases and simulated annotators in eight layouts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK
from PIL import Image

from medseg.annotators.simulation.samples import CLASSES, write_samples
from medseg.images import read_image, read_labels, write_image, write_labels

CASES = 24
ANNOTATORS = ("good", "over:{}", "under:{}", "jitter:{}", "displaced:{}")
"""The number is their strength, in voxels."""
PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
"""Of the three organs of a case."""
COLOURS = ("--colours", "background=#000000,liver=#ff0000,kidney=#00ff00,lesion=#0000ff")


@dataclass(frozen=True, kw_only=True)
class Folder:
    """One of the eight."""

    dims: int
    """Dimensions of its images."""
    size: int
    """Their longest side."""
    lay_out: Callable[[Path, Path], None]
    """From samples (images/, annotations/<annotator>/, truth/) to the folder."""
    organs: bool = False
    """Whether masks tell the three organs of a case apart, or have one object of 1."""
    options: tuple[str, ...] = ()
    """What files cannot say, for `medseg index`."""


def masks_of(samples: Path) -> dict[str, Path]:
    """Annotator, or truth, -> folder of masks."""
    return {path.name: path for path in sorted((samples / "annotations").iterdir())} | {"truth": samples / "truth"}


def merge_organs(samples: Path) -> None:
    """Every foreground of every mask becomes one object."""
    for masks in masks_of(samples).values():
        for mask in masks.iterdir():
            labels = read_labels(mask)
            write_labels(mask, replace(labels, array=np.asarray(labels.array, np.uint8).clip(max=1)))


def _stem(path: Path) -> str:
    return path.name.partition(".")[0]


def folder_per_annotator(samples: Path, out: Path) -> None:
    """``images/c1.png`` and ``masks/anna/c1.png``."""
    shutil.copytree(samples / "images", out / "images")
    for name, masks in masks_of(samples).items():
        shutil.copytree(masks, out / "masks" / name)


def one_folder(samples: Path, out: Path) -> None:
    """``c1.nii.gz`` and ``c1_anna.nii.gz``."""
    shutil.copytree(samples / "images", out)
    for name, masks in masks_of(samples).items():
        for mask in masks.iterdir():
            shutil.copy(mask, out / f"{_stem(mask)}_{name}.nii.gz")


def table_of_paths(samples: Path, out: Path) -> None:
    """``list.csv`` with a column ``image`` and one per annotator, of files that lie in another folder."""
    files = out.with_name(f"{out.name}_files")
    folder_per_annotator(samples, files)
    out.mkdir()
    rows = [
        {"image": f"../{files.name}/images/{image.name}"}
        | {name: f"../{files.name}/masks/{name}/{image.name}" for name in masks_of(samples)}
        for image in sorted((files / "images").iterdir())
    ]
    pd.DataFrame(rows).to_csv(out / "list.csv", index=False)


def coloured(samples: Path, out: Path) -> None:
    """``images/c1.png`` and ``annotations/anna/c1.png``, whose colours are organs."""
    shutil.copytree(samples / "images", out / "images")
    for name, masks in masks_of(samples).items():
        place = out / "truth" if name == "truth" else out / "annotations" / name
        place.mkdir(parents=True)
        for mask in masks.iterdir():
            Image.fromarray(PALETTE[np.asarray(read_labels(mask).array, np.uint8)]).save(place / mask.name)


def nnunet_raw(samples: Path, out: Path) -> None:
    """``imagesTr/c1_0000.nii.gz`` and ``labelsTr_anna/c1.nii.gz``, beside the dataset.json that nnU-Net asks for."""
    (out / "imagesTr").mkdir(parents=True)
    for image in (samples / "images").iterdir():
        shutil.copy(image, out / "imagesTr" / f"{_stem(image)}_0000.nii.gz")
    for name, masks in masks_of(samples).items():
        shutil.copytree(masks, out / f"labelsTr_{name}")
    told = {"channel_names": {"0": "CT"}, "labels": {label.name: label.value for label in CLASSES}}
    (out / "dataset.json").write_text(json.dumps(told | {"file_ending": ".nii.gz"}), "utf-8")


def slicer(samples: Path, out: Path) -> None:
    """``images/c1.nrrd`` and ``anna/c1.seg.nrrd`` with a segment ``organ``, as 3D Slicer saves them."""
    for image in (samples / "images").iterdir():
        _as_nrrd(image, out / "images" / f"{_stem(image)}.nrrd", {})
    for name, masks in masks_of(samples).items():
        for mask in masks.iterdir():
            tags = {"Segment0_Name": "organ", "Segment0_LabelValue": "1", "Segment0_Layer": "0"}
            _as_nrrd(mask, out / name / f"{_stem(mask)}.seg.nrrd", tags)


def _as_nrrd(source: Path, path: Path, tags: dict[str, str]) -> None:
    """tags: of a segmentation."""
    image = SimpleITK.ReadImage(str(source))
    for key, text in tags.items():
        image.SetMetaData(key, text)
    path.parent.mkdir(parents=True, exist_ok=True)
    SimpleITK.WriteImage(image, str(path))


def qubiq(samples: Path, out: Path) -> None:
    """``case01/image.nii.gz`` and ``case01/task01_seg01.nii.gz``; there is no place for a truth."""
    annotators = [masks for name, masks in masks_of(samples).items() if name != "truth"]
    for number, image in enumerate(sorted((samples / "images").iterdir()), start=1):
        case = out / f"case{number:02}"
        write_image(case / "image.nii.gz", read_image(image))
        for who, masks in enumerate(annotators, start=1):
            write_labels(case / f"task01_seg{who:02}.nii.gz", read_labels(masks / image.name))


def dicom(samples: Path, out: Path) -> None:
    """``c1/ct/IM001`` and on, beside ``c1/anna.dcm``, a SEG that names who made it."""
    from dicom_writing import write_seg, write_series

    for image in sorted((samples / "images").iterdir()):
        case, scan = _stem(image), read_image(image)
        slices = write_series(out / case / "ct", replace(scan, array=np.rint(1000 * scan.array[0])), case)
        for name, masks in masks_of(samples).items():
            organ = np.asarray(read_labels(masks / image.name).array) == 1
            write_seg(out / case / f"{name}.dcm", slices, {"organ": organ}, creator=name)


FOLDERS = {
    "pictures": Folder(dims=2, size=64, lay_out=folder_per_annotator),
    "volumes": Folder(dims=3, size=24, lay_out=one_folder),
    "table": Folder(dims=2, size=64, lay_out=table_of_paths),
    "colours": Folder(dims=2, size=64, lay_out=coloured, organs=True, options=COLOURS),
    "nnunet": Folder(dims=3, size=24, lay_out=nnunet_raw, organs=True),
    "slicer": Folder(dims=3, size=24, lay_out=slicer),
    "qubiq": Folder(dims=2, size=64, lay_out=qubiq),
    "dicom": Folder(dims=3, size=24, lay_out=dicom),
}
"""By name."""


def generated(name: str, out: Path, cases: int = CASES) -> Path:
    """One of ``FOLDERS``, written where it is not there yet."""
    chosen, folder = FOLDERS[name], out / "folders" / name
    if not folder.exists():
        samples = out / f".samples-{name}"
        annotators = [spec.format(f"{chosen.size / 32:g}") for spec in ANNOTATORS]
        seed = list(FOLDERS).index(name)
        write_samples(
            samples, seed=seed, spatial_dims=chosen.dims, size=chosen.size, cases=cases, annotators=annotators
        )
        if not chosen.organs:
            merge_organs(samples)
        chosen.lay_out(samples, folder)
        shutil.rmtree(samples)
    return folder
