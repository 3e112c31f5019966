"""Bad input and bad places for predict, complete and simulate: one sentence, exit status 1, nothing written."""

from __future__ import annotations

import errno
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from medseg.__main__ import app
from medseg.annotators.simulation.cohort import simulate_cohort
from medseg.contracts import Refused, Volume
from medseg.images.files import write_labels, write_map

from ..amodal.completion.conftest import CLASSES, RULES, crossing, write_run
from ..annotators.predicting.test_predictor import run_folder

SHAPE = (16, 64)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A run of each method, images, label maps and a cohort with a truth."""

    root: Path

    @property
    def out(self) -> Path:
        """Where results go; not there yet."""
        return self.root / "out"

    def image(self, array: np.ndarray, name: str = "b.nii.gz", affine: np.ndarray | None = None) -> None:
        """One more image to predict."""
        scan = nib.Nifti1Image(array, None)
        scan.header.set_sform(np.eye(4) if affine is None else affine, 2)
        scan.header.set_qform(None, 0)
        nib.save(scan, self.root / "images" / name)

    def label_map(self, array: np.ndarray, name: str = "m2.nii.gz", affine: np.ndarray | None = None) -> None:
        """One more label map to complete."""
        scan = nib.Nifti1Image(array, None)
        scan.header.set_sform(np.eye(4) if affine is None else affine, 2)
        scan.header.set_qform(None, 0)
        nib.save(scan, self.root / "maps" / name)

    def files(self) -> set[str]:
        """Everything that is there."""
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*")}

    def tell(self, verb: str, *words: object, out: Path | None = None) -> Result:
        """The command line, on what this place holds."""
        given = {
            "predict": ("run", "--images", "images"),
            "predict-mm": ("run-mm", "--images", "images"),
            "complete": ("amodal", "--labels", "maps"),
            "simulate": ("cohort",),
            "fuse": ("drawn",),
        }[verb]
        paths = [word if word.startswith("--") else str(self.root / word) for word in given]
        told = [verb.partition("-")[0], *paths, "--out", str(out or self.out), *map(str, words)]
        return CliRunner().invoke(app, told)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    run_folder(tmp_path / "run")
    run_folder(tmp_path / "run-mm", mode="patch", size=(16, 16), spacing_mm=(1.0, 1.0))
    write_run(tmp_path / "amodal", [32, 32], CLASSES, RULES)
    for name in ("images", "maps"):
        (tmp_path / name).mkdir()
    found = Place(root=tmp_path)
    found.image(noise(0), "a.nii.gz")
    found.label_map(crossing(), "m1.nii.gz")
    cohort = tmp_path / "cohort"
    for name in ("c1", "c2"):
        truth = np.zeros(SHAPE, np.uint8)
        truth[4:12, 8:40] = 1
        for kind, array in (("images", (noise(1) * 20 + 100).astype(np.uint8)), ("truth", truth)):
            volume = Volume(array=array, affine=np.eye(4), spacing_mm=None)
            write_labels(cohort / kind / f"{name}.png", volume)
    rows = "".join(f"{name},images/{name}.png,truth,truth/{name}.png\n" for name in ("c1", "c2"))
    shutil.copytree(cohort, tmp_path / "drawn")
    (tmp_path / "drawn" / "manifest.csv").write_text("case,image,annotator,mask\n" + rows)
    (tmp_path / "drawn" / "cohort.yaml").write_text(
        "name: drawn\nspatial_dims: 2\nclasses: {background: 0, cell: 1}\nchannels: [grey]\n"
    )
    (cohort / "manifest.csv").write_text("case,image,annotator,mask\n" + rows)
    (cohort / "cohort.yaml").write_text(
        "name: known\nspatial_dims: 2\nclasses: {background: 0, cell: 1}\nchannels: [grey]\ntruth: truth\n"
    )
    return found


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)


def spoilt(value: float, *places: tuple[int, int], dtype: type = np.float32) -> np.ndarray:
    array = noise(1).astype(dtype)
    for index in places:
        array[index] = value
    return array


def soft(value: float) -> np.ndarray:
    labels = crossing().astype(np.float32)
    labels[3, 5] = value
    return labels


SQUASHED = np.diag([1.0, 0, 1, 1])
PARALLEL = np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
FINITE = "voxels: expected finite numbers, got"
FLAT = "affine: expected a place for each voxel, got one that gives several voxels one place"
SHEARED = "affine: expected voxel axes at right angles, got axes at"
SIMULATED = "--annotators", "good,over"


def picture(place: Place) -> None:
    write_map(place.root / "images/p.tif", Volume(array=noise(2), affine=np.eye(4), spacing_mm=None))


def images(*names: str) -> Callable[[Place], None]:
    def add(place: Place) -> None:
        for name in names:
            place.image(noise(1), f"{name}.nii.gz")

    return add


def a_file(place: Place) -> None:
    place.out.write_text("a file")


def folder(name: str) -> Callable[[Place], None]:
    return lambda place: (place.out / name).mkdir(parents=True)


def nothing(place: Place) -> None: ...


BAD: dict[str, tuple[str, Callable[[Place], object], tuple[object, ...], str]] = {
    # voxels and places of the images to predict
    "nan": ("predict", lambda p: p.image(spoilt(np.nan, (3, 7), (9, 1))), (),
            f"{FINITE} 2 of 1024 that are not, the first nan at [3, 7] (b)"),
    "inf": ("predict", lambda p: p.image(spoilt(np.inf, (0, 0))), (),
            f"{FINITE} 1 of 1024 that are not, the first inf at [0, 0]"),
    "minus inf": ("predict", lambda p: p.image(spoilt(-np.inf, (15, 63))), (), "the first -inf at [15, 63] (b)"),
    "too large for float32": ("predict", lambda p: p.image(spoilt(1e300, (1, 2), dtype=np.float64)), (),
                              "the first 1e+300 at [1, 2] (b)"),
    "all nan": ("predict", lambda p: p.image(np.full(SHAPE, np.nan, np.float32)), (), "1024 of 1024 that are not"),
    "zero affine": ("predict", lambda p: p.image(noise(1), affine=np.diag([0.0, 0, 0, 1])), (), FLAT),
    "zero column": ("predict", lambda p: p.image(noise(1), affine=SQUASHED), (), FLAT),
    "parallel columns": ("predict", lambda p: p.image(noise(1), affine=PARALLEL), (), SHEARED),
    "no spacing": ("predict-mm", picture, (),
                   "image: expected a spacing, for the run resamples to 1 x 1 mm, got a picture without one (p)"),
    "two channels of one": ("predict", images("b_0000", "b_0001"), (),
                            "image channels: expected 1, got 2 in b_0000.nii.gz, b_0001.nii.gz (b)"),
    "a channel missing": ("predict", images("b_0000", "b_0001", "c_0000"), (),
                          "channels: expected 0000, 0001, got no 0001 (c)"),
    "channels beside a file": ("predict", images("a_0000"), (),
                               "files of one case: expected its channels, or one file, got a_0000 and a (a)"),
    "one name twice": ("predict", lambda p: p.image(noise(1), "a.nii"), (),
                       "files of one name: expected one, got a.nii and a.nii.gz"),
    "no image": ("predict", lambda p: (p.root / "images/b.png").write_text("text"), (),
                 "file: expected an intact PNG or JPEG"),
    "3-D": ("predict", lambda p: p.image(np.zeros((8, 8, 8), np.float32)), (), "image: expected 2-D, got 3-D (b)"),
    # label maps to complete
    "nan label": ("complete", lambda p: p.label_map(soft(np.nan)), (), "got nan (1 of 768 voxels)"),
    "inf label": ("complete", lambda p: p.label_map(soft(np.inf)), (), "got inf (1 of 768 voxels)"),
    "soft label": ("complete", lambda p: p.label_map(soft(0.5)), (), "mask values: expected integers, got 0.5"),
    "zero affine of a map": ("complete", lambda p: p.label_map(crossing(), affine=np.diag([0.0, 0, 0, 1])), (), FLAT),
    "parallel columns of a map": ("complete", lambda p: p.label_map(crossing(), affine=PARALLEL), (), SHEARED),
    # numbers
    "1e8 samples": ("complete", nothing, ("--samples", 10**8),
                    "samples: expected a number from 0 to 10000, got 100000000"),
    "10,001 samples": ("complete", nothing, ("--samples", 10_001),
                       "samples: expected a number from 0 to 10000, got 10001"),
    "-1 samples": ("complete", nothing, ("--samples", -1),
                   "samples: expected a number from 0 to 10000, got -1 (samples)"),
    "samples of predict": ("predict", nothing, ("--samples", 0), "--samples: expected a number from 1 to 1000, got 0"),
    "somebody unseen, of a run without styles": (
        "predict", nothing, ("--as", "new: {years: 3}"), "--as: expected a run with styles (recipe=fused), got recipe"),
    "somebody unseen in no YAML": ("predict", nothing, ("--as", "new: {years"), "--as: expected YAML, got"),
    "a list for somebody unseen": ("predict", nothing, ("--as", "new: {tool: [pen]}"),
                                   "tool of new: expected a number or a word, got ['pen'] (--as, new: {tool: [pen]})"),
    "a rule that there is not": ("complete", nothing, ("--rules", "{hidden: all}"), "got hidden; did you mean hides?"),
    "rules that are no YAML": ("complete", nothing, ("--rules", "{hides: all"), "rules: expected YAML"),
    "gap of 1e5": ("complete", nothing, ("--gap", 10**5), "gap: expected a number from 0 to 100, got 100000 (gap)"),
    "no workers": ("complete", nothing, ("--workers", 0), "workers: expected a number from 1 to 256, got 0 (workers)"),
    "gap of -1": ("complete", nothing, ("--gap", -1), "gap: expected a number from 0 to 100, got -1 (gap)"),
    "seed -1": ("simulate", nothing, (*SIMULATED, "--seed", -1), "seed: expected a whole number >= 0, got -1 (seed)"),
    "no cases": ("simulate", nothing, (*SIMULATED, "--cases", 0), "number of cases: expected at least 1, got 0"),
    "-3 cases": ("simulate", nothing, (*SIMULATED, "--cases", -3), "number of cases: expected at least 1, got -3"),
    "no labels": ("simulate", nothing, (*SIMULATED, "--labels-per-image", 0), "labels per image: expected 1 to 2"),
    "3 labels of 2": ("simulate", nothing, (*SIMULATED, "--labels-per-image", 3), "labels per image: expected 1 to 2"),
    "noise nan": ("simulate", nothing, (*SIMULATED, "--noise", "nan"),
                  "noise: expected a standard deviation >= 0, got nan"),
    "noise inf": ("simulate", nothing, (*SIMULATED, "--noise", "inf"),
                  "noise: expected a standard deviation >= 0, got inf"),
    "noise -1": ("simulate", nothing, (*SIMULATED, "--noise", -1), "noise: expected a standard deviation >= 0, got -1"),
    # annotators
    "nobody": ("simulate", nothing, ("--annotators", ""), "annotator: expected one of good, over"),
    "a comma": ("simulate", nothing, ("--annotators", ","), "annotator: expected one of good, over"),
    "a gap in the list": ("simulate", nothing, ("--annotators", "good,,over"), "annotator: expected one of good, over"),
    "unknown": ("simulate", nothing, ("--annotators", "goood"), "got 'goood'; did you mean 'good'? (goood)"),
    "../x": ("simulate", nothing, ("--annotators", "../x"), "got '../x' (../x)"),
    "strength nan": ("simulate", nothing, ("--annotators", "over:nan"), "expected a number >= 0, got 'nan'"),
    "strength inf": ("simulate", nothing, ("--annotators", "over:inf"), "expected a number from 0 to 10000, got 'inf'"),
    "strength 1e300": ("simulate", nothing, ("--annotators", "displaced:1e300"), "number from 0 to 10000, got '1e300'"),
    "strength -1": ("simulate", nothing, ("--annotators", "over:-1"), "expected a number >= 0, got '-1'"),
    "confusion 2": ("simulate", nothing, ("--annotators", "confusion:2"), "expected a number from 0 to 1, got '2'"),
    # what was there before
    "predictions there": ("predict", folder("truth"), (), "expected no predictions yet, got a folder truth/"),
    "entropy there": ("predict", folder("entropy"), (), "expected no predictions yet, got a folder entropy/"),
    "annotators there": ("predict", folder("annotators"), (), "expected no predictions yet, got a folder annotators/"),
    "completions there": ("complete", folder("completed"), (), "expected no completions yet, got a folder completed"),
    "order.csv there": ("complete", folder("order.csv"), (), "expected no completions yet, got a file order.csv"),
    "samples there": ("predict", folder("samples"), ("--samples", 2),
                      "expected no predictions yet, got a folder samples/"),
    "confusion there": ("predict", folder("confusion"), ("--confusion",),
                        "expected no predictions yet, got a folder confusion/"),
    "consensus there": ("fuse", folder("consensus"), (), "expected no consensus yet, got a folder consensus"),
    "weights.csv there": ("fuse", folder("weights.csv"), (), "expected no consensus yet, got a file weights.csv"),
    "cohort there": ("simulate", folder("x"), SIMULATED, "output folder: expected a new or empty folder"),
    "predict: a file": ("predict", a_file, (), "output folder: expected a folder, got a file out"),
    "complete: a file": ("complete", a_file, (), "output folder: expected a folder, got a file out"),
    "fuse: a file": ("fuse", a_file, (), "output folder: expected a folder, got a file out"),
    "simulate: a file": ("simulate", a_file, SIMULATED, "output folder: expected a new or empty folder"),
}  # fmt: skip


def refused(done: Result, sentence: str) -> None:
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit), done.output + repr(done.exception)
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and sentence in lines[0], done.stderr


@pytest.mark.parametrize("name", BAD)
def test_what_is_bad_is_refused_in_one_sentence_and_nothing_is_written(place: Place, name: str) -> None:
    verb, spoil, words, sentence = BAD[name]
    spoil(place)
    before = place.files()
    refused(place.tell(verb, *words), sentence)
    assert place.files() == before


@pytest.mark.parametrize(
    ("verb", "source", "words"),
    [("predict", "images", ()), ("complete", "maps", ()), ("simulate", "cohort", SIMULATED), ("fuse", "drawn", ())],
)
@pytest.mark.parametrize("kind", ["within", "below a file", "read-only"])
def test_a_place_that_cannot_take_results(
    place: Place, verb: str, source: str, words: tuple[object, ...], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.root / "note.txt").write_text("a file")
    out = {"within": place.root / source / "new", "below a file": place.root / "note.txt" / "a" / "b"}.get(
        kind, place.out
    )
    if kind == "read-only":
        monkeypatch.setattr(os, "access", lambda _, mode, **__: not mode & os.W_OK)
    before = place.files()
    expected = {"within": "expected one outside of", "below a file": "got a file note.txt", "read-only": "that may be"}
    refused(place.tell(verb, *words, out=out), expected[kind])
    assert place.files() == before


VERBS = [("predict", ()), ("complete", ("--samples", 2)), ("simulate", SIMULATED), ("fuse", ()),
         ("predict", ("--confusion", "--samples", 3))]  # fmt: skip


@pytest.mark.parametrize(("verb", "words"), VERBS)
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    place: Place, tiny_disk: Path, verb: str, words: tuple[object, ...]
) -> None:
    (tiny_disk / "full").write_bytes(bytes(28 * 1024))
    for number in range(8):
        place.image(noise(number), f"i{number}.nii.gz")
    refused(place.tell(verb, *words, out=tiny_disk / "out"), "got No space left on device")
    assert [path.name for path in tiny_disk.iterdir()] == ["full"]


@pytest.mark.parametrize(("verb", "words"), VERBS)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG])
def test_a_disk_that_fails_in_the_middle_leaves_nothing_and_the_next_try_works(
    place: Place, verb: str, words: tuple[object, ...], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    move, moved = os.replace, []

    def fails(source: object, target: object) -> None:
        moved.append(target)
        if len(moved) == 2:
            raise OSError(code, os.strerror(code), str(target))
        move(source, target)  # type: ignore[arg-type]

    before = place.files()
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fails)
        done = place.tell(verb, *words)
    refused(done, f"file: expected room and leave for it, got {os.strerror(code)} ({place.out}")
    assert len(moved) == 2 and place.files() == before
    done = place.tell(verb, *words)
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert not [name for name in place.files() if ".writing" in name]


def test_what_was_there_before_stays_where_writing_fails(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.out.mkdir()
    (place.out / "mine.txt").write_text("mine")
    before = place.files()
    failure = OSError(errno.ENOSPC, "full")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(failure))
    refused(place.tell("predict"), "got full")
    assert place.files() == before


def test_an_error_of_the_program_is_no_bad_input(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "medseg.experiment.predict.predict_images", lambda *_, **__: (_ for _ in ()).throw(OSError("odd"))
    )
    assert isinstance(place.tell("predict").exception, OSError)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".tif"])
def test_a_file_of_every_format_that_finds_no_room_is_refused_by_name(tiny_disk: Path, suffix: str) -> None:
    path = tiny_disk / f"map{suffix}"
    array = np.random.default_rng(0).random((160, 160), np.float32)
    with pytest.raises(Refused, match="file: expected room and leave for it, got .*map"):
        write_map(path, Volume(array=array, affine=np.eye(4), spacing_mm=None))
    assert list(tiny_disk.iterdir()) == []


def test_evaluate_names_the_run_where_the_system_names_no_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("medseg.experiment.evaluate.evaluate_run", full)
    done = CliRunner().invoke(app, ["evaluate", str(place.root / "run")])
    refused(done, f"file: expected room and leave for it, got No space left on device ({place.root / 'run'})")


def test_a_simulation_that_fails_leaves_no_files_that_block_the_next_try(place: Place) -> None:
    with pytest.raises(TypeError):
        simulate_cohort(place.root / "cohort", place.out, annotators=["good"], seed="x")  # type: ignore[arg-type]
    assert not place.out.exists()
    assert place.tell("simulate", "--annotators", "good").exit_code == 0


def test_a_thousand_equal_lines_are_one(place: Place) -> None:
    for number in range(40):
        place.label_map(noise(number), f"image{number:02d}.nii.gz")
    done = place.tell("complete")
    refused(done, "mask values: expected integers, got ")
    assert " and 39 others (" in done.stderr and " and 37 more: 40 in all)" in done.stderr
    for name in ("image00", "image01", "image02"):
        assert name in done.stderr
    assert "image03" not in done.stderr


def test_many_values_without_a_rule_in_one_map_are_one_line(place: Place) -> None:
    place.label_map(np.arange(768, dtype=np.uint16).reshape(24, 32))
    done = place.tell("complete")
    refused(done, "label values: expected 0, 1, 2, 255, 9, got 763 others (3, 4, 5, ...); if they number instances")


def test_good_input_goes_through(place: Place) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for number, (verb, words) in enumerate(VERBS):
            done = place.tell(verb, *words, out=place.root / f"out-{number}")
            assert done.exit_code == 0, done.output + repr(done.exception)
    assert place.tell("predict-mm").exit_code == 0
