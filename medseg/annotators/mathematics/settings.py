"""Sections of a config that are the numbers of the mathematics. Whoever only reads a config must not wait for torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from medseg.contracts import Fraction, Positive, Section, Width

Norm = Literal["instance", "batch", "group", "frn", "mimic", "rescale", "none"]
Block = Literal["plain", "residual", "preactivation", "inverted_residual"]
LEAST_LEVELS = {"unet": 2, "dynunet": 3}
"""Of the networks whose levels the config tells; others have ``network.arguments``."""
MOST_KEPT = 2**25
"""Voxels of a channel in a replay buffer, 128 MiB."""


class NetworkConfig(Section):
    """The true-label network: the section ``network``."""

    name: str = "unet"
    """``unet``: MONAI's U-Net with residual units. ``dynunet``: that of nnU-Net (Isensee et al., Nature Methods 2021),
    with deep supervision. Or any segmentation network of ``monai.networks.nets``, such as ``SegResNet``."""
    channels: tuple[Width, ...] = (16, 32, 64)
    """Of each level, from the image's own resolution down; of ``unet`` and ``dynunet``, like the next five."""
    strides: tuple[Positive | tuple[Positive, ...], ...] | None = None
    """Between the levels, one number or one per axis (None: 2 everywhere)."""
    kernels: tuple[Positive | tuple[Positive, ...], ...] | None = None
    """Of the convolutions of each level of ``dynunet``, one number or one per axis (None: 3 everywhere)."""
    block: Block | None = None
    """What a level is made of (None: ``plain`` for no residual units, else ``residual``). ``preactivation``: norm and
    activation before each convolution, nothing on the skip (He et al. 2016). ``inverted_residual``: wide and depthwise
    between narrow ends (Sandler et al. 2018)."""
    residual_units: Annotated[int, Field(ge=0, le=100)] = 2
    """Of each level, 0 if and only if it is plain: convolutions of a block, of which a residual one of ``dynunet`` has
    2; or inverted residuals. Where ``block: plain`` stands this need not be said."""
    deep_supervision: Annotated[int, Field(ge=0, le=16)] = 0
    """So many coarser levels of ``dynunet`` are taught the truth too."""
    norm: Norm | None = None
    """What keeps activations in bounds (None: what the network has, ``instance`` for ``unet`` and ``dynunet``).
    ``batch``; ``group``: up to 8 groups of a sample's channels (Wu & He 2018); ``frn``: filter response, with a learned
    threshold for an activation (Singh & Krishnan 2020); ``mimic``: centred kernels, and a batch norm of the logits (Fei
    et al. 2020); ``rescale``: none, residual units in fixed shares (Shao et al., NeurIPS 2020); ``none``: a bias."""
    classifier: Literal["learned", "hadamard"] = "learned"
    """Of the features. ``hadamard``: rows of a Hadamard matrix, which nobody trains, on features of length 1 (Hoffer et
    al. 2018); ``features`` is a power of two then, and no less than the classes."""
    features: Width = 16
    """Channels of its last layer, from which classes and per-pixel matrices are computed."""
    dropout: Fraction = 0.0
    """Of the activations of ``unet`` and ``dynunet``."""
    arguments: Mapping[str, Any] = Field(default_factory=dict)
    """Of any other network, as MONAI's class takes them; the number of axes and channels are known already."""

    @model_validator(mode="before")
    @classmethod
    def _plain_blocks_have_no_units(cls, values: Any) -> Any:
        plain = isinstance(values, dict) and values.get("block") == "plain"
        return {"residual_units": 0, **values} if plain else values

    @property
    def blocks(self) -> Block:
        """``block``, or what ``residual_units`` says of it."""
        return self.block or ("plain" if self.residual_units == 0 else "residual")

    def complaints(self) -> list[str]:
        """Keys that do not go together; what MONAI's class takes is asked later (``networks.described``)."""
        found = []
        if self.name not in LEAST_LEVELS and self.block is not None:
            found.append(f"network.block: expected null for {self.name}, whose blocks are its own, got {self.block}")
        if (self.blocks == "plain") != (self.residual_units == 0):
            expected = "0" if self.blocks == "plain" else "at least 1"
            found.append(
                f"network.residual_units: expected {expected} for {self.blocks} blocks, got {self.residual_units}"
            )
        if self.norm == "rescale" and (self.name not in LEAST_LEVELS or self.residual_units == 0):
            got = "plain blocks" if self.name in LEAST_LEVELS else self.name
            found.append(f"network.norm: expected unet or dynunet with residual units for rescale, got {got}")
        if self.classifier == "hadamard" and self.features.bit_count() != 1:
            found.append(f"network.features: expected a power of two for classifier hadamard, got {self.features}")
        return found


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
    """Steps of each stage. A truth that is learned in one stage, as a baseline's is, gets the sum of the first two."""

    warmup: Positive = 300
    """With the matrices held at the identity."""
    joint: Positive = 700
    """With everything set free."""
    styles: Positive | None = None
    """Of the annotators' matrices, where the truth is learned before them: fused, anchored (None: as ``warmup``)."""


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

    def complaints(self, recipe: str, network: NetworkConfig, processes: int) -> list[str]:
        """What keeps a student from being taught, in a run of so many processes."""
        found, use = [], self.use
        if use != "none" and recipe == "separate":
            expected = "expected none for the recipe separate, whose truth is no one network"
            found.append(f"unlabelled.use: {expected}, got {use}")
        if use == "uncertain" and network.name in LEAST_LEVELS and not network.dropout:
            found.append("network.dropout: expected more than 0, which unlabelled.use=uncertain looks through, got 0.0")
        if use == "weighted" and processes > 1:
            found.append(f"training.devices: expected 1 for unlabelled.use=weighted, got {processes} in all")
        return found


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

    def complaints(self, recipe: str, size: Sequence[int]) -> list[str]:
        """Images (S,) that are too large for the term, and a recipe without one network of the truth."""
        found, voxels = [], self.buffer * math.prod(size)
        if self.weight and recipe == "separate":
            expected = "expected 0 (recipe separate has a network per annotator)"
            found.append(f"training.energy.weight: {expected}, got {self.weight:g}")
        if self.weight and voxels > MOST_KEPT:
            expected = f"at most {MOST_KEPT // math.prod(size)} images of this grid (the term is for small images)"
            found.append(f"training.energy.buffer: expected {expected}, got {self.buffer}")
        return found
