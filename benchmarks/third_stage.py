"""Train stage III of a finished run of method two anew, from what its stage II left, under other settings; evaluate.

    python benchmarks/third_stage.py runs/sweeps/mfish/three_stages-seed0-fold0 objective.known_background=false \
        --out runs/sweeps/mfish_visible_only/three_stages-seed0-fold0

The new run folder is evaluated like any other. An ablation of stage III costs one stage, not three.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path


def main() -> None:
    """Parse the command line, copy what describes the run, train the stage, calibrate, evaluate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("overrides", nargs="*", help="dotted.key=value")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    import torch

    from medseg.amodal.assembly import assemble_amodal
    from medseg.amodal.completion.calibrate import calibrate_run
    from medseg.amodal.config import AmodalConfig
    from medseg.amodal.evaluation import evaluate_amodal
    from medseg.cohorts.cohort import find_cohort, load_objects
    from medseg.cohorts.snapshots import fingerprint
    from medseg.cohorts.splits import apply, read_splits
    from medseg.config import dump_config
    from medseg.experiment.methods import load_config
    from medseg.training.checkpoint import BEST, load_weights
    from medseg.training.loop import fit
    from medseg.training.settings import TrackingConfig
    from medseg.training.tracking import Tracker

    torch.set_num_threads(1)
    run, out = arguments.run, arguments.out
    out.mkdir(parents=True)
    for name in ("model.json", "splits.json"):
        shutil.copy(run / name, out)
    config = load_config(run / "config.yaml", arguments.overrides)
    assert isinstance(config, AmodalConfig)
    (out / "config.yaml").write_text(dump_config(config))
    cohort = load_objects(find_cohort(config.data.cohort))
    data = fingerprint(cohort)
    cohort = apply(cohort, read_splits(out / "splits.json"))
    parts = assemble_amodal(config, cohort)
    parts.model.load_state_dict(load_weights(run / "occluded" / BEST))
    with Tracker(out, TrackingConfig(wandb="off"), config={}, group=config.experiment) as tracker:
        fit(
            parts.model,
            parts.stages[-1:],
            parts.source,
            out,
            config=config.training,
            seed=config.seed,
            tracker=tracker,
            fingerprint=data,
            progress=False,
        )
    calibrate_run(out, cohort)
    print(evaluate_amodal(out, draw=False))


if __name__ == "__main__":
    main()
