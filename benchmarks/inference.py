"""What `medseg predict` of a large volume costs: time, memory, disk; and its windows against MONAI's own.

    python benchmarks/inference.py --out DIR [--size X Y Z] [--crop X Y Z] [--rounds N] [OPTION OF PREDICT ...]

A volume of noise over waves (int16, 1 mm) is generated, and a run folder with an untrained 3D U-Net (channels 4, 8, 16,
windows of 96^3 that overlap by a quarter) for 4 classes and 10 annotators, whose matrices are drawn at random. First
`medseg predict` by itself, in a process of its own: its seconds, the most memory that it held (VmHWM, the interpreter
and all libraries included), and what lies in the folder then. Then, taking turns in one process on a crop of the
volume, the truth alone:

medseg   the windows of `medseg predict --no-annotators`
MONAI    monai.inferers.sliding_window_inference of the same network, windows, weights and windows at once
all      what else `medseg predict --no-annotators` computes too: the volume normalised and turned to the network's
         grid, and the probabilities turned back, with sum 1

The first two see the same array, which is normalised and turned already. Seconds are those of the CPU, since others may
use it too; a ratio is the median over rounds of a side's seconds divided by MONAI's of the same round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference
from torch import nn

from medseg.annotators.assembly import Signature, build_annotator_model
from medseg.annotators.config import RunConfig
from medseg.annotators.loading.placement import image_to_grid
from medseg.annotators.mathematics.averages import truth_probs
from medseg.annotators.predicting.prediction import NOBODY, believe_everywhere
from medseg.annotators.predicting.predictor import Predictor
from medseg.annotators.predicting.windows import AT_ONCE
from medseg.config import dump_config
from medseg.contracts import ClassLabel, Volume
from medseg.images import read_image
from medseg.training.checkpoint import save_weights

CLASSES, ANNOTATORS, WINDOW = 4, 10, (96, 96, 96)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one command."""

    wall: float
    """Seconds,"""
    cpu: float
    """and those of all its threads."""
    peak: int
    """Bytes of memory that it held at most."""


def write_volume(path: Path, size: tuple[int, ...]) -> Path:
    """Waves along every axis and noise, drawn from the size alone."""
    rng = np.random.default_rng(size)
    waves = [np.sin(np.arange(length, dtype=np.float32) / 20) for length in size]
    voxels = 100 * (waves[0][:, None, None] + waves[1][:, None] + waves[2])
    voxels = (voxels + 50 * rng.standard_normal(size, np.float32)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), path)
    return path


def write_run(folder: Path) -> Path:
    """A run folder whose weights are drawn at random, those of the matrices far from the identity."""
    config = RunConfig.model_validate(
        {
            "experiment": "benchmark",
            "recipe": "fused",
            "data": {"cohort": "none", "grid": {"mode": "patch", "size": WINDOW}},
            "network": {"channels": (4, 8, 16), "features": 8},
            "confusion": {"trunk": 8},
            "training": {"accelerator": "cpu"},
        }
    )
    labels = tuple(ClassLabel(name=f"class {value}", value=value) for value in range(CLASSES))
    names = tuple(f"annotator {number}" for number in range(ANNOTATORS))
    signature = Signature(annotators=names, classes=labels, channels=1, spatial_dims=3)
    torch.manual_seed(0)
    model = build_annotator_model(config, signature)
    for name, parameter in model.named_parameters():
        if name.startswith("confusion."):
            nn.init.normal_(parameter)
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(dump_config(config))
    signature.write(folder / "model.json")
    save_weights(folder / "weights.pt", model)
    return folder


def cost_of(*words: object) -> Cost:
    """`medseg` with these words, in a process of its own."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "medseg", *map(str, words)])
    status, peak = Path(f"/proc/{process.pid}/status"), 0
    while True:  # what a process inherits when it is forked counts for its ru_maxrss, but not here
        lines = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        peak = max([peak, *(1024 * int(line.split()[1]) for line in lines)])
        ended, code, used = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        time.sleep(0.1)
    if code:
        sys.exit(f"medseg {words[0]} ended with status {os.waitstatus_to_exitcode(code)}")
    return Cost(wall=time.perf_counter() - began, cpu=used.ru_utime + used.ru_stime, peak=peak)


def seconds(run: Path, image: Volume, rounds: int) -> list[dict[str, float]]:
    """Side -> seconds of each round; the first one, which warms up, is left out."""
    predictor = Predictor.load(run)
    grid, see = predictor.config.data.grid, predictor.model.eval()
    placement = grid.place(image.array.shape[1:], image.affine, image.spacing_mm)
    on_grid = image_to_grid(image.array, placement)
    where = {"inside": placement.inside, "window": grid.size, "overlap": grid.overlap}

    @torch.inference_mode()
    def monai() -> object:
        return sliding_window_inference(
            inputs=torch.from_numpy(on_grid)[None],
            roi_size=grid.size,
            sw_batch_size=AT_ONCE,
            predictor=lambda patches: truth_probs(see, patches),
            overlap=grid.overlap,
            mode="gaussian",
        )

    sides: dict[str, Callable[[], object]] = {
        "medseg": lambda: believe_everywhere(see, on_grid, annotators=NOBODY, device=predictor.device, **where),
        "MONAI": monai,
        "all": lambda: predictor("case", image, nobody=True),
    }
    found, names = [], list(sides)
    for turn in range(rounds + 1):
        taken = {}
        for name in names[turn % 3 :] + names[: turn % 3]:
            began = time.process_time()
            sides[name]()
            taken[name] = time.process_time() - began
        found.append(taken)
    return found[1:]


def main() -> None:
    """Read the arguments, print both measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    parser.add_argument("--size", type=int, nargs=3, default=(512, 512, 400))
    parser.add_argument("--crop", type=int, nargs=3, default=(192, 192, 192), help="what is compared to MONAI's")
    parser.add_argument("--rounds", type=int, default=5, help="of the comparison; 0: none")
    arguments, more = parser.parse_known_args()
    run = write_run(arguments.out / "run")
    path = write_volume(arguments.out / "image.nii.gz", tuple(arguments.size))
    shape = "x".join(map(str, arguments.size))
    cost = cost_of("predict", run, "--images", path, "--out", arguments.out / "maps", *more)
    written = sum(file.stat().st_size for file in (arguments.out / "maps").rglob("*") if file.is_file())
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {CLASSES} classes, {ANNOTATORS} annotators")
    print(f"medseg predict {' '.join(more)} of {shape}: {cost.wall:.0f} s, {cost.cpu:.0f} s of CPU, "
          f"{cost.peak / 2**30:.2f} GiB at most, {written / 2**30:.2f} GiB written")  # fmt: skip
    if arguments.rounds:
        image = read_image(path)
        crop = tuple(slice(length) for length in arguments.crop)
        image = Volume(array=image.array[(slice(None), *crop)], affine=image.affine, spacing_mm=image.spacing_mm)
        found = seconds(run, image, arguments.rounds)
        for side in found[0]:
            of_rounds = sorted(taken[side] / taken["MONAI"] for taken in found)
            spent = statistics.median(taken[side] for taken in found)
            print(f"the truth alone of {'x'.join(map(str, arguments.crop))}, {side}: "
                  f"{spent:.2f} s, ratio {statistics.median(of_rounds):.3f} "
                  f"({of_rounds[0]:.3f} to {of_rounds[-1]:.3f})")  # fmt: skip


if __name__ == "__main__":
    main()
