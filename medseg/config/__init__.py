"""YAML -> a typed, frozen section, or every mistake at once; the sections stand in the rooms that they configure.

``documents``   a YAML file with overrides: its values, and where each of them stands
``reading``     YAML and overrides -> a config, or every mistake at once
``keys``        every key with its default, what may stand there, and its sentence
``run_folder``  what a run folder says of itself: config.yaml and model.json, and whether they are still as training
                left them

Each may import those above it.
"""

from medseg.config.keys import as_markdown, chosen, keys_of
from medseg.config.reading import dump_config, load_config, parse_config, recipes
from medseg.config.run_folder import (
    config_digest,
    read_run_config,
    read_signature,
    refuse_other_data,
    run_recipe,
    written_by_training,
)

__all__ = [
    "as_markdown",
    "chosen",
    "config_digest",
    "dump_config",
    "keys_of",
    "load_config",
    "parse_config",
    "read_run_config",
    "read_signature",
    "recipes",
    "refuse_other_data",
    "run_recipe",
    "written_by_training",
]
