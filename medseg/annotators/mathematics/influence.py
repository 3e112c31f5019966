"""What a step on one case does to the loss of others, by way of the last layer alone.

The last layer maps features f (F) of a voxel, and a 1, to logits of T classes; W (T,F+1) its weights. Its cross-entropy
to a target q has the gradient (p - q) [f,1]^T and the Hessian (diag p - p p^T) x [f,1][f,1]^T: both in closed form.
P = T (F+1).
"""

from __future__ import annotations

import torch
from torch import Tensor

from medseg.annotators.mathematics.trunks import TruthOutput

DAMPING = 0.01
"""Added to the diagonal of the Hessian, in units of its mean: it is singular, since logits may all rise at once."""


def last_layer_gradients(truth: TruthOutput, target: Tensor, weights: Tensor) -> Tensor:
    """Of sum w H(q, p) / sum w of each case by W: q (B,T,S...), w (B,S...) -> (B,P)."""
    share = _shares(weights)
    error = (truth.log_probs.detach().exp() - target).flatten(2) * share[:, None]
    return torch.einsum("btn,bfn->btf", error, _seen(truth)).flatten(1)


def last_layer_hessian(truth: TruthOutput, weights: Tensor) -> Tensor:
    """Of the same by W, mean over cases: (P,P). weights (B,S...): of the voxels."""
    share = (_shares(weights) / len(weights)).flatten()
    probs = truth.log_probs.detach().exp().movedim(1, 0).flatten(1)
    seen = _seen(truth).movedim(1, 0).flatten(1)  # (F+1,B N), as probs is (T,B N)
    rows = []
    for t, one in enumerate(probs):
        blocks = [(share * one * (float(t == s) - other) * seen) @ seen.T for s, other in enumerate(probs)]
        rows.append(torch.cat(blocks, dim=1))
    return torch.cat(rows)


def influence(held_out: Tensor, gradients: Tensor, hessian: Tensor) -> Tensor:
    """g_V^T (H + damping)^-1 g_i of cases i: g_V (P,), g (U,P), H (P,P) -> (U,).

    -d loss_V / d lambda_i at the minimum of loss + sum_i lambda_i loss_i (Koh and Liang, ICML 2017; Ren et al., NeurIPS
    2020, Eq. 6): above 0 where more of case i makes the held-out loss smaller.

    >>> gradient = torch.tensor([1.0, 2.0])
    >>> influence(gradient, torch.stack([gradient, -gradient]), torch.eye(2)).sign().tolist()
    [1.0, -1.0]
    """
    curved = hessian.double()
    least = torch.finfo(torch.float32).eps
    curved = curved + (DAMPING * curved.diagonal().mean() + least) * torch.eye(len(curved), device=curved.device)
    return (gradients.double() @ torch.linalg.solve(curved, held_out.double())).to(gradients.dtype)


def _seen(truth: TruthOutput) -> Tensor:
    """[f,1] (B,F+1,N)."""
    features = truth.features.detach().float().flatten(2)
    return torch.cat([features, torch.ones_like(features[:, :1])], dim=1)


def _shares(weights: Tensor) -> Tensor:
    """(B,S...) -> (B,N) with sum 1, or 0 where there is no weight."""
    flat = weights.flatten(1).float()
    return flat / flat.sum(dim=1, keepdim=True).clamp(min=1e-6)
