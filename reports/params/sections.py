"""The sections about params: all trials, importance, effects, interactions, and the method's params."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from reports.data.digest import Digest
from reports.format.quantities import capitalised, quantity
from reports.html.figure import Card, Figure
from reports.html.markup import Html, tag
from reports.html.section import Frame, Section, drawn
from reports.params.dependence import dependence_frame
from reports.params.dependence_figure import draw_dependence
from reports.params.fanova import Analysis, analysed
from reports.params.importance import SOURCE, importance_frame
from reports.params.importance_figure import draw_importance
from reports.params.method import MethodFrame, method_frames
from reports.params.method_figure import method_table, part_of
from reports.params.pairs import pairs_frame
from reports.params.pairs_figure import draw_pairs
from reports.params.parallel import parallel_frame
from reports.params.parallel_figure import draw_parallel
from studies.model import Objective

DEPENDENCE = (
    "The forest's mean prediction as one param moves and the others stay as the trials have them (partial "
    "dependence, Friedman 2001). In brackets the share of variance; trials in which a param is inactive "
    "are left out of its panel."
)

PAIRS = (
    "Second-order functional ANOVA over the same forest, and its mean prediction over the settings of two "
    "params while the others stay as the trials have them."
)

METHOD = (
    "The six params of the method. The forest compares settings with the other params held the same; it "
    "predicts means, in which a few failed trainings weigh more than in medians. In brackets the interval "
    "from the spread of its trees; a difference counts only where that interval excludes zero, and a forest "
    "understates differences rather than the reverse. The sampler chose the settings by earlier results, "
    "not at random, so a difference may have another cause than the param."
)

Analyses = list[Analysis | str]


def param_sections(digest: Digest) -> list[Section]:
    """The sections about params, in their order."""
    analyses = [analysed(digest, objective) for objective in digest.objectives]
    return [
        _everything(digest),
        _importance(digest, analyses),
        _dependence(digest, analyses),
        _pairs(digest, analyses),
        _method(digest, analyses),
    ]


def _everything(digest: Digest) -> Section:
    return Section(
        "trials",
        "All measured trials",
        "Which settings the good ones share.",
        [drawn(parallel_frame(digest), draw_parallel)],
    )


def _importance(digest: Digest, analyses: Analyses) -> Section:
    parts = _by_objective("importance", digest, analyses, partial(importance_frame, digest), draw_importance)
    return Section("importance", "Which params mattered", SOURCE, parts, grid="grid thirds")


def _dependence(digest: Digest, analyses: Analyses) -> Section:
    parts = _by_objective("dependence", digest, analyses, partial(dependence_frame, digest), draw_dependence)
    return _stacked(digest, "dependence", "How the params act", DEPENDENCE, parts)


def _pairs(digest: Digest, analyses: Analyses) -> Section:
    parts = _by_objective("pairs", digest, analyses, pairs_frame, draw_pairs)
    return _stacked(digest, "pairs", "Params that act together", PAIRS, parts)


def _by_objective(
    name: str,
    digest: Digest,
    analyses: Analyses,
    make: Callable[[Objective, Analysis | str], Frame | Card],
    draw: Callable[..., Figure],
) -> list[Figure | Card]:
    """A figure for each objective, or why there is none."""
    frames = map(make, digest.objectives, analyses)
    return [
        drawn(frame, partial(draw, figure_id=f"{name}-{place}"))
        for place, frame in enumerate(frames, start=1)
    ]


def _method(digest: Digest, analyses: Analyses) -> Section:
    frames = method_frames(digest, analyses)
    parts = [part_of(digest, frame, f"method-{place}") for place, frame in enumerate(frames, start=1)]
    searched = [frame for frame in frames if isinstance(frame, MethodFrame)]
    return Section(
        "method",
        "What the method did",
        METHOD if searched else "",
        parts,
        below=method_table(searched),
        grid="grid thirds",
    )


def _stacked(digest: Digest, name: str, title: str, intro: str, parts: list[Figure | Card]) -> Section:
    """A section that shows one objective's figure at a time; if there are only cards, it shows them all."""
    if not any(isinstance(part, Figure) for part in parts):
        return Section(name, title, "", parts)
    return Section(name, title, intro, parts, legend=_choice(digest), grid="grid stack")


def _choice(digest: Digest) -> Html:
    """The control that chooses the objective whose figure is shown; empty for a single objective."""
    if len(digest.objectives) < 2:
        return Html()
    options = [
        tag("option", capitalised(quantity(objective.name).label), value=place)
        for place, objective in enumerate(digest.objectives)
    ]
    return tag(
        "p",
        tag("label", "Objective ", tag("select", *options, data_stack=True)),
        class_="param-choice screen",
    )
