"""Loads a space file: reads and checks it, and reports all its mistakes at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from spaces.check import (
    check_base,
    check_fields,
    check_metrics,
    check_sampler,
    check_values,
    sound_base,
)
from spaces.checker import ConfigChecker
from spaces.combinations import check_combinations, deciding
from spaces.cursor import Mistakes
from spaces.errors import Mistake, SpaceError
from spaces.overrides import with_overrides
from spaces.sections import NOTHING_TO_SEARCH, read_space
from spaces.source import read_source
from spaces.space import Space
from spaces.when import checked_search
from spikefront.errors import FileMistakesError
from spikefront.yaml_nodes import read_nodes


def load_space(
    path_or_name: str, checker: ConfigChecker, overrides: Mapping[str, Any] | None = None
) -> tuple[Space, list[str]]:
    """The space of a file, or of the packaged space of that name, with dotted `overrides` in its base.

    The notes say, one line each, which fields the overrides removed from the search.

    Raises:
        SpaceError: with every mistake in the file and in the overrides.
    """
    try:
        source, text = read_source(path_or_name)
        root, unread = read_nodes(text, source)
    except FileMistakesError as error:
        raise SpaceError(error.mistakes, error.source) from error
    mistakes = Mistakes(source, root, unread)
    if root is None:
        raise SpaceError([*unread, Mistake("", "the file is empty", 1)], source)
    space, names = read_space(root, Path(source).stem, mistakes)
    check_fields(space.search, checker, mistakes)
    check_metrics(space, checker, mistakes)
    bad = check_values(space, checker, mistakes)
    space = replace(space, search=checked_search(space, names, bad, mistakes))
    changed, notes = with_overrides(space, overrides or {}, checker, mistakes)
    if space.search and not changed.search:
        mistakes.add(("search",), f"every field is set from outside: {NOTHING_TO_SEARCH}")
    check_sampler(changed, mistakes)
    check_base(changed, overrides or {}, checker, mistakes)
    if _can_be_combined(changed, names, checker, mistakes):
        sound = replace(changed, base=sound_base(changed.base, checker))
        check_combinations(sound, overrides or {}, checker, mistakes)
    mistakes.raise_any()
    return changed, notes


def _can_be_combined(space: Space, names: list[str], checker: ConfigChecker, mistakes: Mistakes) -> bool:
    """Whether all fields that decide combinations are valid; with a mistake, the result would mislead."""
    decisive = {*deciding(space, checker.rule_fields()).search, *checker.rule_fields()}
    harmless = set(checker.field_names()) - decisive
    wrong_keys = [mistake.key for mistake in mistakes.within("search")]
    broken = {name for name in names for key in wrong_keys if f"{key}.".startswith(f"search.{name}.")}
    broken |= {key for key, _ in checker.value_problems(space.base)}
    return broken <= harmless and "search" not in wrong_keys
