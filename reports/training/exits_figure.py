"""Accuracy over time steps, and the best accuracy after each of them."""

from __future__ import annotations

from typing import Any

from reports.format.quantities import counted, listed
from reports.html.figure import Figure, colour, scale
from reports.html.legend import legend_above
from reports.training.exits import MOST_DRAWN, Best, ExitsFrame, StepsFrame


def draw_steps(frame: StepsFrame) -> Figure:
    """A line a front trial, coloured as in the training curves."""
    n_trials = len(frame.accuracy)
    traces = [
        _steps_line(number, accuracies, 1.0 - place / max(1, n_trials - 1))
        for place, (number, accuracies) in enumerate(frame.accuracy.items())
    ]
    longest = max(len(accuracies) for accuracies in frame.accuracy.values())
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
    """Two lines of marks by time step: the best of trials with T = t, and of longer ones stopped at t."""
    longest = max(best.step for best in [*frame.whole, *frame.stopped])
    gains = gains_words(frame)
    return Figure(
        id="exits",
        title="Stopping after fewer steps",
        alt=f"Best accuracy over 1 to {longest} time steps of {counted(frame.n_trials, 'trial')}: with all "
        f"their steps, and stopped early.{gains}",
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
        f"exit: the mean number of steps is t).{gains} The latency of a network that stops earlier was not "
        "measured, so the axis counts steps, not milliseconds. An exit that depends on the sample is "
        "measured on a trained network: python -m snncore.evaluate FOLDER --early-exit 0.9,0.99.",
        height=320,
    )


def gains_words(frame: ExitsFrame) -> str:
    """At which t a longer network, stopped, is as good as one trained with t; "" with none to compare."""
    whole = {best.step: best.accuracy for best in frame.whole}
    both = [best for best in frame.stopped if best.step in whole]
    steps = [str(best.step) for best in both if best.accuracy >= whole[best.step]]
    if not both:
        return ""
    if not steps:
        return " Nowhere was a longer network, stopped, as accurate as one trained with so few steps."
    return f" A longer network, stopped, was at least as accurate as one trained with t = {listed(steps)}."


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
        "x": [point.step for point in best],
        "y": [point.accuracy for point in best],
        "customdata": [f"trial {point.number}, trained with T = {point.T}" for point in best],
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
