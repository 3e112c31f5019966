"""A cohort larger than memory: what a training from a cache on disk takes of memory and time, beside one in memory.

    python benchmarks/large.py --out runs/large --gib 20
    python benchmarks/large.py --out runs/large_small --gib 1 --memory

Volumes of 256 x 256 x 192 voxels with three annotators are generated (noise, so that nothing compresses well, with an
organ and a lesion), as many as take so many GiB on the network's grid. Then ``medseg train`` is run by its command, in
patches of 64^3 with the network that ``medseg plan`` writes for such patches: once where the cache has to be made, once
more where it is there, and with ``--memory`` without one. Memory is the largest sum of the proportional set sizes of
all its processes, asked for every half a second; start is the time to the first step; waiting is the share of the
epochs in which a step had no batch (metrics.jsonl).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import psutil

from medseg.cohorts import write_cohort
from medseg.contracts import Case, ClassLabel, Cohort

SHAPE = (256, 256, 192)
ANNOTATORS = ("ann", "bob", "cat")
BYTES = 4 + 2 * len(ANNOTATORS)
CONFIG = """
experiment: large
recipe: fused
data: {{cohort: {cohort}, split: {{val: {val}, test: 0.05}}, grid: {{mode: patch, size: [64, 64, 64]}}{cache}}}
network: {{name: dynunet, residual_units: 0, deep_supervision: 2, channels: [16, 32, 64, 128], features: 8}}
training: {{batch_size: 2, workers: {workers}, steps: {{warmup: 25, joint: 50}}, steps_per_epoch: 25, dice_weight: 1}}
"""


def generate(out: Path, gib: float) -> Path:
    """A cohort of so many GiB on the network's grid; one that is there is kept."""
    count = max(round(gib * 2**30 / BYTES / np.prod(SHAPE)), 8)
    classes = (
        ClassLabel(name="background", value=0),
        ClassLabel(name="organ", value=1),
        ClassLabel(name="lesion", value=2),
    )
    cases = [_case(out, number) for number in range(count)]
    cohort = Cohort(
        root=out.absolute(),
        name=out.name,
        classes=classes,
        channels=("CT",),
        spatial_dims=3,
        annotators=ANNOTATORS,
        crowd=(),
        cases=tuple(cases),
    )
    write_cohort(cohort)
    return out


def _case(out: Path, number: int) -> Case:
    name, rng = f"case{number:03d}", np.random.default_rng(number)
    image = out / "images" / f"{name}.nii"
    masks = {annotator: out / annotator / f"{name}.nii.gz" for annotator in ANNOTATORS}
    if not all(path.exists() for path in (image, *masks.values())):
        centre = [length // 2 + int(rng.integers(-20, 20)) for length in SHAPE]
        axes = np.ogrid[tuple(slice(0, length) for length in SHAPE)]
        squares = [((axis - at) / width) ** 2 for axis, at, width in zip(axes, centre, (50, 40, 30), strict=True)]
        distance = squares[0] + squares[1] + squares[2]
        organ = (distance < 1).astype(np.uint8) + (distance < 0.1)
        values = (100 * organ + 30 * rng.standard_normal(SHAPE, np.float32)).astype(np.int16)
        _write(image, values)
        for step, path in enumerate(masks.values()):
            _write(path, np.roll(organ, 2 * step, axis=0))
    annotations = {annotator: mask.absolute() for annotator, mask in masks.items()}
    return Case(name=name, patient=name, images=(image.absolute(),), annotations=annotations)


def _write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.diag([1.0, 1.0, 1.5, 1.0])), path)


def trained(out: Path, cohort: Path, *, workers: int, cache: Path | None, validation: float) -> dict[str, float]:
    """``medseg train`` into ``out``: seconds to the first step and of all, GiB, share of waiting."""
    kept = "" if cache is None else f", cache: {cache}"
    config = out.with_suffix(".yaml")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(CONFIG.format(cohort=cohort, workers=workers, cache=kept, val=validation))
    began, most, start = time.monotonic(), 0, float("nan")
    with out.with_suffix(".log").open("w") as log:
        command = [sys.executable, "-m", "medseg", "train", str(config), "--out", str(out)]
        process = psutil.Popen(command, stdout=log, stderr=log)
        while process.poll() is None:
            most = max(most, _held(process))
            if np.isnan(start) and any(out.glob("*/last.ckpt")):
                start = time.monotonic() - began
            time.sleep(0.5)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: see {out.with_suffix('.log')}")
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    waiting = sum(row["waited"] for row in rows) / sum(row["seconds"] for row in rows)
    return {"start s": start, "all s": time.monotonic() - began, "GiB": most / 2**30, "waiting": waiting}


def _held(process: psutil.Process) -> int:
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--gib", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--memory", action="store_true", help="beside it, a training without a cache")
    asked = parser.parse_args()
    cohort = generate(asked.out / "cohort", asked.gib)
    size = sum(path.stat().st_size for path in cohort.rglob("*.nii*")) / 2**30
    cases = len(list((cohort / "images").iterdir()))
    print(f"{cases} cases, {size:.1f} GiB in files, {cases * BYTES * np.prod(SHAPE) / 2**30:.1f} GiB on the grid")
    runs = {"cache to be made": asked.out / "cache", "cache there": asked.out / "cache"}
    runs |= {"in memory": None} if asked.memory else {}
    for name, cache in runs.items():
        folder = asked.out / name.replace(" ", "_")
        found = trained(folder, cohort, workers=asked.workers, cache=cache, validation=max(0.05, 2 / cases))
        print(f"| {name} | " + " | ".join(f"{value:.3g}" for value in found.values()) + " |", flush=True)
    kept = sum(path.stat().st_size for path in (asked.out / "cache").rglob("*") if path.is_file()) / 2**30
    print(f"the cache has {kept:.1f} GiB")


if __name__ == "__main__":
    main()
