"""Train stage III of a finished run of method two anew, from what its stage II left, under other settings; evaluate.

    python benchmarks/third_stage.py runs/sweeps/mfish/three_stages-seed0-fold0 objective.known_background=false \
        --out runs/sweeps/mfish_visible_only/three_stages-seed0-fold0

The new run folder is evaluated like any other. An ablation of stage III costs one stage, not three.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    """Parse the command line, copy what describes the run, train the stage, calibrate, evaluate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("overrides", nargs="*", help="dotted.key=value")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    import torch
    from one_stage import train_stage

    from medseg.amodal.completion.calibrate import calibrate_run
    from medseg.amodal.evaluation import evaluate_amodal
    from medseg.training.checkpoint import BEST

    torch.set_num_threads(1)
    run, out = arguments.run, arguments.out
    _, cohort = train_stage(run, out, "visible", weights=run / "occluded" / BEST, overrides=arguments.overrides)
    calibrate_run(out, cohort)
    print(evaluate_amodal(out, draw=False))


if __name__ == "__main__":
    main()
