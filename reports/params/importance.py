"""Which params mattered, for each objective."""

from __future__ import annotations

from dataclasses import dataclass

from reports.data.digest import Digest
from reports.format.quantities import quantity
from reports.html.figure import Card
from reports.params.fanova import Analysis, analysed
from studies.model import Objective

WEAK = 0.3
"""Below this out-of-bag R² the forest predicts too poorly for its shares to be trusted."""

HINT = "The forest predicts trials it has not seen poorly here: take the order as a hint only."

SOURCE = (
    "Functional ANOVA over a random forest (Hutter, Hoos and Leyton-Brown, ICML 2014): "
    "the share of the forest's variance that a param explains by itself. The sampler did not draw at random, "
    "so the settings of params are correlated, and part of one's effect can be attributed to another."
)


@dataclass(frozen=True)
class ImportanceFrame:
    """One objective: params, their labels, and their shares of the forest's variance, largest first.

    together: the sum of the shares; the rest is interactions. explained: out-of-bag R² of the forest.
    n_untrained: how many of the trials were not trained to the end; their objective was measured before.
    """

    objective: Objective
    params: list[str]
    labels: list[str]
    share: list[float]
    together: float
    explained: float
    n_trials: int
    n_untrained: int = 0


def importance_frame(
    digest: Digest, objective: Objective, analysis: Analysis | str | None = None
) -> ImportanceFrame | Card:
    """The frame of one objective over all trials that have it, or why there is none.

    analysis: the result of `analysed` for the objective; computed where it is None.
    """
    analysis = analysed(digest, objective) if analysis is None else analysis
    if isinstance(analysis, str):
        return Card(importance_title(objective), analysis)
    single = analysis.shares.single
    labels = {param.name: param.label for param in analysis.forest.params}
    order = sorted(single, key=lambda name: -single[name])
    return ImportanceFrame(
        objective=objective,
        params=order,
        labels=[labels[name] for name in order],
        share=[single[name] for name in order],
        together=analysis.shares.together,
        explained=analysis.forest.explained,
        n_trials=len(analysis.forest.trials),
        n_untrained=sum(trial.state != "complete" for trial in analysis.forest.trials),
    )


def importance_title(objective: Objective) -> str:
    """The title of the figure of an objective."""
    return f"What decided {quantity(objective.name).label}"
