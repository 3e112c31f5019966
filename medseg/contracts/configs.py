"""What every section of a config has in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(gt=0)]
Width = Annotated[int, Field(gt=0, le=65536)]
"""Channels of a layer, or voxels along an axis: more are a slip of the finger that would fill the memory."""
Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""What torch and numpy both take."""
IDLE: dict[str, tuple[str, ...] | None] = {
    "tracking": None,
    "data": ("cache",),
    "training": ("accumulate", "accelerator", "devices", "num_nodes", "strategy", "checkpoint_every", "workers"),
}
"""What changes no number that a run finds, section -> keys (None: all): where files lie, what computes."""
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A part of a config, which is also the settings of the part of the program that it configures.

    Frozen, without room for a key that nobody reads, and strict: true and "8" are no numbers, nor are inf and nan.
    Only a list is as good as a tuple, which YAML does not have. The sentence below a field is its description, which
    `medseg config` prints.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _lists_are_tuples(cls, values: Any) -> Any:
        def converted(value: Any) -> Any:
            return tuple(map(converted, value)) if isinstance(value, list) else value

        return {key: converted(value) for key, value in values.items()} if isinstance(values, dict) else values
