"""Whether a stored study may be continued: with this version, and with code that its record names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import optuna

from search.config_key import disagreements, resolve
from search.errors import SearchError
from search.study.attributes import StudyAttributes, fixed_parts, plain_space
from search.study.opening import as_yaml
from search.study.storage import reading
from search.trials.stored_trial import ASK, StoredTrial
from snncore.config.earlier_versions import changed_meaning
from snncore.config.load import make_config
from snncore.config.own_arch import own_module
from snncore.config.schema import Config
from spaces.condition import UNSET
from spaces.errors import shown
from spaces.space import Space


def require_same(attributes: StudyAttributes, space: Space) -> None:
    """Check that a space is the one a study was begun with; budget, sampler and resources may differ.

    Raises:
        SearchError: it differs; the message shows the lines.
    """
    before, now = (
        as_yaml(fixed_parts(values)).splitlines() for values in (attributes.space, plain_space(space))
    )
    if before == now:
        return
    lines = [line for line in difflib.ndiff(before, now) if line[0] in "+-"]
    raise SearchError(
        "\n".join(
            [
                f"study {attributes.name!r} was begun with another space (- then, + now):",
                *lines,
                "resume it without --space and --set, or choose another name by --study",
            ]
        )
    )


def require_same_configs(attributes: StudyAttributes, space: Space, trials: Iterable[StoredTrial]) -> None:
    """Check that this version trains the params of a study as the version that began it did.

    What a preset holds may have been corrected since, and a space names presets. At most 100 trials are
    checked, from all over the study.

    Raises:
        SearchError: it would not, and the message names the fields; or a trial has params that the space
            does not hold, as in a damaged storage.
    """
    name = attributes.name
    searched = [trial for trial in trials if trial.replicate_of is None]
    for trial in searched[:: 1 + len(searched) // 100]:
        try:
            changes = _changes(space, trial)
        except ValueError as error:
            raise SearchError(
                f"study {name!r}: trial {trial.number} has params that its space does not hold: {error}"
            ) from error
        if changes:
            raise SearchError(
                "\n".join(
                    [
                        f"study {name!r} was begun by a version that trained its params differently:",
                        *(f"  {change}" for change in changes),
                        "its record stays as it is; begin a new study: another --study, and --warm-start "
                        f"{name} to try its best params first",
                    ]
                )
            )


def _changes(space: Space, trial: StoredTrial) -> list[str]:
    """In what this version's config of a trial's params differs from the one it was trained with."""
    now, then = Config.model_validate(resolve(space, trial.params)[0]), make_config(trial.config)
    changes = [
        f"{name}: {_setting(before)} then, {_setting(after)} now"
        for name, (after, before) in disagreements(now, then).items()
    ]
    changed = changed_meaning(trial.config)
    return changes if changed is None else [*changes, changed]


def _setting(value: Any) -> str:
    return "no effect" if value is UNSET else shown(value)


def own_archs(space: Mapping[str, Any]) -> list[str]:
    """The user's own networks (`model.arch: module:factory`) that a plain space fixes or searches."""
    named = [space.get("base", {}).get("model", {}), space.get("search", {}).get("model.arch", {})]
    texts = {value for value in _scalars(named) if isinstance(value, str)}
    return sorted(text for text in texts if own_module(text))


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = [*value.values()]
    if not isinstance(value, list):
        yield value
        return
    for inner in value:
        yield from _scalars(inner)


def require_known_code(
    study: optuna.Study, attributes: StudyAttributes, space: Space | None, allow_code: bool
) -> None:
    """Check that a study may be continued: its record may come from elsewhere and name code to import.

    space: what the user named, whose code is the user's own; None for a resume without it.

    Raises:
        SearchError: the record names other code, and `allow_code` is false; names the modules.
    """
    if allow_code:
        return
    with reading(f"study {attributes.name!r}"):
        asks = [trial.user_attrs.get(ASK, {}) for trial in study.get_trials(deepcopy=False)]
        archs = {str(ask.get("config", {}).get("model", {}).get("arch", "")) for ask in asks}
        named = {arch for arch in archs if own_module(arch)} | set(own_archs(attributes.space))
    unknown = sorted(named - set(own_archs(plain_space(space)) if space else ()))
    if unknown:
        raise SearchError(
            f"study {attributes.name!r}: its record names code for its network ({', '.join(unknown)}), "
            "which would be imported; if you trust it, allow that with --allow-code, or give its --space"
        )
