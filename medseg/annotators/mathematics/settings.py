"""Sections of a config that are the numbers of the mathematics. Whoever only reads a config must not wait for torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from medseg.contracts import Fraction, Positive, Section, Width


class NetworkConfig(Section):
    """The true-label network: the section ``network``."""

    name: str = "unet"
    """``unet``: MONAI's U-Net with residual units. ``dynunet``: that of nnU-Net (Isensee et al., Nature Methods 2021),
    with deep supervision. Or any segmentation network of ``monai.networks.nets``, such as ``SegResNet``."""
    channels: tuple[Width, ...] = (16, 32, 64)
    """Of each level, from the image's own resolution down; of ``unet`` and ``dynunet``, like the next four."""
    strides: tuple[Positive | tuple[Positive, ...], ...] | None = None
    """Between the levels, one number or one per axis (None: 2 everywhere)."""
    kernels: tuple[Positive | tuple[Positive, ...], ...] | None = None
    """Of the convolutions of each level of ``dynunet``, one number or one per axis (None: 3 everywhere)."""
    residual_units: Annotated[int, Field(ge=0, le=100)] = 2
    """Of each level; of ``dynunet`` 0 for plain blocks, else residual ones."""
    deep_supervision: Annotated[int, Field(ge=0, le=16)] = 0
    """So many coarser levels of ``dynunet`` are taught the truth too."""
    features: Width = 16
    """Channels of its last layer, from which classes and per-pixel matrices are computed."""
    dropout: Fraction = 0.0
    """Of the activations of ``unet`` and ``dynunet``."""
    arguments: Mapping[str, Any] = Field(default_factory=dict)
    """Of any other network, as MONAI's class takes them; the number of axes and channels are known already."""


class ConfusionConfig(Section):
    """The annotators' confusion matrices: the section ``confusion``."""

    trace_weight: Annotated[float, Field(ge=0)] = 0.0
    """lambda of Zhang et al. 2020, Eq. 4: the trace is minimised in the joint stage."""
    lr_factor: Annotated[float, Field(gt=0)] = 10.0
    """On the learning rate of the matrices' bias, which must travel several units."""
    assignment: Literal["soft", "hard"] = "hard"
    """Of a voxel's truth in the joint stage of shared truth: ``soft`` weighs every class by its posterior (EM),
    ``hard`` takes the most probable one (classification EM), which drifts less to one annotator's style, but learns
    nothing where a voxel has a single label."""
    trunk: Width = 32
    """Width of the convolutions between the features and the per-pixel confusion logits."""
    embedding: Width = 16
    """Numbers per annotator from which the recipe ``fused`` makes his matrices; what they mean is learned from all."""


class StepsConfig(Section):
    """Steps of each stage. A recipe of one stage, as a baseline is, gets the sum: the same budget for all."""

    warmup: Positive = 300
    """With the matrices held at the identity."""
    joint: Positive = 700
    """With everything set free."""


class EnergyConfig(Section):
    """The energy term beside a recipe's objective, for small images: the section ``training.energy``."""

    weight: Annotated[float, Field(ge=0)] = 0.0
    """Of the term (0: none; energies can be looked at all the same, see the option --novelty of predict)."""
    chain: Positive = 10
    """Steps of Langevin dynamics: so many passes through the network, there and back, more per step."""
    step_size: Annotated[float, Field(gt=0)] = 1.0
    """Of such a step."""
    noise: Annotated[float, Field(ge=0)] = 0.01
    """Standard deviation of what is added to an image in such a step."""
    buffer: Positive = 256
    """Images that are kept to go on from."""
    fresh: Fraction = 0.05
    """Of the chains, so many begin from noise."""
