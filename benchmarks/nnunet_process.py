# pyright: reportMissingImports=false
"""nnU-Net in a process of its own: plan, train until the time is over, predict. ``nnunet.py`` starts it.

    <python with nnunetv2> benchmarks/nnunet_process.py FOLDER --configuration 2d --seconds 1200

It imports nothing of medseg, so that its environment needs nnunetv2 alone. FOLDER: raw/, as ``nnunet.py`` wrote it, and
splits_final.json; preprocessed/, results/, predicted/ and spent.json are added. The environment variables that nnU-Net
reads (nnUNet_raw, ...) are set by who starts it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

DATASET, NUMBER = "Dataset001_medseg", 1
CLOCKS = {"wall": time.monotonic, "cpu": time.process_time}
SAID_EVERY = 25
WORKERS = "nnUNet_n_proc_DA"


class TimedTrainer(nnUNetTrainer):
    """nnU-Net's own trainer, which ends when its budget is spent.

    Network, loss, augmentation, optimiser and batches are as they come. Its learning rate falls by the same polynomial
    (power .9), over the budget instead of over 1000 epochs: lr = lr0 (1 - d)^.9, d the part of the budget that is
    spent. There are no epochs, and nothing is validated in between; the last weights predict, as they do by default.
    """

    seconds = 1200.0
    steps = 10**9
    clock = "wall"

    def run_training(self) -> None:
        """Steps until the seconds, or the steps, are over."""
        self.on_train_start()
        self.network.train()
        now, losses = CLOCKS[self.clock], []
        began = now()
        while (done := max((now() - began) / self.seconds, len(losses) / self.steps)) < 1:
            for group in self.optimizer.param_groups:
                group["lr"] = self.initial_lr * (1 - done) ** 0.9
            losses.append(float(self.train_step(next(self.dataloader_train))["loss"]))
            if len(losses) % SAID_EVERY == 0:
                print(f"step {len(losses)}: loss {np.mean(losses[-SAID_EVERY:]):.4f}, {done:.1%}", flush=True)
        self.steps = len(losses)
        self.current_epoch = 1
        self.on_train_end()


class Spent:
    """Seconds of each part of the work, of this process and of those that it started."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, float]] = {}
        self._last = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return time.monotonic(), sum(each.ru_utime + each.ru_stime for each in used)

    def on(self, part: str) -> None:
        """All since the last call was spent on this part."""
        now = self._now()
        wall, cpu = (round(new - old, 1) for new, old in zip(now, self._last, strict=True))
        self.parts[part], self._last = {"wall_seconds": wall, "cpu_seconds": cpu}, now


def planned(folder: Path, configuration: str, planner: str) -> dict[str, Any]:
    """Fingerprint, plans and preprocessed cases, all as nnU-Net makes them; returns the plans."""
    extract_fingerprints([NUMBER], num_processes=1, check_dataset_integrity=True, show_progress_bar=False)
    name = plan_experiments([NUMBER], planner)
    preprocess([NUMBER], name, configurations=(configuration,), num_processes=(1,), show_progress_bar=False)
    there = folder / "preprocessed" / DATASET
    shutil.copy(folder / "splits_final.json", there)
    return json.loads((there / f"{name}.json").read_text())


def predict(trainer: TimedTrainer, folder: Path, *, mirror: bool) -> None:
    """Of the images of the test cases, predicted/<case>.npz with the probabilities."""
    trainer.set_deep_supervision_enabled(False)
    predictor = nnUNetPredictor(use_mirroring=mirror, device=trainer.device, allow_tqdm=False)
    weights = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    predictor.manual_initialization(
        trainer.network,
        trainer.plans_manager,
        trainer.configuration_manager,
        [weights],
        trainer.dataset_json,
        "nnUNetTrainer",
        trainer.inference_allowed_mirroring_axes,
    )
    out = folder / "predicted"
    out.mkdir()
    images = str(folder / "raw" / DATASET / "imagesTs")
    predictor.predict_from_files_sequential(images, str(out), save_probabilities=True)


def main() -> None:
    """Plan, train, predict; spent.json says what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--configuration", required=True)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--steps", type=int, default=10**9)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--planner", default="ExperimentPlanner")
    parser.add_argument("--no-mirror", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    spent = Spent()
    plans = planned(asked.folder, asked.configuration, asked.planner)
    spent.on("plan")
    os.environ[WORKERS] = "0"  # batches are made in this process, whose seconds are counted
    random.seed(asked.seed)
    np.random.seed(asked.seed)
    torch.manual_seed(asked.seed)
    TimedTrainer.seconds, TimedTrainer.steps, TimedTrainer.clock = asked.seconds, asked.steps, asked.clock
    dataset = json.loads((asked.folder / "preprocessed" / DATASET / "dataset.json").read_text())
    trainer = TimedTrainer(
        {**plans, "continue_training": False}, asked.configuration, 0, dataset, torch.device(asked.device)
    )
    trainer.run_training()
    spent.on("train")
    predict(trainer, asked.folder, mirror=not asked.no_mirror)
    spent.on("predict")
    said = {
        **spent.parts,
        "steps": trainer.steps,
        "patch": [int(length) for length in trainer.configuration_manager.patch_size],
        "batch": int(trainer.batch_size),
        "parameters": sum(each.numel() for each in trainer.network.parameters()),
    }
    (asked.folder / "spent.json").write_text(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
