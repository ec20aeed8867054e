"""What one training is told: the fields and their bounds, the rules between them, presets, and metrics.

Nothing here knows torch, so that a config can be checked anywhere.
"""

from snncore.config.load import config_problems, load_config, make_config
from snncore.config.schema import Config, DataConfig, NeuronConfig, field_names

__all__ = [
    "Config",
    "DataConfig",
    "NeuronConfig",
    "config_problems",
    "field_names",
    "load_config",
    "make_config",
]
