"""How much is hidden of objects as training draws them, and as they really are where their whole is known.

    python benchmarks/hidden_sizes.py configs/amodal/mfish.yaml data.occlusion.swollen=2

A table of shares: really occluded objects of the training and of the validation cases, and unoccluded objects of the
training cases, each drawn once among neighbours. Test cases are not looked at.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path

EDGES = (0, 1, 3, 6, 10, 20, 40, 80, 120)
"""Voxels: the first of each column."""


def main() -> None:
    """Parse the command line, draw, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("overrides", nargs="*", help="dotted.key=value")
    arguments = parser.parse_args()
    print("\n".join(sizes_table(arguments.config, arguments.overrides)))


def sizes_table(path: Path, overrides: Sequence[str]) -> list[str]:
    """The lines of the table, as Markdown."""
    import numpy as np

    from medseg.amodal.assembly import really_occluded_objects, unoccluded_objects
    from medseg.amodal.config import AmodalConfig
    from medseg.amodal.occlusion.showing import simulated
    from medseg.cohorts import apply, find_cohort, load_objects, split_cases
    from medseg.experiment.methods import load_config

    config = load_config(path, overrides)
    assert isinstance(config, AmodalConfig)
    cohort = load_objects(find_cohort(config.data.cohort))
    cohort = apply(cohort, split_cases(cohort.cases, config.data.split))
    frame = config.data.frame
    complete = unoccluded_objects(cohort, "train", frame)
    others = [one.visible for one in complete]
    groups = {f"{split}, really": really_occluded_objects(cohort, split, frame) for split in ("train", "val")}
    rngs = (np.random.default_rng((config.seed, number)) for number in range(len(complete)))
    groups["train, drawn"] = [simulated(one, others, config.data, rng) for one, rng in zip(complete, rngs, strict=True)]
    tops = [
        *(str(low) if high == low + 1 else f"{low} to {high - 1}" for low, high in itertools.pairwise(EDGES)),
        f"{EDGES[-1]} or more",
    ]
    lines = [
        "| % of objects with so many hidden | n | " + " | ".join(tops) + " |",
        "| --- |" + " --- |" * (len(tops) + 1),
    ]
    for name, objects in groups.items():
        hidden = [np.count_nonzero(one.amodal & ~one.visible) for one in objects if one.amodal is not None]
        counts = np.histogram(hidden, [*EDGES, np.inf])[0]
        cells = " | ".join(f"{100 * count / max(len(hidden), 1):.0f}" for count in counts)
        lines.append(f"| {name} | {len(hidden)} | {cells} |")
    return lines


if __name__ == "__main__":
    main()
