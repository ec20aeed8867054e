"""The effects of the six params of the method: what was measured, and what the forest predicts.

A difference between settings is reported only where the interval from the trees' spread excludes zero; the
error rate is divided among all comparisons of a param (Bonferroni).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.data.digest import Digest, value
from reports.data.params import Setting, category_text, setting, setting_text
from reports.format.quantities import counted, listed, number_text, significant
from reports.html.figure import Card
from reports.params.effect import Difference, Effect, effect
from reports.params.fanova import Analysis, analysed
from reports.params.forest import MIN_TRIALS, Forest
from spikefront.nested import get
from studies.model import Objective, Trial

METHOD_PARAMS = {
    "distillation.mode": "Distillation mode",
    "distillation.branches": "Branch placement",
    "distillation.reliability_threshold": "Reliability threshold",
    "distillation.alpha": "Alpha, weight of cross-entropy on the heads",
    "distillation.beta": "Beta, weight of distillation",
    "T": "Time steps T",
}
BRANCH_MODES = frozenset({"supervised", "deepest", "ensemble", "reliable"})
LEAST = 3
"""A setting with fewer trials is not compared."""

NO_SKILL = 0.0
"""At or below this out-of-bag R² a forest predicts no better than the mean, and nothing is reported."""

MOST_SINGLE = 8
"""A number with more settings is compared by thirds of the trials."""


@dataclass(frozen=True)
class Group:
    """One setting of a param, or a range of numbers.

    n: trials; median, q25, q75: the first objective, as measured.
    mean: the forest's prediction of the first objective with the param held there.
    beyond: by objective, the predicted difference to the reference; None for the reference itself,
    and where one of the two has too few trials.
    """

    text: str
    n: int
    median: float
    q25: float
    q75: float
    mean: float
    beyond: dict[str, Difference | None]


@dataclass(frozen=True)
class MethodFrame:
    """One param that was searched.

    turned: its effect on the first objective. groups: in the order of the settings. reference, best: the
    indices of the group that others are compared with, and of the best one. level: the indices of the groups
    that do not differ from the best one beyond the uncertainty. share: of the variance.
    modes: those under which the param was active, where it was not always.
    unskilled: the objectives whose forest predicts unseen trials no better than by their mean.
    """

    field: str
    title: str
    objectives: tuple[Objective, ...]
    turned: Effect
    groups: list[Group]
    reference: int
    best: int
    level: list[int]
    share: float
    modes: list[str]
    unskilled: frozenset[str] = frozenset()


def method_frames(digest: Digest, analyses: list[Analysis | str]) -> list[MethodFrame | Card]:
    """The six params in the order of `METHOD_PARAMS`; a card where nothing can be said about one.

    analyses: of each objective, by `analysed`.
    """
    matched = [
        _matched(digest, objective, analysis)
        for objective, analysis in zip(digest.objectives, analyses, strict=True)
    ]
    return [_frame(digest, matched, field, title) for field, title in METHOD_PARAMS.items()]


def _matched(digest: Digest, objective: Objective, analysis: Analysis | str) -> Analysis | str:
    """The analysis over the measured trials only, so that all objectives are judged by the same trials."""
    if len(digest.known(objective.name)) == len(digest.measured):
        return analysis
    return analysed(digest, objective, digest.measured)


def _frame(digest: Digest, analyses: list[Analysis | str], field: str, title: str) -> MethodFrame | Card:
    first = analyses[0] if analyses else "This study has no objective."
    if field not in {param.name for param in digest.params}:
        return Card(title, _fixed(digest, field))
    if isinstance(first, str):
        return Card(title, first)
    forest = first.forest
    param = next((param for param in forest.params if param.name == field), None)
    if param is None:
        return Card(title, _single(forest, digest, field))
    n_active = sum(item is not None for item in forest.settings[field])
    turned = effect(forest, param)
    if turned is None or n_active < MIN_TRIALS:
        tried = sorted({setting_text(item) for item in forest.settings[field] if item is not None})
        at = f", all at {tried[0]}" if len(tried) == 1 else ""
        why = f"It was active in {counted(n_active, 'measured trial')} only{at}: too few to compare."
        return Card(title, why)
    known = [analysis for analysis in analyses if isinstance(analysis, Analysis)]
    effects = {analysis.objective.name: effect(analysis.forest, param) for analysis in known}
    unskilled = frozenset(
        analysis.objective.name for analysis in known if analysis.forest.explained <= NO_SKILL
    )
    return _compared(
        digest, first, turned, {name: moved for name, moved in effects.items() if moved}, unskilled, title
    )


def _compared(
    digest: Digest,
    first: Analysis,
    turned: Effect,
    effects: dict[str, Effect],
    unskilled: frozenset[str],
    title: str,
) -> MethodFrame:
    forest, field = first.forest, turned.param.name
    parts = _parts(turned)
    members = _members(forest, turned, parts)
    enough = [len(trials) >= LEAST for trials in members]
    grouped = {name: _grouped(grouped_effect, parts) for name, grouped_effect in effects.items()}
    reference = _reference(turned, members)
    first_effect = grouped[first.objective.name]
    n_pairs = max(1, sum(enough) - 1)
    groups = []
    for place, trials in enumerate(members):
        is_compared = place != reference and enough[place] and enough[reference]
        measured = [value(trial, first.objective.name) for trial in trials]
        q25, median, q75 = np.quantile(measured, (0.25, 0.5, 0.75)).tolist() if measured else [np.nan] * 3
        beyond = {
            name: grouped_effect.difference(place, reference, n_pairs) if is_compared else None
            for name, grouped_effect in grouped.items()
        }
        groups.append(
            Group(
                _text(turned, parts[place]),
                len(trials),
                median,
                q25,
                q75,
                float(first_effect.mean[place]),
                beyond,
            )
        )
    sign = -1.0 if first.objective.direction == "minimize" else 1.0
    best = max(range(len(groups)), key=lambda place: (enough[place], sign * groups[place].mean))
    level = [
        place
        for place in range(len(groups))
        if place == best
        or (enough[place] and not first_effect.difference(best, place, n_pairs).excludes_zero)
    ]
    return MethodFrame(
        field=field,
        title=title,
        objectives=tuple(item for item in digest.objectives if item.name in effects),
        turned=turned,
        groups=groups,
        reference=reference,
        best=best,
        level=level,
        share=first.shares.single[field],
        modes=_modes(forest, field),
        unskilled=unskilled,
    )


def _parts(turned: Effect) -> list[list[int]]:
    """The indices of the settings in each group: one setting each, or thirds where there are many numbers."""
    places = list(range(len(turned.settings)))
    if turned.param.kind == "category" or len(places) <= MOST_SINGLE:
        return [[place] for place in places]
    return [part.tolist() for part in np.array_split(places, 3)]


def _members(forest: Forest, turned: Effect, parts: list[list[int]]) -> list[list[Trial]]:
    """The trials of each part; a number belongs to the part that starts at or below it."""
    members: list[list[Trial]] = [[] for _ in parts]
    starts = [turned.settings[part[0]] for part in parts]
    for trial, item in zip(forest.trials, forest.settings[turned.param.name], strict=True):
        if item is None:
            continue
        if turned.param.kind == "category":
            members[starts.index(item)].append(trial)
        else:
            members[int(np.searchsorted(np.array(starts, float), float(item), side="right")) - 1].append(
                trial
            )
    return members


def _grouped(single: Effect, parts: list[list[int]]) -> Effect:
    by_tree = np.stack([single.by_tree[:, part].mean(axis=1) for part in parts], axis=1)
    settings: list[Setting] = [single.settings[part[0]] for part in parts]
    return Effect(single.param, settings, by_tree, [], single.n_active, single.n_trials)


def _reference(turned: Effect, members: list[list[Trial]]) -> int:
    """The group that others are compared with: mode none, the lowest number, or the most frequent setting."""
    if turned.param.kind == "number":
        return 0
    if "none" in turned.settings and len(members[turned.settings.index("none")]) >= LEAST:
        return turned.settings.index("none")
    return max(range(len(members)), key=lambda place: len(members[place]))


def _text(turned: Effect, part: list[int]) -> str:
    low, high = turned.settings[part[0]], turned.settings[part[-1]]
    if len(part) == 1 or not isinstance(low, float) or not isinstance(high, float):
        return setting_text(int(low) if isinstance(low, float) and low.is_integer() else low)
    return f"{number_text(significant(low, 2))}–{number_text(significant(high, 2))}"


def _modes(forest: Forest, field: str) -> list[str]:
    """The modes of the trials in which a param is active; empty where it is active in all."""
    if None not in forest.settings[field]:
        return []
    pairs = zip(forest.trials, forest.settings[field], strict=True)
    return sorted({_mode(trial) for trial, item in pairs if item is not None} - {""})


def _mode(trial: Trial) -> str:
    mode = get(trial.config, "distillation.mode")
    return "" if mode is None else str(mode)


def _single(forest: Forest, digest: Digest, field: str) -> str:
    param = next(param for param in digest.params if param.name == field)
    tried = sorted({setting_text(setting(trial, param)) for trial in forest.trials})
    at = (
        "was inactive in every measured trial"
        if tried == ["–"]
        else f"was {tried[0]} in every measured trial"
    )
    return f"It was searched, but {at}, so there is nothing to compare."


def _fixed(digest: Digest, field: str) -> str:
    """Why nothing can be said about a param that was not searched: it does not apply, or had one value."""
    trials = digest.study.trials
    modes = {_mode(trial) for trial in trials} - {""}
    reason = without_effect(field, modes)
    if reason:
        return f"Does not apply: {reason}."
    values = {category_text(get(trial.config, field)) for trial in trials} - {"null"}
    if len(values) == 1:
        return f"Not searched: fixed at {values.pop()}, so this study cannot say what it does."
    return "Not searched, so this study cannot say what it does."


def without_effect(field: str, modes: set[str]) -> str:
    """Why a field has no effect under any of these modes, of which at least one is known; "" where it has."""
    if not modes:
        return ""
    parts = {part for mode in modes for part in mode.split("+")}
    under = f"the mode was {listed(sorted(modes))} in every trial"
    if field in ("distillation.branches", "distillation.alpha") and not parts & BRANCH_MODES:
        return f"no trial had branch heads ({under})"
    if field == "distillation.reliability_threshold" and "reliable" not in parts:
        return f"only mode reliable asks for it ({under})"
    if field == "distillation.beta" and parts <= {"none", "supervised"}:
        return f"nothing was distilled ({under})"
    return ""
