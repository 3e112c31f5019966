"""Means of an objective's metrics over batches and processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from lightning_fabric import Fabric
from torch import Tensor


class Means:
    """Sums weighted by the number of cases, kept on the device so that no step waits for them."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.cases = 0

    @classmethod
    def resumed(cls, sums: Mapping[str, float], cases: int, fabric: Fabric) -> Means:
        """Go on from the totals of all processes: the first one takes them, the others begin at zero."""
        means, share = cls(), float(fabric.is_global_zero)
        means.sums = {name: torch.tensor(value * share, device=fabric.device) for name, value in sums.items()}
        means.cases = cases if fabric.is_global_zero else 0
        return means

    def add(self, metrics: Mapping[str, Tensor], cases: int) -> None:
        """Add the metrics () of one batch."""
        for name, value in metrics.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach().float() * cases
        self.cases += cases

    def total(self, fabric: Fabric, names: Sequence[str]) -> Tensor:
        """The sums of all processes in the order of ``names``, and last the number of cases; all must ask.

        names: those of every process, since one without a batch has no sums; nan of one that no batch here told.
        """
        untold = torch.nan if self.cases else 0.0
        rows = [torch.as_tensor(self.sums.get(name, untold), dtype=torch.float32) for name in names]
        rows.append(torch.tensor(float(self.cases)))
        total = fabric.all_reduce(torch.stack([row.to(fabric.device) for row in rows]), reduce_op="sum")
        assert isinstance(total, Tensor)
        return total.cpu()

    def compute(self, fabric: Fabric, names: Sequence[str]) -> dict[str, float]:
        """The mean of each metric over all cases of all processes; nan where there was no case."""
        *sums, cases = self.total(fabric, names).tolist()
        return {name: value / cases if cases else float("nan") for name, value in zip(names, sums, strict=True)}
