"""How samples are cut from probabilities, and what looks too novel to be completed, as learned after training."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from medseg.amodal.completion.conformal import Interval, calibrated, reaching, widened, widening_for
from medseg.config import written_by_training

CALIBRATION = "calibration.json"

GOLDEN = (math.sqrt(5) - 1) / 2
"""The fractional parts of 1/2 + n times this are even in 0..1, and so are any first few of them."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What objects whose amodal mask is known taught after training.

    A sample is drawn from p(y|z) by cutting it at one level for all voxels, 1 / (1 + exp(shift + spread * logit(u))),
    u even in 0..1. With shift 0 and spread 1 the levels are even too, and each voxel belongs to the object as often
    as p(y|z) says.
    """

    shift: float = 0.0
    """Above 0 samples are larger."""
    spread: float = 1.0
    """Above 1 samples differ more in size."""
    widenings: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Group of objects -> by how many scales the interval of each level is widened, see ``conformal``."""
    misfit_limit: float | None = None
    """Objects of a higher visible misfit, or by ``prior.novelty`` of more nats, look like nothing seen in training;
    None: not known, nothing is left alone for its looks."""

    def levels(self, samples: int) -> NDArray[np.float64]:
        """(N,) where the samples' probabilities are cut; the first few are as even as all."""
        even = (0.5 + np.arange(samples) * GOLDEN) % 1
        return expit(-(self.shift + self.spread * logit(even)))

    def intervals(
        self, group: str, volumes: NDArray[np.integer], seen: int, hidden: float = math.nan
    ) -> tuple[Interval, ...]:
        """Low and high of each of ``conformal.LEVELS``, for an object whose samples have these volumes (N,), if any.

        group: its ``conformal.group_of``. seen: its visible voxels. hidden: the probability that there are others.
        """
        if not len(volumes):
            return ()
        intervals = widened(volumes, seen, widening_for(group, self.widenings))
        return tuple(intervals if calibrated(group, self.widenings) else reaching(intervals, seen, hidden))

    def write(self, folder: Path) -> None:
        """As calibration.json of the folder of a run, or of one of its stages."""
        (folder / CALIBRATION).write_text(json.dumps(asdict(self), indent=1) + "\n")

    @staticmethod
    def read(folder: Path) -> Calibration:
        """The defaults where the folder has none. Raises Refused for a file that holds something else."""
        path = folder / CALIBRATION
        if not path.is_file():
            return Calibration()
        with written_by_training(path):
            content = json.loads(path.read_text())
            given = Calibration(**content)
            numbers = [given.shift, given.spread, *([] if given.misfit_limit is None else [given.misfit_limit])]
            numbers += [share for widening in given.widenings.values() for share in widening]
            if not all(map(math.isfinite, numbers)):
                raise ValueError("a number that is not finite")
            return given
