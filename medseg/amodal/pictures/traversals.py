"""What moves when z does: a walk along the directions in which the codes of complete shapes differ most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from medseg.amodal.network.model import AmodalVAE, Code
from medseg.amodal.nouns import MaskBatch

DIRECTIONS, STEPS = 6, (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""So many are walked along, to so many standard deviations of the shapes' codes from their mean."""


@dataclass(frozen=True, kw_only=True)
class Traversals:
    """Walks from one shape."""

    probs: NDArray[np.float32]
    """(L,K,S...) decoded, at each of ``STEPS`` along L directions."""
    names: tuple[str, ...]
    """(L,) of each direction the share of the variance of codes that is along it, and of that the coarse part's."""


@torch.no_grad()
def traversed(model: AmodalVAE, batch: MaskBatch) -> Traversals:
    """The principal components of the means of q1, coarse and fine together, as of a point distribution model.

    With codes z_n of N shapes, their mean m and components d_l of standard deviation s_l, the shape whose code is
    nearest to m is decoded at its own code, but for (z - m) . d_l, which is k s_l for k of ``STEPS`` (Cootes et al.,
    CVIU 1995, Section 3, of z instead of landmarks). There are N - 1 at most.
    """
    code = model.complete(batch.amodal, batch.class_index).mean()
    width = code.coarse.shape[1]
    numbers = torch.cat([code.coarse, code.fine.flatten(1)], dim=1)
    centred = numbers - numbers.mean(0)
    count = min(DIRECTIONS, len(numbers) - 1)
    _, spreads, directions = torch.linalg.svd(centred, full_matrices=False)
    along, sigmas = directions[:count], spreads[:count] / max(len(numbers) - 1, 1) ** 0.5
    start = int(centred.square().sum(1).argmin())
    wanted = sigmas[:, None] * torch.tensor(STEPS)
    moved = numbers[start] + (wanted - (along @ centred[start])[:, None])[..., None] * along[:, None]
    flat = moved.flatten(0, 1)
    walked = Code(coarse=flat[:, :width], fine=flat[:, width:].unflatten(1, code.fine.shape[1:]))
    probs = model.decoder(walked, batch.class_index[start].expand(len(flat))).sigmoid()[:, 0]
    shares = spreads.square() / spreads.square().sum().clamp(min=1e-12)
    coarse = along[:, :width].square().sum(1)
    return Traversals(
        probs=probs.unflatten(0, (count, len(STEPS))).numpy(),
        names=tuple(
            f"{100 * share:.0f} %\ncoarse\n{100 * part:.0f} %"
            for share, part in zip(shares.tolist(), coarse.tolist(), strict=False)
        ),
    )
