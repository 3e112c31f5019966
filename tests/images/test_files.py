"""Reading and writing: what comes back is what was written, and damage is refused with one sentence."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from PIL import Image

from medseg.contracts import Refused, Volume
from medseg.images.files import (
    as_labels,
    read_header,
    read_image,
    read_labels,
    stored_shape,
    suffix_of,
    write_labels,
    write_map,
)

AFFINE = np.array([[-0.8, 0, 0, 10], [0, 0.8, 0, -20], [0, 0, 2, 5], [0, 0, 0, 1]], float)
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]]) * [0.5, 0.7, 3]
OBLIQUE[:3, 3] = 4, -5, 6


def labels_of(shape: tuple[int, ...], most: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, most + 1, shape)


def refusal(path: Path) -> str:
    with pytest.raises(Refused) as caught:
        read_labels(path, "c07/bob")
    assert len(caught.value.complaints) == 1
    return caught.value.complaints[0]


# -------------------------------------------------------------------------------------- round trip
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("affine", [AFFINE, OBLIQUE])
def test_a_volume_comes_back_with_its_place(tmp_path: Path, suffix: str, affine: np.ndarray) -> None:
    labels = labels_of((5, 6, 7))
    path = write_labels(tmp_path / f"x{suffix}", Volume(array=labels, affine=affine, spacing_mm=None))
    back = read_labels(path)
    np.testing.assert_array_equal(back.array, labels)
    assert back.array.dtype == np.uint8
    np.testing.assert_allclose(back.affine, affine, atol=1e-5)
    assert back.spacing_mm == pytest.approx((0.8, 0.8, 2) if affine is AFFINE else (0.5, 0.7, 3))


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha", ".tif"])
def test_a_map_comes_back_as_float32(tmp_path: Path, suffix: str) -> None:
    numbers = np.random.default_rng(1).normal(size=(5, 6))
    back = read_image(write_map(tmp_path / f"x{suffix}", Volume(array=numbers, affine=np.eye(4), spacing_mm=None)))
    assert back.array.dtype == np.float32
    np.testing.assert_array_equal(back.array, numbers[None].astype(np.float32))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".nii.gz", ".nrrd"])
@pytest.mark.parametrize("most", [255, 256])
def test_a_picture_of_labels_comes_back_in_8_or_16_bits(tmp_path: Path, suffix: str, most: int) -> None:
    labels = labels_of((5, 6), most)
    labels[0, 0] = most
    back = read_labels(write_labels(tmp_path / f"x{suffix}", Volume(array=labels, affine=np.eye(4), spacing_mm=None)))
    np.testing.assert_array_equal(back.array, labels)
    assert back.array.dtype.itemsize == (1 if most == 255 else 2)
    assert (back.spacing_mm is None) == (suffix in (".png", ".tif"))


def test_the_same_volume_in_nifti_and_nrrd_is_the_same(tmp_path: Path) -> None:
    """Written by SimpleITK alone, so that our own writer cannot hide an error of our reader."""
    image = sitk.GetImageFromArray(labels_of((4, 5, 6)).astype(np.int16))
    image.SetSpacing((0.5, 0.7, 3))
    image.SetOrigin((1, 2, 3))
    image.SetDirection((0, -1, 0, 1, 0, 0, 0, 0, 1))
    volumes = []
    for suffix in (".nii.gz", ".nrrd", ".mha"):
        sitk.WriteImage(image, str(tmp_path / f"x{suffix}"))
        volumes.append(read_image(tmp_path / f"x{suffix}"))
    for volume in volumes:
        assert volume.array.shape == (1, 6, 5, 4)
        np.testing.assert_array_equal(volume.array, volumes[0].array)
        np.testing.assert_allclose(volume.affine, volumes[0].affine, atol=1e-5)
    # (i,j,k) -> LPS (1 - .7 j, 2 + .5 i, 3 + 3 k) -> RAS: x and y change sign
    expected = [[0, 0.7, 0, -1], [-0.5, 0, 0, -2], [0, 0, 3, 3], [0, 0, 0, 1]]
    np.testing.assert_allclose(volumes[1].affine, expected, atol=1e-6)


# ----------------------------------------------------------------------------------------- headers
def written(folder: Path, kind: str) -> Path:
    """An image of 5 x 7 (x 4) in one of the kinds of files that people have."""
    stem, _, suffix = kind.partition(".")
    path = folder / f"x.{suffix}"
    rng = np.random.default_rng(0)
    flat, grey = rng.integers(0, 255, (5, 7)).astype(np.uint8), rng.integers(0, 255, (5, 7, 4)).astype(np.int16)
    opaque = np.full_like(flat, 255)
    if stem in ("L", "I;16", "RGB", "RGBA", "LA", "P", "1"):
        stacks = {"LA": [flat, opaque], "RGB": [flat] * 3, "RGBA": [flat] * 3 + [opaque]}
        array = np.stack(stacks[stem], -1) if stem in stacks else flat.astype(np.uint16 if stem == "I;16" else np.uint8)
        picture = Image.fromarray(array)
        (picture.convert(stem) if stem in ("P", "1") else picture).save(path)
    elif stem == "scaled":
        write_map(path, Volume(array=flat, affine=np.eye(4), spacing_mm=(0.5, 0.25)))
    elif stem == "stack":
        tifffile.imwrite(path, grey.transpose(2, 0, 1), photometric="minisblack")
    elif stem in ("colours", "opaque"):
        tifffile.imwrite(path, np.stack([flat] * 3 + [opaque] * (stem == "opaque"), -1), photometric="rgb")
    elif stem == "vector":
        image = sitk.GetImageFromArray(np.stack([grey.transpose(2, 1, 0)] * 2, -1), isVector=True)
        image.SetSpacing((0.5, 2, 3))
        sitk.WriteImage(image, str(path))
    else:
        shapes = {"volume": grey, "thin": grey[..., :1], "flat": grey[..., 0], "late": grey[..., None]}
        nib.Nifti1Image(shapes[stem], OBLIQUE).to_filename(folder / "x.nii.gz")
        if suffix != "nii.gz":
            sitk.WriteImage(sitk.ReadImage(str(folder / "x.nii.gz")), str(path))
    return path


@pytest.mark.parametrize(
    "kind",
    [
        *("L.png", "I;16.png", "RGB.png", "RGBA.png", "LA.png", "P.png", "1.png", "L.jpg", "RGB.jpg"),
        *("L.tif", "scaled.tif", "stack.tif", "colours.tif", "opaque.tiff"),
        *("volume.nii.gz", "thin.nii.gz", "flat.nii.gz", "late.nii.gz", "volume.nrrd", "volume.mha", "vector.nrrd"),
    ],
)
def test_a_header_tells_what_reading_gives(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind)
    header, volume = read_header(path), read_image(path)
    assert (header.channels, *header.shape) == volume.array.shape
    assert header.spacing_mm == (None if volume.spacing_mm is None else pytest.approx(volume.spacing_mm))
    np.testing.assert_allclose(header.affine, volume.affine, atol=1e-6)


def test_a_header_is_read_without_the_voxels(tmp_path: Path) -> None:
    volume = Volume(array=labels_of((40, 40, 40), 200), affine=AFFINE, spacing_mm=None)
    for name in ("x.nii.gz", "x.nrrd", "x.mha"):
        path = write_labels(tmp_path / name, volume)
        path.write_bytes(path.read_bytes()[:2000])  # far from whole
        assert read_header(path).shape == (40, 40, 40)
        with pytest.raises(Refused):
            read_image(path)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".nii.gz", ".nii", ".nrrd", ".mha"])
def test_a_broken_header_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(b"no image at all")
    with pytest.raises(Refused, match=r"^file: expected .* \(c07\)$"):
        read_header(path, "c07")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_labels(tmp_path / "x.png", Volume(array=np.zeros((2, 2), int), affine=np.eye(4), spacing_mm=None))
    old = path.read_bytes()

    def full(place: Path, *_: object) -> None:
        place.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("medseg.images.files.write_picture", full)
    with pytest.raises(OSError, match="no space"):
        write_labels(path, Volume(array=np.ones((2, 2), int), affine=np.eye(4), spacing_mm=None))
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]


def test_a_map_of_a_png_is_a_tiff_and_labels_of_a_jpeg_are_a_png(tmp_path: Path) -> None:
    volume = Volume(array=np.eye(3, dtype=np.uint8), affine=np.eye(4), spacing_mm=None)
    assert write_map(tmp_path / "a.png", volume).name == "a.tif"
    assert write_labels(tmp_path / "a.jpg", volume).name == "a.png"


def test_what_a_file_cannot_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    with pytest.raises(Refused, match=r"^label values: expected integers 0..65535, got int64 -1..0 \("):
        write_labels(path, Volume(array=np.array([[0, -1]]), affine=np.eye(4), spacing_mm=None))
    with pytest.raises(Refused, match=r"^file suffix for 3-D: expected .nii .nii.gz .nrrd .mha, got x.png \("):
        write_labels(path, Volume(array=np.zeros((2, 2, 2), int), affine=np.eye(4), spacing_mm=None))


# ---------------------------------------------------------------------------------------- pictures
def test_rgb_is_three_channels_in_8_and_in_16_bits(tmp_path: Path) -> None:
    eight = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    Image.fromarray(eight).save(tmp_path / "8.png")
    sixteen = eight.astype(np.uint16) * 1000
    sitk.WriteImage(sitk.GetImageFromArray(sixteen, isVector=True), str(tmp_path / "16.png"))
    np.testing.assert_array_equal(read_image(tmp_path / "8.png").array, np.moveaxis(eight, -1, 0))
    np.testing.assert_array_equal(read_image(tmp_path / "16.png").array, np.moveaxis(sixteen, -1, 0))


def test_alpha_is_dropped_where_opaque_and_refused_where_not(tmp_path: Path) -> None:
    colours = np.full((2, 3, 4), 255, np.uint8)
    colours[..., :3] = 7
    Image.fromarray(colours).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_image(tmp_path / "x.png").array, np.full((3, 2, 3), 7))
    assert read_labels(tmp_path / "x.png").array.tolist() == [[7, 7, 7], [7, 7, 7]]
    colours[0, 0, 3] = 9
    Image.fromarray(colours).save(tmp_path / "x.png")
    expected = "alpha channel: expected opaque everywhere, got transparent pixels (c07/bob)"
    assert refusal(tmp_path / "x.png") == expected


def test_a_palette_is_indices_as_a_mask_and_colours_as_an_image(tmp_path: Path) -> None:
    indices = np.array([[0, 1], [2, 1]], np.uint8)
    picture = Image.fromarray(indices, mode="P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "x.png").array, indices)
    np.testing.assert_array_equal(read_image(tmp_path / "x.png").array[0], [[0, 255], [0, 255]])


def test_a_one_bit_png_holds_0_and_1(tmp_path: Path) -> None:
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "x.png")
    assert read_labels(tmp_path / "x.png").array.tolist() == [[1, 0]]


def test_a_mask_in_colours_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3)).save(tmp_path / "x.png")
    assert refusal(tmp_path / "x.png") == "mask channels: expected 1, got 3 that differ (c07/bob)"


def test_tiff_resolution_becomes_millimetres(tmp_path: Path) -> None:
    array = np.zeros((4, 6), np.uint8)
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, array, resolution=(50, 20), resolutionunit="CENTIMETER")  # x 50, y 20 per cm
    assert read_image(path).spacing_mm == pytest.approx((0.5, 0.2))
    np.testing.assert_allclose(np.diag(read_image(path).affine), [0.5, 0.2, 1, 1])
    tifffile.imwrite(path, array, resolution=(254, 254), resolutionunit="INCH")
    assert read_image(path).spacing_mm == pytest.approx((0.1, 0.1))
    for resolution, unit in (((72, 72), "INCH"), ((50, 50), "NONE")):
        tifffile.imwrite(path, array, resolution=resolution, resolutionunit=unit)
        assert read_image(path).spacing_mm is None


def test_tiff_spacing_survives_writing(tmp_path: Path) -> None:
    path = write_map(
        tmp_path / "x.tif", Volume(array=np.eye(3), affine=np.diag([0.3, 0.7, 1, 1]), spacing_mm=(0.3, 0.7))
    )
    assert read_image(path).spacing_mm == pytest.approx((0.3, 0.7))


def test_tiff_colours_stacks_and_compression(tmp_path: Path) -> None:
    colours = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    tifffile.imwrite(tmp_path / "rgb.tif", colours, photometric="rgb")
    np.testing.assert_array_equal(read_image(tmp_path / "rgb.tif").array, np.moveaxis(colours, -1, 0))
    stack = np.arange(5 * 4 * 6, dtype=np.uint16).reshape(5, 4, 6)
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    np.testing.assert_array_equal(read_image(tmp_path / "stack.tif").array, stack[None])
    Image.fromarray(colours).save(tmp_path / "lzw.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(read_image(tmp_path / "lzw.tif").array, np.moveaxis(colours, -1, 0))


def test_a_jpeg_is_read_and_refused_where_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    Image.fromarray(np.full((40, 50), 77, np.uint8)).save(path)
    np.testing.assert_array_equal(read_image(path).array, np.full((1, 40, 50), 77))
    path.write_bytes(path.read_bytes()[:-20])
    assert refusal(path).startswith("file: expected an intact PNG or JPEG, got image file is truncated")


# -------------------------------------------------------------------------------------- dimensions
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("endianness", ["<", ">"])
def test_nifti_in_either_version_and_byte_order(tmp_path: Path, kind: type, endianness: str) -> None:
    labels = labels_of((3, 4, 5)).astype(np.int16)
    header = kind.header_class(endianness=endianness)
    header.set_data_dtype(np.int16)
    kind(labels, AFFINE, header).to_filename(tmp_path / "x.nii.gz")
    np.testing.assert_array_equal(read_labels(tmp_path / "x.nii.gz").array, labels)
    (tmp_path / "y.nii.gz").write_bytes((tmp_path / "x.nii.gz").read_bytes()[:-20])
    size = 120 + (352 if kind is nib.Nifti1Image else 544)
    assert refusal(tmp_path / "y.nii.gz").startswith(f"file: expected {size} bytes unpacked, got ")


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 1, 1)])
def test_trailing_axes_of_length_one_are_dropped(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "x.nii.gz"
    nib.Nifti1Image(np.zeros(shape, np.uint8), AFFINE).to_filename(path)
    image = read_image(path)
    assert image.array.shape == (1, 5, 6)
    assert image.spacing_mm == pytest.approx((0.8, 0.8))
    assert stored_shape(path) == shape
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((1, 6, 5), np.uint8)), str(tmp_path / "x.nrrd"))
    assert read_image(tmp_path / "x.nrrd").array.shape == (1, 5, 6)
    assert stored_shape(tmp_path / "x.nrrd") == (5, 6, 1)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_four_dimensions_are_refused(tmp_path: Path, suffix: str) -> None:
    image = sitk.JoinSeries([sitk.GetImageFromArray(np.zeros((4, 5, 6), np.uint8))] * 3)
    sitk.WriteImage(image, str(tmp_path / f"x{suffix}"))
    expected = "dimensions: expected 2 or 3, got 6x5x4x3; 4-D: pick a volume or list channels (c07/bob)"
    assert refusal(tmp_path / f"x{suffix}") == expected


def test_components_of_an_nrrd_are_channels(tmp_path: Path) -> None:
    array = np.arange(4 * 5 * 6 * 2, dtype=np.int16).reshape(4, 5, 6, 2)
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=True), str(tmp_path / "x.nrrd"), True)
    np.testing.assert_array_equal(read_image(tmp_path / "x.nrrd").array, np.transpose(array, (3, 2, 1, 0)))


# ------------------------------------------------------------------------------------------ labels
def test_nearly_integers_are_rounded() -> None:
    labels = as_labels(
        Volume(array=np.array([[[0, 1.0000001], [1.99995, 3]]]), affine=np.eye(4), spacing_mm=None), "c07/bob"
    )
    assert labels.array.tolist() == [[0, 1], [2, 3]]
    assert labels.array.dtype.kind == "i"


@pytest.mark.parametrize(("values", "got"), [([0, 0.7, 0.3, 1], "0.7 (2 of 4"), ([np.nan, 0, 1, 1], "nan (1 of 4")])
def test_soft_labels_are_refused(tmp_path: Path, values: list[float], got: str) -> None:
    path = write_map(tmp_path / "x.nii.gz", Volume(array=np.reshape(values, (2, 2)), affine=np.eye(4), spacing_mm=None))
    expected = f"mask values: expected integers, got {got} voxels); soft targets are not supported (c07/bob)"
    assert refusal(path) == expected


# ------------------------------------------------------------------------------------------ damage
def volume_bytes(folder: Path, suffix: str) -> bytes:
    labels = labels_of((8, 9, 10), 60_000).astype(np.uint16)
    return write_labels(folder / f"whole{suffix}", Volume(array=labels, affine=AFFINE, spacing_mm=None)).read_bytes()


def test_a_truncated_gz_is_refused_with_both_sizes(tmp_path: Path) -> None:
    content, path = volume_bytes(tmp_path, ".nii.gz"), tmp_path / "x.nii.gz"
    path.write_bytes(content[:1000])
    with gzip.open(path) as stream:
        unpacked = len(stream.read1(100_000))
    size = 352 + 8 * 9 * 10 * 2
    assert refusal(path) == (
        f"file: expected {size} bytes unpacked, got {unpacked} bytes: the .gz is cut off at its byte 1000 (c07/bob)"
    )


def test_a_gz_without_its_last_byte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.nii.gz"
    path.write_bytes(volume_bytes(tmp_path, ".nii.gz")[:-1])
    assert "the .gz is cut off at its byte" in refusal(path)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha", ".png", ".tif"])
@pytest.mark.parametrize("place", [0.6, 0.8, 0.95])
def test_a_flipped_bit_in_compressed_data_is_refused(tmp_path: Path, suffix: str, place: float) -> None:
    if suffix in (".png", ".tif"):
        labels = labels_of((30, 40), 60_000).astype(np.uint16)
        content = write_labels(
            tmp_path / f"whole{suffix}", Volume(array=labels, affine=np.eye(4), spacing_mm=None)
        ).read_bytes()
    else:
        content = volume_bytes(tmp_path, suffix)
    broken = bytearray(content)
    broken[int(place * len(content))] ^= 4
    (tmp_path / f"x{suffix}").write_bytes(broken)
    assert refusal(tmp_path / f"x{suffix}").startswith("file: expected an intact")


def test_a_flipped_bit_in_the_checksum_itself_is_refused(tmp_path: Path) -> None:
    """nibabel alone reads this file without a word."""
    broken = bytearray(volume_bytes(tmp_path, ".nii.gz"))
    broken[-6] ^= 1
    path = tmp_path / "x.nii.gz"
    path.write_bytes(broken)
    assert nib.load(path).get_fdata().shape == (8, 9, 10)
    assert refusal(path) == "file: expected an intact .gz, got changed bytes: CRC check failed (c07/bob)"


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha", ".png", ".tif"])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str) -> None:
    shape = (8, 9) if suffix in (".png", ".tif") else (8, 9, 10)
    volume = Volume(array=labels_of(shape, 60_000).astype(np.uint16), affine=AFFINE, spacing_mm=None)
    content = write_labels(tmp_path / f"whole{suffix}", volume).read_bytes()
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content[: len(content) * 3 // 4])
    got = refusal(path)
    assert got.startswith("file: expected ") and got.endswith("(c07/bob)")
    if suffix == ".nii":
        assert got == f"file: expected 1792 bytes, got {1792 * 3 // 4}: it is cut off (c07/bob)"


def test_a_truncated_raw_nrrd_is_refused_with_both_sizes(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5, 6), np.int16)), str(tmp_path / "x.nrrd"), False)
    path = tmp_path / "x.nrrd"
    path.write_bytes(path.read_bytes()[:-40])
    assert refusal(path) == "file: expected 240 bytes of voxels, got 200: it is cut off (c07/bob)"


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".png", ".tif"])
def test_foreign_empty_and_missing_files_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    assert refusal(path) == "file: expected a file, got none (c07/bob)"
    path.write_bytes(b"")
    assert refusal(path) == "file: expected an image, got 0 bytes (c07/bob)"
    path.write_bytes(b"<html>not found</html>" * 40)
    assert refusal(path).startswith("file: expected a")


def test_an_unknown_suffix_is_refused_and_the_path_named_by_default(tmp_path: Path) -> None:
    path = tmp_path / "x.docx"
    path.write_bytes(b"x")
    with pytest.raises(Refused) as caught:
        read_image(path)
    suffixes = ".png .jpg .jpeg .tif .tiff .nii .nii.gz .nrrd .mha"
    assert str(caught.value) == f"file suffix: expected {suffixes}, got x.docx ({path})"


def test_suffix_of_takes_nii_gz_as_one() -> None:
    assert [suffix_of(Path(name)) for name in ("a.b.NII.GZ", "a.png", "a.nii")] == [".nii.gz", ".png", ".nii"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"= LOCAL\n", b"= LOCAL;", "file: expected a header that ends with ElementDataFile = LOCAL, got another"),
        (b"DataSize =", b"DataSiz =", "CompressedDataSize: expected {size}, the bytes that follow, got no such line"),
        (b"DataSize = ", b"DataSize = 1", "CompressedDataSize: expected {size}, the bytes that follow, got 1{size}"),
        (b"DimSize = 16 12 6", b"DimSize = 16 12 5",
         "file: expected 960 bytes of voxels, got 1152: its header speaks of another image"),
    ],
)  # fmt: skip
def test_an_mha_whose_header_speaks_of_other_bytes_is_refused(
    tmp_path: Path, old: bytes, new: bytes, expected: str
) -> None:
    path = tmp_path / "x.mha"
    array = np.random.default_rng(0).integers(0, 255, (16, 12, 6)).astype(np.uint8)
    write_labels(path, Volume(array=array, affine=np.eye(4), spacing_mm=None))
    whole = path.read_bytes()
    size = len(whole) - whole.index(b"LOCAL\n") - 6
    assert whole.count(old) == 1
    path.write_bytes(whole.replace(old, new))
    assert refusal(path) == f"{expected.format(size=size)} (c07/bob)"
