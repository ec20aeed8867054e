"""From a config to the params that give it in a space, if any."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from snncore.config.load import make_config
from snncore.config.rules import TEMPORAL_MODES, canonical, default_temperature
from snncore.config.schema import Config
from snncore.errors import ConfigError
from spaces.condition import UNSET, same
from spaces.options import Choice
from spaces.parameter import Parameter
from spaces.space import Space
from spikefront.nested import get, put
from spikefront.numbers import is_number

_PUBLISHED_TEMPERATURES = sorted({default_temperature(mode) for mode in ("reliable", *TEMPORAL_MODES)})


class OutsideError(ValueError):
    """A config that no params of a space give. values: of the searched fields that cannot take theirs."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(", ".join(f"{name} cannot be {value!r}" for name, value in values.items()))
        self.values = dict(values)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.values,)


def params_of(space: Space, config: Config, free: Collection[str] = ()) -> dict[str, Any]:
    """The params with which every active field of the space has the config's value, as a sampler gives them.

    A value that a field cannot take is replaced by one that means the same (alpha under mode none may be
    anything), and by the nearest one if the field is in `free`. Fields that are not searched are not looked
    at: see `search.config_key.disagreements`.

    Raises:
        OutsideError: with every field that cannot take its value.
    """
    plain = config.as_dict()
    outside: dict[str, Any] = {}

    def decide(name: str, parameter: Parameter) -> Any:
        value = get(plain, name, UNSET)
        if parameter.contains(value):
            return value
        substitutes = list(_substitutes(name, parameter, value))
        for substitute in substitutes:
            if name in free or _means_the_same(config, name, substitute):
                return substitute
        outside[name] = value
        return substitutes[-1]  # only to continue, and find the other fields outside

    values, active = space.follow(decide)
    if outside:
        raise OutsideError(outside)
    params: dict[str, Any] = {}
    for name in active:
        params |= _entries(name, space.search[name], values[name])
    return params


def _substitutes(name: str, parameter: Parameter, value: Any) -> Iterator[Any]:
    """Values that a parameter can take instead of `value`, the best first; at least one."""
    ends = [end for _, end in parameter.probes()]
    if name == "distillation.temperature" and value is None:
        yield from (known for known in _PUBLISHED_TEMPERATURES if parameter.contains(known))
    numbers = [end for end in ends if is_number(end)]
    yield min(numbers, key=lambda end: abs(end - value)) if numbers and is_number(value) else ends[0]


def _means_the_same(config: Config, name: str, value: Any) -> bool:
    changed = config.as_dict()
    put(changed, name, value)
    try:
        return canonical(make_config(changed)) == canonical(config)
    except ConfigError:
        return False


def _entries(name: str, parameter: Parameter, value: Any) -> dict[str, Any]:
    if isinstance(parameter, Choice):  # 1.0 is chosen where the file says 1, and the sampler knows that one
        value = next(option for option in parameter.options if same(option, value))
    # There and back, so that a number lies on its grid and has its type.
    return parameter.entries(name, parameter.value(name, parameter.entries(name, value)))
