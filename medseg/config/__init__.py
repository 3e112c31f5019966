"""Configs: `sections` says what a run is, `reading` turns YAML and overrides into it, or into complaints."""

from medseg.config.reading import dump_config, load_config
from medseg.config.sections import RunConfig, TrainingConfig

__all__ = ["RunConfig", "TrainingConfig", "dump_config", "load_config"]
