"""Sections of a config that are the numbers of the mathematics. Whoever only reads a config must not wait for torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from medseg.contracts import Fraction, Positive, Section, Width


class NetworkConfig(Section):
    """The true-label network, a MONAI U-Net with residual units: the section ``network``."""

    channels: tuple[Width, ...] = (16, 32, 64)
    """Of each level, from the image's own resolution down."""
    strides: tuple[Positive | tuple[Positive, ...], ...] | None = None
    """Between the levels, one number or one per axis (None: 2 everywhere)."""
    residual_units: Annotated[int, Field(ge=0, le=100)] = 2
    """Of each level."""
    features: Width = 16
    """Channels of its last layer, from which classes and per-pixel matrices are computed."""
    dropout: Fraction = 0.0
    """Of its activations."""


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
