"""Accuracy over time steps: what a network knows after its first steps, and what stopping there costs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from reports.data.digest import Digest
from reports.format.quantities import counted, listed
from reports.html.figure import Card, Figure, colour, scale
from reports.html.legend import legend_above
from studies.model import Trial

METRIC = "accuracy_at_t"
MOST_DRAWN = 60
"""The curves are of at most so many front trials, the best in the first objective."""


@dataclass(frozen=True)
class StepsFrame:
    """accuracy: by number of a front trial, its validation accuracy (%) after its first 1..T steps.

    n_left_out: front trials beyond `MOST_DRAWN`, or without such a list of two steps or more.
    """

    accuracy: dict[int, list[float | None]]
    n_left_out: int


@dataclass(frozen=True)
class Best:
    """The best validation accuracy (%) with `step` time steps, and the trial that has it, trained with T."""

    step: int
    accuracy: float
    number: int
    T: int


@dataclass(frozen=True)
class ExitsFrame:
    """Over all measured trials. whole: the best with all their T = t steps. stopped: the best of those
    trained with more, stopped after t steps. Steps that no trial has are left out."""

    whole: list[Best]
    stopped: list[Best]
    n_trials: int


def steps_frame(digest: Digest) -> StepsFrame | Card:
    """The frame of the front trials, or why there is none."""
    title = "Accuracy over time steps"
    if not digest.front:
        return Card(title, "No trial has finished within the limits.")
    curves = {trial.number: accuracy_at_t(trial) for trial in digest.front}
    if not any(curves.values()):
        return Card(title, "The record holds no accuracy by time step for the front.")
    if not any(map(math.isfinite, chain(*curves.values()))):
        return Card(title, "No accuracy by time step of the front is a number.")
    longer = {number: list(values) for number, values in curves.items() if len(values) > 1}
    if not longer:
        return Card(
            title, "Each trial of the front has one time step, so there is no earlier one to look at."
        )
    drawn = dict(list(longer.items())[:MOST_DRAWN])
    return StepsFrame(
        {
            number: [round(value, 3) if math.isfinite(value) else None for value in own]
            for number, own in drawn.items()
        },
        len(digest.front) - len(drawn),
    )


def exits_frame(digest: Digest) -> ExitsFrame | Card:
    """The best accuracies by time step over all measured trials, or why there are none."""
    title = "Stopping after fewer steps"
    known = {trial.number: accuracy_at_t(trial) for trial in digest.measured}
    known = {number: values for number, values in known.items() if values}
    if not known:
        return Card(title, "The record holds no accuracy by time step.")
    longest = max(len(values) for values in known.values())
    if longest == 1:
        return Card(title, "Every measured trial has one time step, so none can stop earlier.")
    whole: list[Best] = []
    stopped: list[Best] = []
    for step in range(1, longest + 1):
        whole += _best(step, {n: values for n, values in known.items() if len(values) == step})
        stopped += _best(step, {n: values for n, values in known.items() if len(values) > step})
    if not whole and not stopped:
        return Card(title, "No accuracy by time step is a number.")
    return ExitsFrame(whole, stopped, len(known))


def accuracy_at_t(trial: Trial) -> tuple[float, ...]:
    """The recorded accuracies (%) after the first 1..T steps; empty where there are none."""
    found = trial.metrics.get(METRIC)
    if not isinstance(found, (list, tuple)):
        return ()
    return tuple(math.nan if value is None else float(value) for value in found)


def draw_steps(frame: StepsFrame) -> Figure:
    """A line a front trial, coloured as in the training curves."""
    n_trials = len(frame.accuracy)
    traces = [
        _steps_line(number, own, 1.0 - place / max(1, n_trials - 1))
        for place, (number, own) in enumerate(frame.accuracy.items())
    ]
    longest = max(len(own) for own in frame.accuracy.values())
    left_out = (
        f" {counted(frame.n_left_out, 'front trial')} with one time step, without a record of the steps, or "
        f"beyond the first {MOST_DRAWN} not drawn."
        if frame.n_left_out
        else ""
    )
    return Figure(
        id="steps",
        title="Accuracy over time steps",
        alt=f"Lines of validation accuracy over up to {longest} time steps for "
        f"{counted(n_trials, 'front trial')}.",
        drawing={"data": traces[::-1], "layout": _layout(longest, "Time steps seen")},
        caption="Validation accuracy of the mean output of the first 1 to T time steps, for the trials of "
        "the front; the last point is the accuracy of the trial. Stronger colours are better in the first "
        f"objective.{left_out}",
        height=320,
    )


def draw_exits(frame: ExitsFrame) -> Figure:
    """Two rows of marks by time step: best of trials with so many steps, and best of longer ones stopped."""
    longest = max(one.step for one in [*frame.whole, *frame.stopped])
    told = gains_words(frame)
    return Figure(
        id="exits",
        title="Stopping after fewer steps",
        alt=f"Best accuracy over 1 to {longest} time steps of {counted(frame.n_trials, 'trial')}: with all "
        f"their steps, and stopped early.{told}",
        drawing={
            "data": [
                _marks(frame.whole, "trained with t steps", "front", "circle", "solid"),
                _marks(frame.stopped, "trained with more, stopped at t", "knee", "diamond-open", "dot"),
            ],
            "layout": _layout(longest, "Time steps t, the same for every sample")
            | legend_above()
            | {"margin": {"l": 62, "r": 14, "t": 34, "b": 46}},
        },
        caption="The best accuracy of any measured trial when every sample stops after t steps (a fixed "
        f"exit: the mean number of steps is t).{told} The latency of a network that stops earlier was not "
        "measured, so the axis counts steps, not milliseconds. An exit that depends on the sample is "
        "measured on a trained network: python -m snncore.evaluate FOLDER --early-exit 0.9,0.99.",
        height=320,
    )


def gains_words(frame: ExitsFrame) -> str:
    """Where stopping a longer network is as good as training a shorter one; "" with none to compare."""
    whole = {one.step: one.accuracy for one in frame.whole}
    both = [one for one in frame.stopped if one.step in whole]
    steps = [str(one.step) for one in both if one.accuracy >= whole[one.step]]
    if not both:
        return ""
    if not steps:
        return " Nowhere was a longer network, stopped, as accurate as one trained with so few steps."
    return f" A longer network, stopped, was at least as accurate as one trained with t = {listed(steps)}."


def _best(step: int, known: dict[int, tuple[float, ...]]) -> Iterable[Best]:
    """The best after `step` steps, ties to the shorter training, then the lower number; none of NaN alone."""
    found = [
        (-values[step - 1], len(values), number)
        for number, values in known.items()
        if math.isfinite(values[step - 1])
    ]
    if found:
        loss, T, number = min(found)
        yield Best(step, -loss, number, T)


def _steps_line(number: int, accuracy: list[float | None], position: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"trial {number}",
        "x": list(range(1, len(accuracy) + 1)),
        "y": accuracy,
        "hovertemplate": f"trial {number}, T = {len(accuracy)}, %{{x}} of them seen: "
        "%{y:.2f}\u00a0%<extra></extra>",
        "line": {"color": scale(position), "width": 2},
        "marker": {"size": 5},
    }


def _marks(best: list[Best], name: str, token: str, symbol: str, dash: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [one.step for one in best],
        "y": [one.accuracy for one in best],
        "customdata": [f"trial {one.number}, trained with T = {one.T}" for one in best],
        "hovertemplate": "t = %{x}: %{y:.2f}\u00a0%<br>%{customdata}<extra></extra>",
        "line": {"color": colour(token), "width": 1.5, "dash": dash},
        "marker": {"size": 9, "symbol": symbol, "color": colour(token)},
    }


def _layout(longest: int, title: str) -> dict[str, Any]:
    return {
        "xaxis": {
            "title": {"text": title},
            "range": [0.7, longest + 0.3],
            "dtick": max(1, -(-longest // 10)),
            "tick0": 1,
        },
        "yaxis": {"title": {"text": "Validation accuracy (%)"}, "automargin": True},
        "showlegend": False,
        "margin": {"l": 62, "r": 14, "t": 10, "b": 46},
    }
