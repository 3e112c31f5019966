"""Configs: `sections` and `amodal` say what a run is, `reading` turns YAML into it, or into complaints."""

from medseg.config.amodal import AmodalConfig, AmodalTrainingConfig
from medseg.config.reading import Config, dump_config, load_config
from medseg.config.sections import RunConfig, TrainingConfig

__all__ = [
    "AmodalConfig",
    "AmodalTrainingConfig",
    "Config",
    "RunConfig",
    "TrainingConfig",
    "dump_config",
    "load_config",
]
