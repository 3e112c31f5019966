"""YAML -> typed, frozen config objects. A config is the record of a claim: one file is one run, complete in itself.

An unknown key or a wrong value is refused with file and line, the dotted key, and what was probably meant;
all of them at once.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from medseg.contracts import Refused

Recipe = Literal[
    "anchored",
    "shared_truth_global",
    "shared_truth_pixel",
    "per_annotator_global",
    "per_annotator_pixel",
    "soft_mean",
    "majority_vote",
    "staple",
    "random_annotator",
    "separate",
    "oracle",
]
Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A part of a config: frozen, and without room for a key that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SplitConfig(Section):
    """How cases are divided, by patient or by another column of the manifest."""

    val: Fraction = 0.15
    test: Fraction = 0.2
    by: str = "patient"
    seed: int = 0
    folds: Positive | None = None
    fold: Annotated[int, Field(ge=0)] = 0
    limit: dict[Literal["train", "val", "test"], Positive] = {}


class GridConfig(Section):
    """The grid that the network sees.

    mode ``resize``: the whole image, aspect kept, padded to ``size``; mode ``patch``: the image resampled to
    ``spacing_mm`` (null: as it is), patches of ``size`` in training, a sliding window in prediction.
    """

    mode: Literal["resize", "patch"] = "resize"
    size: tuple[Positive, ...]
    spacing_mm: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    foreground_fraction: Annotated[float, Field(ge=0, le=1)] = 0.5
    overlap: Fraction = 0.25


class AugmentConfig(Section):
    """Random changes of a training case: flips along these axes, contrast and brightness, noise."""

    flip_axes: tuple[int, ...] = ()
    rotate90: bool = False
    intensity: Annotated[float, Field(ge=0)] = 0.0
    noise: Annotated[float, Field(ge=0)] = 0.0


class DataConfig(Section):
    """Which cohort, whose labels, which cases, on which grid.

    cohort: a folder, looked for below the working directory and then below ``$MEDSEG_DATA``.
    labels_per_image: keep this many annotators of each training case (drawn once), None: all.
    """

    cohort: str
    annotators: tuple[str, ...] | None = None
    labels_per_image: Positive | None = None
    split: SplitConfig = SplitConfig()
    grid: GridConfig
    augment: AugmentConfig = AugmentConfig()


class NetworkConfig(Section):
    """The true-label network: a MONAI U-Net with residual units."""

    channels: tuple[Positive, ...] = (16, 32, 64)
    strides: tuple[Positive | tuple[Positive, ...], ...] | None = None
    residual_units: Annotated[int, Field(ge=0)] = 2
    features: Positive = 16
    dropout: Fraction = 0.0


class ConfusionConfig(Section):
    """The annotators' confusion matrices.

    trace_weight: lambda of Zhang et al. 2020, Eq. 4 (the trace is minimised in the joint stage).
    rate: factor on the learning rate of the global logits, which must travel several units.
    assignment: of a voxel's truth in the joint stage of shared truth: ``soft`` weighs every class by its posterior
    (EM), ``hard`` takes the most probable one (classification EM), which does not drift to one annotator's style.
    trunk: width of the convolutions between the features and the per-pixel confusion logits.
    """

    trace_weight: Annotated[float, Field(ge=0)] = 0.0
    rate: Annotated[float, Field(gt=0)] = 10.0
    assignment: Literal["soft", "hard"] = "hard"
    trunk: Positive = 32


class EpochsConfig(Section):
    """Epochs of each stage. A recipe of one stage, as a baseline is, gets the sum: the same budget for all."""

    warmup: Positive = 15
    joint: Positive = 35


class TrainingConfig(Section):
    """The loop's numbers; ``batch`` is the global batch over all devices."""

    batch: Positive = 8
    epochs: EpochsConfig = EpochsConfig()
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-5
    schedule: Literal["constant", "cosine"] = "cosine"
    clip_norm: Annotated[float, Field(gt=0)] | None = 1.0
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = 0.99
    patience: Positive | None = None
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: Positive = 1
    num_nodes: Positive = 1
    strategy: Literal["auto", "ddp"] = "auto"
    checkpoint_every: Positive = 200
    workers: Annotated[int, Field(ge=0)] = 0


class TrackingConfig(Section):
    """W&B: ``auto`` is online where a key and a network are there, else offline."""

    wandb: Literal["auto", "online", "offline", "off"] = "off"
    project: str = "medseg"


class RunConfig(Section):
    """One run. The recipe names the method and its variant; see medseg/annotators/stages.py."""

    experiment: str
    recipe: Recipe
    seed: int = 0
    data: DataConfig
    network: NetworkConfig = NetworkConfig()
    confusion: ConfusionConfig = ConfusionConfig()
    training: TrainingConfig = TrainingConfig()
    tracking: TrackingConfig = TrackingConfig()

    @model_validator(mode="after")
    def _dimensions_agree(self) -> RunConfig:
        grid, dims = self.data.grid, len(self.data.grid.size)
        levels = len(self.network.channels) - 1
        strides = self.network.strides or (2,) * levels
        found = []
        if grid.spacing_mm is not None and len(grid.spacing_mm) != dims:
            found.append(f"data.grid.spacing_mm: expected {dims} numbers as in size, got {len(grid.spacing_mm)}")
        if any(axis >= dims or axis < 0 for axis in self.data.augment.flip_axes):
            found.append(f"data.augment.flip_axes: expected axes 0..{dims - 1}, got {self.data.augment.flip_axes}")
        if len(strides) != levels:
            found.append(f"network.strides: expected {levels} (one less than channels), got {len(strides)}")
        per_axis = [(stride,) * dims if isinstance(stride, int) else stride for stride in strides]
        if any(len(stride) != dims for stride in per_axis):
            found.append(f"network.strides: expected a number or {dims} numbers per level, got {strides}")
        else:
            for axis, length in enumerate(grid.size):
                product = math.prod(stride[axis] for stride in per_axis)
                if length % product:
                    found.append(
                        f"data.grid.size: expected axis {axis} divisible by {product} (network.strides), got {length}"
                    )
        if found:
            raise ValueError("\n".join(found))
        return self


# ------------------------------------------------------------------------------------------- reading
def load_config(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a YAML file, apply ``dotted.key=value`` overrides, validate.

    Raises Refused with one line per mistake: ``configs/x.yaml:12: training.bacth: unknown key; did you mean batch?``
    """
    if not path.is_file():
        raise Refused([f"config: expected a YAML file, got nothing at this path ({path})"])
    try:
        root = yaml.compose(path.read_text(), Loader=yaml.SafeLoader)
        values = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise Refused([f"{path}:{line}: expected YAML, got {getattr(error, 'problem', error)}"]) from None
    if not isinstance(values, dict):
        raise Refused([f"{path}:1: expected keys and values, got {type(values).__name__}"])
    places = _lines(root, str(path))
    complaints = [bad for override in overrides if (bad := _apply(values, places, override))]
    config = None
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        complaints += [line for problem in error.errors() for line in _sentences(problem, places, str(path))]
    if config is None or complaints:
        raise Refused(complaints)
    return config


def dump_config(config: RunConfig) -> str:
    """The resolved config as YAML; reading it back gives an equal object."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def _lines(node: yaml.Node | None, file: str, prefix: str = "") -> dict[str, str]:
    """Dotted key -> ``file:line``, for every key of the document."""
    places: dict[str, str] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            dotted = f"{prefix}{key.value}"
            places[dotted] = f"{file}:{key.start_mark.line + 1}"
            places |= _lines(value, file, dotted + ".")
    return places


def _apply(values: dict[str, Any], places: dict[str, str], override: str) -> str | None:
    """Put one ``dotted.key=value`` into ``values``; return a complaint if it is not of that form."""
    dotted, equals, text = override.partition("=")
    if not equals or not dotted:
        return f"override: expected dotted.key=value, got {override!r} (command line)"
    place = values
    *parents, last = dotted.split(".")
    for parent in parents:
        if not isinstance(place.get(parent), dict):
            place[parent] = {}
        place = place[parent]
    try:
        place[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        return f"override: expected a YAML value, got {text!r} ({dotted})"
    for depth in range(len(parents) + 1):  # a parent that the file does not have comes from this override too
        places.setdefault(".".join([*parents, last][: depth + 1]), f"override '{override}'")
    places[dotted] = f"override '{override}'"
    return None


def _sentences(problem: Any, places: dict[str, str], file: str) -> list[str]:
    """One pydantic error as lines: several where our own validator found several mistakes."""
    if problem["loc"]:
        return [_sentence(problem, places, file)]
    lines = problem["msg"].removeprefix("Value error, ").split("\n")
    return [f"{places.get(line.split(':')[0], file)}: {line}" for line in lines]


def _sentence(problem: Any, places: dict[str, str], file: str) -> str:
    """One pydantic error as one line: where, which key, what is wrong, what was probably meant."""
    location = [str(part) for part in problem["loc"]]
    dotted = ".".join(location)
    known = [key for key in places if dotted == key or dotted.startswith(key + ".")]
    place = places[max(known, key=len)] if known else file
    if problem["type"] == "extra_forbidden":
        fields = _fields(location[:-1])
        close = difflib.get_close_matches(location[-1], fields, 1, 0.5)
        meant = f"did you mean {close[0]}?" if close else "known: " + ", ".join(fields)
        return f"{place}: {dotted}: unknown key; {meant}"
    if problem["type"] == "missing":
        return f"{place}: {dotted}: expected a value, got none"
    message = problem["msg"]
    hint = ""
    if problem["type"] == "literal_error" and isinstance(problem["input"], str):
        options = [word for word in problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")]
        close = difflib.get_close_matches(problem["input"], options, 1, 0.5)
        hint = f"; did you mean {close[0]}?" if close else ""
    message = message[0].lower() + message[1:]
    return f"{place}: {dotted}: {message}, got {problem['input']!r}{hint}"


def _fields(location: Sequence[str]) -> list[str]:
    """The known keys of the section at a location."""
    section: type[BaseModel] = RunConfig
    for part in location:
        annotation = section.model_fields[part].annotation
        candidates = [annotation, *get_args(annotation)]
        section = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return list(section.model_fields)
