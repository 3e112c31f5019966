"""Configs: `reading` turns YAML into a typed section, or into complaints; `run_folder` reads a run's own."""

from medseg.config.reading import dump_config, load_config, recipes
from medseg.config.run_folder import read_run_config, read_signature, run_recipe

__all__ = [
    "dump_config",
    "load_config",
    "read_run_config",
    "read_signature",
    "recipes",
    "run_recipe",
]
