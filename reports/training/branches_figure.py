"""Reliable samples of each head as lines, and firing rates of each layer as a heat map."""

from __future__ import annotations

from typing import Any

from reports.data.axes import whole_steps
from reports.data.epochs import NETWORK
from reports.format.quantities import counted
from reports.html.choices import trial_choice
from reports.html.figure import Figure, colour, curve, scale
from reports.html.legend import legend_above
from reports.training.branches import HeadsFrame, LayersFrame

DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def draw_heads(frame: HeadsFrame) -> Figure:
    """The share of reliable training samples by epoch, a line for each head; the network's is drawn first."""
    choices = {str(number): _heads_choice(frame, number) for number in frame.by_trial}
    start = choices[str(frame.first)]
    lines = [_head_line(frame, place, head) for place, head in enumerate(frame.heads)]
    traces = [line | shown for line, shown in zip(reversed(lines), start["data"], strict=True)]
    return Figure(
        id="heads",
        title="Reliable samples by head",
        alt=f"Lines by epoch for {counted(len(frame.by_trial), 'trial')} to choose from: the share of "
        "samples that each branch and the network itself classify reliably.",
        drawing={"data": traces, "layout": _heads_layout() | start["layout"], "choices": choices},
        caption="The share of training samples that a head classifies reliably: right, and with at least the "
        "probability of the threshold. Only reliable heads teach. A branch is named by the stage it stands "
        f"after.{_kept(frame.by_trial)}",
        height=320,
        aside=trial_choice("heads", frame.front, frame.others),
    )


def draw_layers(frame: LayersFrame) -> Figure:
    """A heat map, layer by epoch, of the trial chosen above; one scale for all trials."""
    number, most = frame.first, max(frame.n_layers.values())
    choices = {str(trial): _layers_choice(frame, trial) for trial in frame.n_layers}
    heat = {
        "type": "heatmap",
        "x0": 1,
        "dx": 1,
        "y0": 1,
        "dy": 1,
        "z": [curve(f"firing_rate.{layer}", [number]) for layer in range(1, most + 1)],
        "zmin": 0,
        "zmax": frame.highest[number] or 1.0,
        "colorscale": scale(),
        "hoverongaps": False,
        "hovertemplate": "layer %{y}, epoch %{x}: %{z:.3g} spikes<extra></extra>",
        "colorbar": {"thickness": 12, "outlinewidth": 0, "title": {"text": "rate", "side": "top"}},
    }
    layout = {
        "xaxis": {"title": {"text": "Epoch"}},
        "yaxis": {"title": {"text": "Layer of neurons"}, "automargin": True},
        "margin": {"l": 62, "r": 8, "t": 10, "b": 46},
    }
    for key, changes in choices[str(number)]["layout"].items():
        layout[key] |= changes
    return Figure(
        id="layers",
        title="Firing rate by layer",
        alt=f"Heat map of firing rates, layer by epoch, for {counted(len(frame.n_layers), 'trial')} to "
        "choose from.",
        drawing={"data": [heat], "layout": layout, "choices": choices},
        caption="Spikes per neuron and time step on the validation data, by epoch; layer 1 is nearest to the "
        f"input. The scale reaches to the largest rate of the trial.{_kept(frame.n_layers)}",
        height=320,
        aside=trial_choice("layers", frame.front, frame.others),
    )


def _heads_choice(frame: HeadsFrame, number: int) -> dict[str, Any]:
    return {
        "rows": [number],
        "data": [{"visible": head in frame.by_trial[number]} for head in reversed(frame.heads)],
        "layout": {"xaxis": {"title": {"text": "Epoch"}, **_whole(frame.n_epochs[number])}},
    }


def _layers_choice(frame: LayersFrame, number: int) -> dict[str, Any]:
    n_layers, n_epochs = frame.n_layers[number], frame.n_epochs[number]
    return {
        "rows": [number],
        "data": [{"zmax": frame.highest[number] or 1.0}],
        "layout": {
            "xaxis": {"range": [0.5, n_epochs + 0.5], **_whole(n_epochs)},
            "yaxis": {"range": [0.5, n_layers + 0.5], **_whole(n_layers)},
        },
    }


def _head_line(frame: HeadsFrame, place: int, head: str) -> dict[str, Any]:
    is_network = head == NETWORK
    name = head if is_network else f"branch {head}"
    position = place / max(1, len(frame.heads) - 1)
    return {
        "type": "scatter",
        "mode": "lines+markers" if frame.n_epochs[frame.first] <= 2 else "lines",
        "name": name,
        "x": curve("epoch", [frame.first]),
        "y": curve(f"reliable_share.{head}", [frame.first]),
        "connectgaps": False,
        "hovertemplate": f"{name}, epoch %{{x}}: %{{y:.1%}}<extra></extra>",
        "line": {
            "color": colour("knee") if is_network else scale(position),
            "dash": "solid" if is_network else DASHES[1:][place % (len(DASHES) - 1)],
            "width": 3 if is_network else 2,
        },
    }


def _heads_layout() -> dict[str, Any]:
    return {
        "yaxis": {
            "title": {"text": "Reliable samples"},
            "range": [0, 1.04],
            "tickformat": ".0%",
            "automargin": True,
        },
        **legend_above(),
        "margin": {"l": 62, "r": 14, "t": 34, "b": 46},
    }


def _whole(highest: int) -> dict[str, Any]:
    return {"dtick": None, **whole_steps(highest)}


def _kept(trials: dict[int, Any]) -> str:
    return f" The page holds this of {counted(len(trials), 'trial')}, the front first."
