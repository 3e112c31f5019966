"""Windows blended slab by slab are what MONAI's sliding window says, bit by bit, and come in the order of planes."""

from __future__ import annotations

import pytest
import torch
from monai.inferers.utils import sliding_window_inference
from torch import Tensor, nn

from medseg.annotators.predicting.windows import AT_ONCE, Windows


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.7])
@pytest.mark.parametrize(
    ("shape", "window"), [((16, 16), (16, 16)), ((41, 23), (16, 8)), ((8, 30), (8, 8)), ((19, 9, 12), (8, 8, 4))]
)
def test_slabs_are_the_blend_of_monai(shape: tuple[int, ...], window: tuple[int, ...], overlap: float) -> None:
    torch.manual_seed(0)
    network: nn.Module = (nn.Conv2d if len(shape) == 2 else nn.Conv3d)(1, 5, 3, padding=1)
    image, found, first = torch.randn(1, 1, *shape), torch.full((5, *shape), torch.nan), 0

    def see(patches: Tensor, places: object) -> list[Tensor]:
        said = network(patches)
        return [said[:, :2], said[:, 2:]]

    with torch.inference_mode():
        for slab in Windows.over(shape, window, overlap=overlap, device="cpu").blended(image, see):
            planes = slab.maps.shape[1]
            assert slab.first == first and planes <= window[0]
            found[:, first : first + planes] = slab.maps
            first += planes
        expected = sliding_window_inference(image, window, AT_ONCE, network, overlap=overlap, mode="gaussian")
    assert first == shape[0]
    torch.testing.assert_close(found, expected[0], rtol=0, atol=0)  # pyright: ignore[reportArgumentType]
