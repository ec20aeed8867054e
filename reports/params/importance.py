"""Which params mattered, for each objective."""

from __future__ import annotations

from dataclasses import dataclass

from reports.data.digest import Digest
from reports.format.quantities import quantity
from reports.html.figure import Card
from reports.params.fanova import Analysis, analysed
from studies.model import Objective

WEAK = 0.3
"""Below this out-of-bag R² the forest has learned too little for its shares to be trusted."""

HINT = "The forest predicts trials it has not seen poorly here: take the order as a hint only."

SOURCE = (
    "Functional ANOVA over a random forest (Hutter, Hoos and Leyton-Brown, ICML 2014): "
    "the share of the forest's variance that a param explains by itself. The sampler did not draw at random, "
    "so the params' settings hang together, and what one of them did can show under another's name."
)


@dataclass(frozen=True)
class ImportanceFrame:
    """One objective: params, their labels, and their shares of the forest's variance, largest first.

    together: the sum of the shares; the rest is interactions. explained: out-of-bag R² of the forest.
    n_untrained: those of the trials that were not trained to the end, of which a probe knows the objective.
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
    """The frame of one objective over all trials that know it, or why there is none.

    analysis: what `analysed` gave for the objective, where it is at hand.
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
