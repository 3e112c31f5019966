"""Train and evaluate one config under many recipes, seeds and folds, then print one table.

    python benchmarks/sweep.py configs/annotators/mnist.yaml --recipes shared_truth_pixel,soft_mean --seeds 10
    python benchmarks/sweep.py configs/annotators/bubil_fibroblast.yaml --recipes anchored,soft_mean --seeds 3 --folds 5
    python benchmarks/sweep.py configs/amodal/mfish.yaml --recipes three_stages,pcnet --seeds 3

Runs that have scores already are not run again, so an interrupted sweep goes on where it stopped. With
``--split-seeds`` every seed draws its own split too (for simulated cohorts, where cases are plenty).
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path


def train_and_evaluate(config: str, run: Path, overrides: list[str]) -> str:
    """One run in this process; what is already done is left alone."""
    import torch

    from medseg.experiment.evaluate import evaluate_run
    from medseg.experiment.methods import load_config
    from medseg.experiment.train import train

    torch.set_num_threads(1)
    if not (run / "scores.csv").exists():
        if not (run / "weights.pt").exists():
            train(load_config(Path(config), overrides), run, resume=run.exists(), progress=False)
        evaluate_run(run, draw=False)
    return str(run)


def main() -> None:
    """Parse the command line, run what is missing two at a time, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("overrides", nargs="*", help="dotted.key=value")
    parser.add_argument("--recipes", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--split-seeds", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--reference", help="recipe that the others are paired with; the first one by default")
    arguments = parser.parse_args()

    runs, waiting = [], []
    with ProcessPoolExecutor(arguments.processes) as pool:
        seeds, folds = range(arguments.seeds), range(arguments.folds or 1)
        for seed, fold, recipe in itertools.product(seeds, folds, arguments.recipes.split(",")):
            overrides = [*arguments.overrides, f"recipe={recipe}", f"seed={seed}"]
            overrides += [f"data.split.seed={seed}"] if arguments.split_seeds else []
            overrides += [f"data.split.folds={arguments.folds}", f"data.split.fold={fold}"] if arguments.folds else []
            run = arguments.out / f"{recipe}-seed{seed}-fold{fold}"
            runs.append(run)
            waiting.append(pool.submit(train_and_evaluate, arguments.config, run, overrides))
        for number, job in enumerate(waiting, 1):
            print(f"[{number}/{len(waiting)}] {job.result()}", file=sys.stderr, flush=True)

    from medseg.experiment.compare import compare_runs

    print(compare_runs(runs, arguments.reference, arguments.out / "comparison.csv"))


if __name__ == "__main__":
    main()
