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


class UnlabelledConfig(Section):
    """Training cases without labels: the section ``unlabelled``.

    A teacher, which is the network as the recipe's own stages left it, says p(t|x) of them; in a further stage,
    ``student``, the network learns from that what it is shown of them changed more strongly (``data.student_augment``),
    and goes on with the recipe's own objective on labelled cases.
    """

    use: Literal["none", "student", "uncertain", "mean_teacher", "weighted"] = "none"
    """``none``: not at all. ``student``: the teacher's p(t|x) are the student's labels. ``uncertain``: its mean under
    dropout is, where that is as sure as ``first`` and ``keep`` ask, sure voxels counting more (``certainty``).
    ``mean_teacher``: the teacher is the moving average of the student, with which it is to agree. ``weighted``: as
    ``student``, each case with a weight of its own, learned on labelled training cases that are held out."""
    steps: Positive = 500
    """Of the stage ``student``, which follows those of the recipe."""
    per_labelled: Positive = 1
    """So many unlabelled cases are shown beside each labelled one of a batch, which is that much larger."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """Of what is learned from unlabelled cases, beside the recipe's own objective."""
    rampup: Annotated[float, Field(ge=0, le=1)] = 0.25
    """The part of the stage in which that weight rises from nearly 0."""
    confidence: Fraction = 0.0
    """Of ``student`` and ``weighted``: voxels whose most probable class has less do not count."""
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.99
    """Of ``mean_teacher``: the moving average keeps this part of itself in a step."""
    passes: Annotated[int, Field(ge=2)] = 8
    """Of ``uncertain``: so often does the teacher look with other activations dropped (network.dropout)."""
    select: Literal["voxels", "cases"] = "voxels"
    """Of ``uncertain``: what is chosen by how far the passes disagree: voxels of each case, or cases of a batch."""
    first: Literal["easy", "hard"] = "easy"
    """Of ``uncertain``: those on which the passes agree, or those on which they do not."""
    keep: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Of ``uncertain``: this part of them."""
    certainty: Literal["none", "confident", "inverse"] = "confident"
    """Of ``uncertain``, what counts more. ``confident``: each voxel by -log of the variance over passes. ``inverse``:
    each case by 1 over its mean disagreement. ``none``: nothing."""
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Of ``weighted``: this part of the labelled training cases is trained on in no stage, but tells the weights."""
    rate: Annotated[float, Field(gt=0)] = 0.05
    """Of ``weighted``: how far a weight, 1 at first and between 0 and 2, moves in a step."""
