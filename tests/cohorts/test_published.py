"""Published data sets: the folder of the download, imitated in a few pixels, becomes a cohort that `check` accepts."""

from __future__ import annotations

import gzip
import locale
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from PIL import Image

from medseg.cohorts.checking.images import check_images
from medseg.cohorts.cohort import load_cohort
from medseg.cohorts.layouts import LAYOUTS, index
from medseg.cohorts.layouts.published.riga import disc_and_cup
from medseg.contracts import Cohort, Refused
from medseg.experiment.cohorts import index_folder
from medseg.images.files import read_image, read_labels

from .tiny_files import picture, scan


def indexed(source: Path, **choices: str) -> Cohort:
    """The cohort that `medseg index` writes elsewhere; `check` has nothing against it, and the source is untouched."""
    before = sorted(source.rglob("*"))
    out = source.with_name("cohort")
    index_folder(source, out, **choices)
    cohort = load_cohort(out)
    assert check_images(cohort).errors == () and sorted(source.rglob("*")) == before
    return cohort


def splits(cohort: Cohort) -> dict[str, str]:
    return {case.name: case.split for case in cohort.cases}


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "path_pattern"])
def test_a_wrong_folder_is_told_what_was_looked_for(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "holidays/beach.png", 9)
    with pytest.raises(Refused) as refused:
        index(tmp_path, layout=name)
    assert refused.value.complaints == (f"layout {name}: expected {LAYOUTS[name].needs}, got other names ({tmp_path})",)


# ------------------------------------------------------------------------------------- retinas
def test_chase_db1_keeps_the_eyes_of_a_child_together(tmp_path: Path) -> None:
    for number, eye in enumerate(("Image_01L", "Image_01R", "Image_02L")):
        (tmp_path / "in").mkdir(exist_ok=True)
        colours = np.random.default_rng(number).integers(0, 255, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(colours).save(tmp_path / f"in/{eye}.jpg")
        for observer in ("1stHO", "2ndHO"):
            picture(tmp_path / f"in/{eye}_{observer}.png", 255, shape=(8, 8))
    cohort = indexed(tmp_path / "in")
    assert cohort.annotators == ("observer1", "observer2")
    assert [case.patient for case in cohort.cases] == ["Image_01", "Image_01", "Image_02"]


def packed(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = b"P6" if array.ndim == 3 else b"P5"
    header = kind + b"\n%d %d\n255\n" % (array.shape[1], array.shape[0])
    path.write_bytes(gzip.compress(header + array.tobytes()))


def test_stare_is_unpacked_and_images_without_masks_are_left_out(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        colours = np.random.default_rng(number).integers(0, 255, (6, 8, 3)).astype(np.uint8)
        packed(tmp_path / f"in/stare-images/im000{number}.ppm.gz", colours)
        for observer in ("ah", "vk") if number < 3 else ():
            vessels = np.zeros((6, 8), np.uint8)
            vessels[number] = 255
            packed(tmp_path / f"in/labels-{observer}/im000{number}.{observer}.ppm.gz", vessels)
    cohort = indexed(tmp_path / "in")
    assert (cohort.annotators, [case.name for case in cohort.cases]) == (("ah", "vk"), ["im0001", "im0002"])
    expected = np.random.default_rng(1).integers(0, 255, (6, 8, 3)).astype(np.uint8)
    assert (read_image(cohort.cases[0].images[0]).array == np.moveaxis(expected, -1, 0)).all()
    assert read_labels(cohort.cases[1].annotations["vk"]).array[2].tolist() == [255] * 8


def ellipse(shape: tuple[int, int], middle: tuple[int, int], radii: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return ((y - middle[0]) / radii[0]) ** 2 + ((x - middle[1]) / radii[1]) ** 2 <= 1


def outline(mask: np.ndarray, width: int) -> np.ndarray:
    """A line of some pixels inside of the border of a mask."""
    from scipy.ndimage import binary_erosion

    return mask & ~binary_erosion(mask, iterations=width)


@pytest.mark.parametrize("middle", [(50, 50), (50, 38)], ids=["apart", "lines that touch"])
@pytest.mark.parametrize("width", [1, 3])
def test_what_lines_enclose_is_disc_and_cup(middle: tuple[int, int], width: int) -> None:
    disc, cup = ellipse((100, 110), (50, 50), (40, 36)), ellipse((100, 110), middle, (20, 22))
    labels = disc_and_cup(outline(disc, width) | outline(cup, width))
    assert labels is not None
    for found, expected in (((labels > 0), disc), ((labels == 2), cup)):
        assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) > 0.96


def test_lines_that_enclose_one_region_or_none_are_no_disc_and_cup() -> None:
    ring = outline(ellipse((60, 60), (30, 30), (20, 20)), 2)
    assert disc_and_cup(ring) is None and disc_and_cup(np.zeros((60, 60), bool)) is None
    ring[:30, 28:32] = False
    assert disc_and_cup(ring | outline(ellipse((60, 60), (30, 30), (8, 8)), 2)) is None


def test_riga_contours_become_label_maps_although_jpeg_blurs_them(tmp_path: Path) -> None:
    folder = tmp_path / "in/BinRushed/BinRushed2"
    folder.mkdir(parents=True)
    smooth = np.linspace(60, 160, 110).astype(np.uint8)
    plain = np.stack([np.broadcast_to(smooth, (100, 110))] * 3, axis=-1).copy()
    Image.fromarray(plain).save(folder / "image1prime.jpg", quality=90)
    for reader, radius in ((1, 34), (6, 40)):
        drawn = plain.copy()
        disc, cup = ellipse((100, 110), (50, 50), (radius, radius)), ellipse((100, 110), (50, 50), (16, 16))
        drawn[outline(disc, 2) | outline(cup, 2)] = (0, 0, 255)
        Image.fromarray(drawn).save(folder / f"Image1-{reader}.jpg", quality=90)
    cohort = indexed(tmp_path / "in")
    assert cohort.annotators == ("reader1", "reader6")
    assert [label.name for label in cohort.classes] == ["background", "disc_rim", "cup"]
    (case,) = cohort.cases
    assert case.name == "BinRushed2_image1"
    for reader, radius in (("reader1", 34), ("reader6", 40)):
        labels = read_labels(case.annotations[reader]).array
        assert (labels > 0).sum() == pytest.approx(np.pi * radius**2, rel=0.06)
        assert (labels == 2).sum() == pytest.approx(np.pi * 16**2, rel=0.12)


# ------------------------------------------------------------------------------------- histology, cells
def test_gleason_2019_counts_6_as_benign_and_splits_by_slide(tmp_path: Path) -> None:
    for core, seed in (("slide001_core003", 1), ("slide002_core010", 2)):
        (tmp_path / "in/Train Imgs").mkdir(parents=True, exist_ok=True)
        colours = np.random.default_rng(seed).integers(0, 255, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(colours).save(tmp_path / f"in/Train Imgs/{core}.jpg")
        mask = f"{core}_classimg_nonconvex.png"
        picture(tmp_path / f"in/Maps1_T/Maps1_T/{mask}", 1, 3, 4, 5, shape=(8, 8))
        if seed == 2:
            picture(tmp_path / f"in/Maps6_T/{mask}", 6, shape=(8, 8))
    cohort = indexed(tmp_path / "in")
    assert cohort.annotators == ("pathologist1", "pathologist6")
    assert {label.name: label.values for label in cohort.classes}["benign"] == (1, 6)
    assert [case.covariates for case in cohort.cases] == [{"slide": "slide001"}, {"slide": "slide002"}]
    assert [sorted(case.annotations) for case in cohort.cases] == [["pathologist1"], ["pathologist1", "pathologist6"]]


def inverted(path: Path, box: tuple[slice, slice], shape: tuple[int, int]) -> None:
    array = np.full(shape, 255, np.uint8)
    array[box] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def test_bubil_objects_are_zero_and_crowds_are_slots(tmp_path: Path) -> None:
    root, box = tmp_path / "in", (slice(2, 6), slice(3, 9))
    picture(root / "RawImages/B01.png", 5, shape=(10, 12))
    for place in ("ExpertsAnnotations/Person1_Amira", "ExpertsAnnotations/Person2_ImageJ"):
        inverted(root / place / "seg_B01.png", box, (10, 12))
    inverted(root / "CrowdsourcedAnnotations/mturk_annotation1-1/seg_B01.png", box, (10, 12))
    inverted(root / "CrowdsourcedAnnotations/mturk_annotation1-2/seg_B01.png", box, (7, 9))
    inverted(root / "GoldStandard/seg_B01.png", box, (10, 12))
    cohort = indexed(root)
    assert cohort.annotators == ("person1_amira", "person2_imagej") and cohort.crowd == ("crowd/mturk_annotation1-1",)
    assert [row.foreground for row in check_images(cohort).coverage] == [24 / 120] * 3


def test_bubil_crops_cut_their_masks_around_the_first_expert(tmp_path: Path) -> None:
    root = tmp_path / "in"
    picture(root / "RawImages/001.png", 5, shape=(8, 12))  # twice the object of the first expert
    inverted(root / "ExpertsAnnotations/Expert1/seg_001.png", (slice(10, 14), slice(20, 26)), (40, 50))
    inverted(root / "ExpertsAnnotations/Expert2/seg_001.png", (slice(9, 14), slice(20, 26)), (40, 50))
    masks = indexed(root).cases[0].annotations
    first, second = (read_labels(masks[name]).array == 0 for name in ("expert1", "expert2"))
    assert first[2:6, 3:9].all() and first.sum() == 24
    assert second[1:6, 3:9].all() and second.sum() == 30


# ------------------------------------------------------------------------------------- magnetic resonance, CT
def test_isbi_2015_has_four_contrasts_and_a_patient_per_person(tmp_path: Path) -> None:
    for number, visit in enumerate(("training01_01", "training01_02", "training02_01")):
        folder = tmp_path / "in/training" / visit.split("_")[0]
        for contrast in ("flair", "mprage", "pd", "t2"):
            scan(folder / f"preprocessed/{visit}_{contrast}_pp.nii", number + 1)
        for reader in (1, 2):
            scan(folder / f"masks/{visit}_mask{reader}.nii", 1)
    cohort = indexed(tmp_path / "in")
    assert (cohort.annotators, cohort.channels) == (("reader1", "reader2"), ("flair", "mprage", "pd", "t2"))
    assert [case.patient for case in cohort.cases] == ["training01", "training01", "training02"]
    assert [label.name for label in cohort.classes] == ["background", "lesion"]
    (tmp_path / "in/training/training02/preprocessed/training02_01_pd_pp.nii").unlink()
    with pytest.raises(Refused, match="contrasts: expected flair, mprage, pd, t2, got no pd \\(training02_01\\)"):
        index(tmp_path / "in")


def test_curvas_sets_are_splits(tmp_path: Path) -> None:
    for number, place in enumerate(("training_set/training_set/UKCHLL001", "validation_set/UKCHLL002")):
        scan(tmp_path / "in" / place / "image.nii.gz", number + 1)
        for reader in (1, 2, 3):
            scan(tmp_path / "in" / place / f"annotation_{reader}.nii.gz", 1, 2, 3)
    cohort = indexed(tmp_path / "in")
    assert cohort.annotators == ("annotator1", "annotator2", "annotator3")
    assert [label.name for label in cohort.classes] == ["background", "pancreas", "kidney", "liver"]
    assert splits(cohort) == {"UKCHLL001": "train", "UKCHLL002": "val"}
    assert splits(index(tmp_path / "in/training_set")) == {"UKCHLL001": ""}


def test_mmis_2024_slices_of_a_patient_stay_together(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    (tmp_path / "in/training_2d").mkdir(parents=True)
    for number, name in enumerate(("Sample_7_slice_2", "Sample_7_slice_10", "Sample_8_slice_1")):
        with h5py.File(tmp_path / f"in/training_2d/{name}.h5", "w") as file:
            for key in ("t1", "t1c", "t2"):
                file[key] = np.random.default_rng(number).normal(size=(6, 8))
            for reader in range(1, 5):
                file[f"label_a{reader}"] = np.eye(6, 8) * (reader > 1)
    cohort = indexed(tmp_path / "in")
    assert (cohort.annotators, cohort.channels) == (("a1", "a2", "a3", "a4"), ("t1", "t1c", "t2"))
    assert [(case.name, case.patient) for case in cohort.cases] == [
        ("Sample_7_slice_2", "7"),
        ("Sample_7_slice_10", "7"),
        ("Sample_8_slice_1", "8"),
    ]
    assert read_labels(cohort.cases[0].annotations["a2"]).array.sum() == 6


@pytest.mark.parametrize("axis", [0, -1])
def test_qubiq_channels_are_written_apart_and_organs_are_tasks(tmp_path: Path, axis: int) -> None:
    root = tmp_path / "in"
    for place in ("Training/case1-1", "Training/case1-2", "Validation/case13-1"):
        stack = np.random.default_rng(len(place)).normal(size=(5, 6, 3)).astype(np.float32)
        scan(root / "brain-tumor" / place / "image.nii.gz")
        nib.save(nib.Nifti1Image(np.moveaxis(stack, -1, axis), np.eye(4)), root / f"brain-tumor/{place}/image.nii.gz")
        for reader in (1, 2):
            scan(root / f"brain-tumor/{place}/task01_seg0{reader}.nii.gz", 1, shape=(5, 6, 1))
    scan(root / "prostate/Training/case01/image.nii.gz", 1, shape=(5, 6, 1))
    scan(root / "prostate/Training/case01/task01_seg01.nii.gz", 1, shape=(5, 6, 1))
    cohort = indexed(root, task="brain-tumor/task01")
    assert (len(cohort.channels), cohort.spatial_dims) == (3, 2)
    assert splits(cohort) == {"case1-1": "train", "case1-2": "train", "case13-1": "val"}
    assert [case.patient for case in cohort.cases] == ["case1", "case1", "case13"]
    expected = np.random.default_rng(len("Training/case1-1")).normal(size=(5, 6, 3)).astype(np.float32)
    assert (read_image(cohort.cases[0].images[2]).array[0] == expected[..., 2]).all()


def test_qubiq_2021_folders_name_splits_too(tmp_path: Path) -> None:
    for place in ("training_data_v3_QC/pancreas/case1-1", "validation_data_qubiq2021_QC/pancreas/case13-1"):
        scan(tmp_path / "in" / place / "image.nii.gz", len(place))
        scan(tmp_path / "in" / place / "task01_seg01.nii.gz", 1)
    assert splits(indexed(tmp_path / "in")) == {"case1-1": "train", "case13-1": "val"}


def test_decathlon_modalities_of_a_4d_file_are_written_apart(tmp_path: Path) -> None:
    root = tmp_path / "in"
    scan(root / "labelsTr/p_01.nii.gz", 1, shape=(5, 6, 3))
    stack = np.random.default_rng(0).normal(size=(5, 6, 3, 2)).astype(np.float32)
    (root / "imagesTr").mkdir()
    nib.save(nib.Nifti1Image(stack, np.eye(4)), root / "imagesTr/p_01.nii.gz")
    (root / "dataset.json").write_text(
        '{"modality": {"0": "T2", "1": "ADC"}, "labels": {"0": "background", "1": "PZ"}, '
        '"training": [{"image": "./imagesTr/p_01.nii.gz", "label": "./labelsTr/p_01.nii.gz"}]}'
    )
    cohort = indexed(root)
    assert cohort.channels == ("T2", "ADC") and len(cohort.cases[0].images) == 2
    assert (read_image(cohort.cases[0].images[1]).array[0] == stack[..., 1]).all()


# ------------------------------------------------------------------------------------- LIDC-IDRI
SERIES = "1.3.6.1.4.1.14519.5.2.1.6279.6001.298806137288633453246975630178"
SQUARE = [
    (10, 10),
    (10, 11),
    (10, 12),
    (10, 13),
    (11, 13),
    (12, 13),
    (13, 13),
    (13, 12),
    (13, 11),
    (13, 10),
    (12, 10),
    (11, 10),
]
"""Rows and columns of an outline; the nodule is the four pixels within."""


def lidc_scan(folder: Path, slices: int = 8) -> None:
    """A CT of 40 x 32 pixels of 2 mm, slices of 5 mm."""
    folder.mkdir(parents=True)
    before = locale.setlocale(locale.LC_ALL)
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for z in range(slices):
        image = SimpleITK.GetImageFromArray(np.full((1, 32, 40), z * 100 - 1000, np.int16))
        image.SetSpacing((2.0, 2.0, 5.0))
        tags = {
            "0008|0018": f"{SERIES}.{z + 1}",
            "0020|000e": SERIES,
            "0020|000d": "1.2.3",
            "0010|0020": "LIDC-IDRI-0001",
        }
        tags |= {"0008|0060": "CT", "0020|0032": f"-30\\-20\\{z * 5}", "0020|0037": "1\\0\\0\\0\\1\\0"}
        tags |= {"0028|1052": "0", "0028|1053": "1", "0020|0013": str(z + 1), "0008|0016": "1.2.840.10008.5.1.4.1.1.2"}
        for key, value in tags.items():
            image.SetMetaData(key, value)
        writer.SetFileName(str(folder / f"1-{z + 1:03}.dcm"))
        writer.Execute(image)
    locale.setlocale(locale.LC_ALL, before)  # writing DICOM sets it to "C" and leaves it there


def roi(z: int, points: list[tuple[int, int]], included: bool = True) -> str:
    edges = "".join(f"<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>" for y, x in points)
    told = str(included).upper()
    return f"<roi><imageZposition>{z * 5}</imageZposition><imageSOP_UID>{SERIES}.{z + 1}</imageSOP_UID>" + (
        f"<inclusion>{told}</inclusion>{edges}</roi>"
    )


def lidc_xml(*readers: list[str]) -> str:
    sessions = "".join(
        "<readingSession>"
        + "".join(f"<unblindedReadNodule><noduleID>1</noduleID>{nodule}</unblindedReadNodule>" for nodule in nodules)
        + "</readingSession>"
        for nodules in readers
    )
    header = f"<ResponseHeader><SeriesInstanceUid>{SERIES}</SeriesInstanceUid></ResponseHeader>"
    return f'<?xml version="1.0"?><LidcReadMessage xmlns="http://www.nih.gov">{header}{sessions}</LidcReadMessage>'


def shifted(points: list[tuple[int, int]], rows: int, columns: int) -> list[tuple[int, int]]:
    return [(y + rows, x + columns) for y, x in points]


@pytest.mark.parametrize("beside", [True, False])
def test_lidc_nodules_are_cut_out_of_their_scans(tmp_path: Path, beside: bool) -> None:
    root = tmp_path / "in"
    series = root / "LIDC-IDRI-0001/01-01-2000-30178/3000566.000000-03192"
    lidc_scan(series)
    small = roi(1, [(3, 3)])
    text = lidc_xml(
        [roi(3, SQUARE) + roi(4, SQUARE), small],
        [roi(3, shifted(SQUARE, 1, 0))],
        [],
        [roi(6, shifted(SQUARE, 10, 20))],
    )
    place = series / "069.xml" if beside else root / "tcia-lidc-xml/157/158.xml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    cohort = indexed(root)
    assert cohort.annotators == ("reader1", "reader2", "reader3", "reader4")
    assert [label.name for label in cohort.classes] == ["background", "nodule"]
    first, second = cohort.cases
    assert {case.patient for case in cohort.cases} == {"LIDC-IDRI-0001"}
    counts = [
        [int(read_labels(case.annotations[f"reader{n}"]).array.sum()) for n in range(1, 5)] for case in (first, second)
    ]
    assert counts == [[8, 4, 0, 0], [0, 0, 0, 4]]
    image = read_image(first.images[0])
    assert image.spacing_mm == (2.0, 2.0, 5.0)
    mask = read_labels(first.annotations["reader2"]).array
    voxel = np.argwhere(mask)[0]  # row 12, column 11, slice 3 of the scan
    assert image.array[0][tuple(voxel)] == 3 * 100 - 1000
    assert (image.affine @ [*voxel, 1])[:3] == pytest.approx([30 - 11 * 2, 20 - 12 * 2, 15])


def test_lidc_holes_are_taken_out_and_lost_slices_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "in"
    series = root / "LIDC-IDRI-0001/study/series"
    lidc_scan(series)
    large = [(5, x) for x in range(5, 16)] + [(y, 15) for y in range(6, 16)]
    large += [(15, x) for x in range(14, 4, -1)] + [(y, 5) for y in range(14, 5, -1)]
    (series / "a.xml").write_text(lidc_xml([roi(3, large) + roi(3, shifted(SQUARE, -1, -1), included=False)]))
    (case,) = indexed(root).cases
    assert read_labels(case.annotations["reader1"]).array.sum() == 9 * 9 - 4
    (series / "a.xml").write_text(lidc_xml([roi(30, SQUARE)]))
    with pytest.raises(Refused, match="slices of contours: expected those of their scan, got 1 contours in others"):
        index(root, out=tmp_path / "other")
    (series / "a.xml").write_text('<!DOCTYPE x [<!ENTITY a "b">]>' + lidc_xml([roi(3, SQUARE)]))
    with pytest.raises(Refused, match="XML: expected no document type, and no entities"):
        index(root, out=tmp_path / "other")
