"""Checks each field, value and metric of a space, one at a time, against those of the trainer."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from spaces.checker import ConfigChecker
from spaces.condition import UNSET
from spaces.cursor import Mistakes, Path
from spaces.errors import Mistake, cut, did_you_mean, shown
from spaces.parameter import Parameter
from spaces.space import Space
from spaces.walk import continuous
from spikefront.nested import copied, get, put, remove

_MAX_GOT = 100
_MAX_MESSAGE = 300


def check_fields(names: Collection[str], checker: ConfigChecker, mistakes: Mistakes) -> None:
    """Note every key under `search` that is not a field of a config."""
    for name in names:
        message = field_mistake(name, checker)
        if message:
            mistakes.add(("search", name), message)


def field_mistake(name: str, checker: ConfigChecker) -> str:
    """Why `name` is not a field of a config; "" if it is one."""
    known = list(checker.field_names())
    if name in known:
        return ""
    inner = [field for field in known if field.startswith(f"{name}.")]
    if inner:
        return f"a section, not a field; its fields are written {', '.join(inner)}"
    # The most likely mistake is to write a field's last part only: `alpha` for `distillation.alpha`.
    tails = [field for field in known if field.endswith(f".{name}")]
    hint = f"; did you mean {tails[0]!r}?" if tails else did_you_mean(name, known)
    return f"no such field of a config{hint}"


def check_values(space: Space, checker: ConfigChecker, mistakes: Mistakes) -> set[str]:
    """Note every option, bound and `otherwise` that its field cannot take, each tried alone in a valid base.

    Returns the names of these fields.
    """
    base = sound_base(space.base, checker)
    bad = set()
    for name, parameter in space.search.items():
        if name not in checker.field_names():
            continue
        config = copied(base)
        for place, value in _tried(parameter):
            put(config, name, copied(value))
            for key, message in checker.value_problems(config):
                text = _message(message, value) if _is_within(key, name) else f"{key}: {message}"
                mistakes.add(("search", name, *place), text)
                bad.add(name)
    return bad


def _tried(parameter: Parameter) -> list[tuple[Path, Any]]:
    elsewhere: list[tuple[Path, Any]] = []
    if parameter.otherwise_is_set:
        elsewhere.append((("otherwise",), parameter.otherwise))
    return [*parameter.probes(), *elsewhere]


def _is_within(key: str, name: str) -> bool:
    return key == name or key.startswith(f"{name}.")


def check_base(space: Space, overridden: Collection[str], checker: ConfigChecker, mistakes: Mistakes) -> None:
    """Note every invalid value of the base."""
    for key, message in checker.value_problems(space.base):
        tell_base(key, _message(message, get(space.base, key, UNSET)), overridden, mistakes)


def sound_base(base: Mapping[str, Any], checker: ConfigChecker) -> dict[str, Any]:
    """The base without its invalid values, so that the rest of the space can be checked with it."""
    sound: dict[str, Any] = copied(base)
    for key, _ in checker.value_problems(sound):
        remove(sound, key)
    return {} if checker.value_problems(sound) else sound


def tell_base(key: str, message: str, overridden: Collection[str], mistakes: Mistakes) -> None:
    """Note a mistake of the base at its line, or at the `--set` that caused it."""
    setter = max((name for name in overridden if _is_within(key, name)), key=len, default=None)
    if setter is not None:
        mistakes.tell(Mistake(f"--set {setter}", message, None))
    else:
        mistakes.add(("base", *(key.split(".") if key else ())), message)


def _message(message: str, value: Any) -> str:
    """The checker's message, with the most similar of the allowed words."""
    hint = ""
    if "did you mean" not in message:
        hint = did_you_mean(value, re.findall(r"'([^']+)'", message.partition("allowed")[2]))
    got, allowed, rest = message.partition(", allowed")
    return cut(got, _MAX_GOT if allowed else _MAX_MESSAGE) + cut(allowed + rest, _MAX_MESSAGE) + hint


def check_metrics(space: Space, checker: ConfigChecker, mistakes: Mistakes) -> None:
    """Note objectives and constraints that are not metrics, and objectives in the wrong direction."""
    metrics, planned = checker.metrics(), checker.planned_metrics()
    for section in ("objectives", "constraints"):
        named: Mapping[str, Any] = getattr(space, section)
        for name in named:
            if name in planned:
                mistakes.add((section, name), f"cannot be asked for: {planned[name]}")
            elif name not in metrics:
                hint = did_you_mean(name, metrics) or f"; metrics are {', '.join(metrics)}"
                mistakes.add((section, name), f"no such metric{hint}")
    for name, objective in space.objectives.items():
        better = metrics.get(name)
        if better is not None and objective.direction != better:
            mistakes.add(("objectives", name), f"got {objective.direction}, allowed: {better}")


def check_sampler(space: Space, mistakes: Mistakes) -> None:
    """Note sampler `grid` for a space with a continuous parameter."""
    endless = continuous(space)
    if space.sampler.name == "grid" and endless:
        message = f"a grid needs a `step` for every float; without one: {shown(endless)}"
        mistakes.add(("sampler", "name"), message)
