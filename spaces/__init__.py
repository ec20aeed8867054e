"""Search spaces: the YAML files that users edit, and the code that reads and checks them."""

from spaces.checker import ConfigChecker
from spaces.condition import UNSET, Condition
from spaces.draw import Draw, RandomDraw
from spaces.errors import Mistake, SpaceError
from spaces.load import load_space
from spaces.options import Choice, Subset
from spaces.parameter import Parameter
from spaces.ranges import FloatRange, IntRange
from spaces.source import packaged_names
from spaces.space import (
    PROBING_SAMPLERS,
    SAMPLERS,
    Budget,
    Fidelity,
    Limit,
    Objective,
    Resources,
    SamplerChoice,
    Space,
)
from spaces.walk import enumerate_params, suggest

__all__ = [
    "PROBING_SAMPLERS",
    "SAMPLERS",
    "UNSET",
    "Budget",
    "Choice",
    "Condition",
    "ConfigChecker",
    "Draw",
    "Fidelity",
    "FloatRange",
    "IntRange",
    "Limit",
    "Mistake",
    "Objective",
    "Parameter",
    "RandomDraw",
    "Resources",
    "SamplerChoice",
    "Space",
    "SpaceError",
    "Subset",
    "enumerate_params",
    "load_space",
    "packaged_names",
    "suggest",
]
