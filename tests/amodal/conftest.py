"""Networks of a few thousand weights, latents with known numbers, and a source of small rectangles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
import torch
from torch import Tensor, nn

from medseg.amodal.network.layout import Layout
from medseg.amodal.network.model import AmodalVAE, Condition, Latent, gaussian as normal
from medseg.amodal.nouns import MaskBatch
from medseg.contracts import Target

from ..reporting.conftest import make_run as make_run

TINY = Layout(size=(16, 16), classes=2, channels=(8, 8), patch=2, coarse=4, fine=2, level=1)
STEPS, BATCH = 3, 4


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def vae(layout: Layout = TINY, seed: int = 0) -> AmodalVAE:
    """A function of the seed."""
    torch.manual_seed(seed)
    return AmodalVAE(layout)


def gaussian(mean: float, sigma: float, batch: int = 1, coarse: int = 1, fine: int = 1) -> Latent:
    """The same mean and sigma everywhere: coarse (B,Z), fine (B,F,2,2)."""
    logvar = 2 * torch.tensor(sigma).log()
    shapes = (batch, coarse), (batch, fine, 2, 2)
    return Latent.of(*(normal(torch.full(shape, mean), logvar.expand(shape)) for shape in shapes))


def condition(latent: Latent) -> Condition:
    """Without features; anything is hidden, or not: even odds."""
    return Condition(latent=latent, features=(), hidden=torch.zeros(len(latent.coarse.mean)))


class Says(nn.Module):
    """Answers the same whatever it is asked, and notes the questions."""

    def __init__(self, answer: Latent | Condition | Tensor) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[tuple[object, ...]] = []

    def forward(self, *question: object) -> Latent | Condition | Tensor:
        self.asked.append(question)
        return self.answer


def known_model(
    logits: Tensor, complete: Latent | None = None, partial: Latent | None = None, anchor: Latent | None = None
) -> AmodalVAE:
    """A model whose encoders say these Gaussians (N(0,1) by default), and whose decoders say these logits."""
    model, standard = vae(), gaussian(0.0, 1.0, len(logits))
    model.complete = Says(complete or standard)  # type: ignore[assignment]
    for name, latent in (("partial", partial), ("anchor", anchor)):
        setattr(model, name, Says(condition(latent or standard)))
    model.decoder = model.completing = Says(logits)  # type: ignore[assignment]
    return model


def rectangle(top: int, left: int, height: int, width: int, size: int = 16) -> Tensor:
    """(1,1,S,S) one rectangle."""
    mask = torch.zeros(1, 1, size, size)
    mask[..., top : top + height, left : left + width] = 1
    return mask


def occluded_batch(amodal: Tensor, occluder: Tensor, class_index: int = 0) -> MaskBatch:
    """Amodal masks (B,1,S...) below occluders."""
    index = torch.full((len(amodal),), class_index)
    return MaskBatch(
        visible=amodal * (1 - occluder),
        occluder=occluder,
        amodal=amodal,
        class_index=index,
        case_index=torch.arange(len(amodal)),
    )


class Rectangles:
    """Rectangles, lying (class 0) or standing (1), whose right or lower part is occluded; a batch is a function of its
    place. In the target of really occluded objects nobody knows the amodal mask."""

    def __init__(self) -> None:
        self.seen: list[tuple[Target, int, int]] = []

    def load(self, targets: Iterable[Target]) -> None: ...

    def steps_per_epoch(self) -> int:
        return STEPS

    def batch(self, target: Target, epoch: int, step: int, rank: int = 0, world: int = 1) -> MaskBatch:
        self.seen.append((target, epoch, step))
        return self.make(target, 100 * epoch + step)

    def validation(self, target: Target, rank: int = 0, world: int = 1) -> Iterator[MaskBatch]:
        yield self.make(target, -1)

    @staticmethod
    def make(target: Target, seed: int) -> MaskBatch:
        generator = torch.Generator().manual_seed(seed % 2**32)
        index = torch.arange(BATCH) % 2
        masks, occluders = [], []
        for kind in index.tolist():
            top, left = torch.randint(2, 5, (2,), generator=generator).tolist()
            masks.append(rectangle(top, left, 4, 10) if kind == 0 else rectangle(top, left, 10, 4))
            occluders.append(rectangle(0, 10, 16, 6) if kind == 0 else rectangle(10, 0, 6, 16))
        amodal, occluder = torch.cat(masks), torch.cat(occluders)
        visible = amodal * (1 - occluder)
        shown = visible if target == "visible" else amodal
        return MaskBatch(
            visible=visible, occluder=occluder, amodal=shown, class_index=index, case_index=torch.arange(BATCH)
        )
