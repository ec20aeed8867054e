"""The config of a training: fields and bounds, rules between fields, presets; and the metrics.

Nothing here imports torch, so that a config can be checked anywhere.
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
