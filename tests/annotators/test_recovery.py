"""What is recovered of the truth and of an annotator, by hand and from many labels."""

from __future__ import annotations

import torch
from torch import Tensor

from medseg.annotators.mathematics.confusion import GlobalConfusion
from medseg.contracts import UNLABELLED


def test_posterior_by_hand() -> None:
    """p = (.75, .25); a writes 1 with (.2, .9), b writes 0 with (.6, .5): odds .09 to .1125."""
    head = GlobalConfusion(2, 2)
    head.bias.data = torch.tensor([[[0.8, 0.1], [0.2, 0.9]], [[0.6, 0.5], [0.4, 0.5]]]).log()
    log_probs = torch.tensor([0.75, 0.25]).log().view(1, 2, 1, 1).expand(1, 2, 1, 2)
    labels = torch.tensor([[[[1, UNLABELLED]], [[0, UNLABELLED]]]])
    posterior = head.posterior(log_probs, labels)
    torch.testing.assert_close(posterior[0, :, 0, 0], torch.tensor([0.09, 0.1125]) / 0.2025)
    torch.testing.assert_close(posterior[0, :, 0, 1], torch.tensor([0.75, 0.25]))


def test_an_annotator_with_known_confusion_is_recovered() -> None:
    """10,000 labels drawn from a known matrix, truth known: the standard error of an entry is below .0065."""
    torch.manual_seed(0)
    truth = torch.randint(0, 2, (1, 100, 100))
    known = torch.tensor([[0.9, 0.3], [0.1, 0.7]])
    labels = (torch.rand(1, 100, 100) < known[1][truth]).long()[:, None]
    log_probs = torch.nn.functional.one_hot(truth, 2).movedim(-1, 1).float().clamp(1e-6).log()
    head = GlobalConfusion(1, 2)
    optimiser = torch.optim.LBFGS(head.parameters(), max_iter=15, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimiser.zero_grad()
        nll = head.terms(log_probs, labels, likelihood="shared_truth").nll.sum()
        nll.backward()
        return nll

    optimiser.step(step)
    torch.testing.assert_close(head().detach()[0, 0], known, atol=0.02, rtol=0)
