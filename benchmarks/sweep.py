"""Train and evaluate one config under many recipes, seeds and folds, then print one table.

    python benchmarks/sweep.py configs/annotators/mnist.yaml --recipes shared_truth_pixel,soft_mean --seeds 10
    python benchmarks/sweep.py configs/annotators/bubil_fibroblast.yaml --recipes anchored,soft_mean --seeds 3 --folds 5
    python benchmarks/sweep.py configs/amodal/mfish.yaml --recipes three_stages,pcnet --seeds 3

Runs that have scores already are not run again, so an interrupted sweep goes on where it stopped. With
``--split-seeds`` every seed draws its own split too (for simulated cohorts, where cases are plenty).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from jobs import plan, run_all


def main() -> None:
    """Parse the command line, run what is missing, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("overrides", nargs="*", help="dotted.key=value")
    parser.add_argument("--recipes", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--split-seeds", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--reference", help="recipe that the others are paired with; the first one by default")
    arguments = parser.parse_args()

    jobs = plan(
        arguments.config,
        arguments.out,
        recipes=arguments.recipes.split(","),
        seeds=arguments.seeds,
        folds=range(arguments.folds),
        of_folds=arguments.folds,
        split_seeds=arguments.split_seeds,
        overrides=arguments.overrides,
    )
    if failed := run_all(jobs, arguments.processes):
        sys.exit(f"{len(failed)} of {len(jobs)} runs failed")

    from medseg.experiment.compare import compare_runs

    print(compare_runs([job.run for job in jobs], arguments.reference, arguments.out / "comparison.csv"))


if __name__ == "__main__":
    main()
