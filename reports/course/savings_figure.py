"""What early stopping and probing saved, as bars and in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.course.savings import Part, SavingsFrame, StopsFrame
from reports.data.axes import whole_steps
from reports.format.quantities import counted, listed, percent, shortened
from reports.html.figure import Card, Figure, colour
from reports.html.legend import legend_above
from reports.html.markup import Html, plot_text, tag
from spikefront.text import duration

LABELS = {
    "complete": "trained to the end",
    "stopped": "stopped early",
    "refused": "refused by probing",
    "broken": "infeasible later, or failed",
}
MOST_REASONS, LONGEST_REASON = 6, 160
SAVED_BY = ("stopped", "refused")


def draw_savings(frame: SavingsFrame) -> Figure:
    """A bar a kind of trial: epochs trained, then the epochs of their configs that were not."""
    labels = [f"{LABELS[part.kind]}<br>{counted(part.n_trials, 'trial')}" for part in frame.parts]
    trained = _bars("trained", labels, [part.epochs for part in frame.parts], frame.parts)
    left_out = _bars("not trained", labels, [part.left_out for part in frame.parts], frame.parts)
    trained["marker"] = {"color": colour("front", 0.85)}
    left_out["marker"] = {
        "color": colour("dominated", 0.35),
        "line": {"color": colour("dominated"), "width": 1},
        "pattern": {"shape": "/", "size": 7, "solidity": 0.2, "fgcolor": colour("dominated")},
    }
    layout = {
        "barmode": "stack",
        "bargap": 0.35,
        "xaxis": {"title": {"text": "Epochs"}, "rangemode": "tozero", **whole_steps(frame.epochs_in_full)},
        "yaxis": {"autorange": "reversed", "automargin": True, "fixedrange": True},
        **legend_above(),
        "margin": {"l": 62, "r": 14, "t": 34, "b": 46},
    }
    return Figure(
        id="savings",
        title="Epochs trained and saved",
        alt=f"{frame.epochs:,} epochs were trained of the {frame.epochs_in_full:,} that all trials to the "
        f"end would have taken: {parts_text(frame.parts)}.",
        drawing={"data": [trained, left_out], "layout": layout},
        caption=f"{epochs_words(frame)} {seconds_words(frame)}".strip(),
        height=130 + 54 * len(frame.parts),
    )


def epochs_words(frame: SavingsFrame) -> str:
    """What was trained and saved in epochs, in sentences."""
    share = frame.epochs / frame.epochs_in_full if frame.epochs_in_full else 1.0
    said = [
        f"{counted(frame.epochs, 'epoch')} trained, {percent(share)} of the "
        f"{frame.epochs_in_full:,} that training all these trials to the end would have taken."
    ]
    stopped, refused, broken = (frame.part(kind) for kind in ("stopped", "refused", "broken"))
    if stopped:
        said.append(
            f"Early stopping left out {counted(stopped.left_out, 'epoch')} of "
            f"{counted(stopped.n_trials, 'trial')}."
        )
    if refused:
        said.append(
            f"Probing refused {counted(refused.n_trials, 'config')} before the first epoch, which saved "
            f"{counted(refused.left_out, 'epoch')}."
        )
    if not stopped and not refused:
        said.append("Neither early stopping nor probing left anything out.")
    if broken:
        said.append(
            f"The {broken.left_out:,} left out by what failed or became infeasible are not counted as saved."
        )
    if frame.n_unknown:
        said.append(f"{counted(frame.n_unknown, 'trial')} without a number of epochs in the config left out.")
    return " ".join(said)


def seconds_words(frame: SavingsFrame) -> str:
    """The same in time, by each trial's own seconds per epoch; "" where no epoch was timed."""
    spent = sum(part.seconds for part in frame.parts)
    if not spent:
        return ""
    saved = sum(part.seconds_left_out for part in frame.parts if part.kind in SAVED_BY)
    text = f"The epochs took {duration(spent)} of training"
    if saved:
        text += f"; at each trial's own seconds per epoch the rest would have taken {duration(saved)} more"
    n_untimed = sum(part.n_untimed for part in frame.parts if part.kind in SAVED_BY)
    if n_untimed:
        text += f", not counting {counted(n_untimed, 'trial')} without an epoch, whose seconds are not known"
    return f"{text}."


def reasons_html(frame: SavingsFrame | Card) -> Html:
    """Each reason for which trials ended before their end, with its trials; empty where there is none."""
    if isinstance(frame, Card):
        return Html()
    reasons = [
        (n_trials, f" {LABELS[part.kind]}" if part.kind in SAVED_BY else "", reason)
        for part in frame.parts
        for reason, n_trials in part.reasons
    ]
    reasons.sort(key=lambda entry: -entry[0])
    if not reasons:
        return Html()
    items = [
        tag(
            "li",
            tag("span", f"{counted(n_trials, 'trial')}{label}", class_="state"),
            f": {shortened(reason, LONGEST_REASON)}",
        )
        for n_trials, label, reason in reasons[:MOST_REASONS]
    ]
    if len(reasons) > MOST_REASONS:
        rest = sum(n_trials for n_trials, _, _ in reasons[MOST_REASONS:])
        items.append(tag("li", f"{counted(rest, 'more trial')} for other reasons"))
    return tag(
        "div", tag("p", "Why trials ended before their last epoch:"), tag("ul", *items), class_="outcomes"
    )


def draw_stops(frame: StopsFrame) -> Figure:
    """A bar at each epoch at which trials were stopped, over all epochs of a full training."""
    epochs, counts = list(frame.counts), list(frame.counts.values())
    n_trials = sum(counts)
    drawing = {
        "type": "bar",
        "x": epochs,
        "y": counts,
        "width": max(0.8, frame.n_epochs / 60),
        "marker": {"color": colour("dominated", 0.75)},
        "hovertemplate": "stopped after epoch %{x}: %{y:,} trials<extra></extra>",
    }
    layout = {
        "xaxis": {
            "title": {"text": "Epoch reached"},
            "range": [0, frame.n_epochs + max(0.6, frame.n_epochs / 50)],
            **whole_steps(frame.n_epochs),
        },
        "yaxis": {
            "title": {"text": "Stopped trials"},
            "rangemode": "tozero",
            **whole_steps(max(counts)),
            "automargin": True,
        },
        "margin": {"l": 62, "r": 14, "t": 10, "b": 46},
    }
    steps = [f"{counts[i]:,} after epoch {epochs[i]}" for i in range(min(4, len(epochs)))]
    more = " and later" if len(epochs) > len(steps) else ""
    return Figure(
        id="stops",
        title="Stopped trials by the epoch they reached",
        alt=f"Bars: of {counted(n_trials, 'stopped trial')}, {listed(steps)}{more}.",
        drawing={"data": [drawing], "layout": layout},
        caption=f"{counted(n_trials, 'trial')} stopped early, of trainings of up to "
        f"{counted(frame.n_epochs, 'epoch')}.",
        height=280,
    )


def parts_text(parts: Sequence[Part]) -> str:
    """The number of trials of each kind: "40 trained to the end, 12 stopped early"."""
    return ", ".join(f"{part.n_trials:,} {LABELS[part.kind]}" for part in parts)


def _bars(name: str, labels: list[str], epochs: list[int], parts: Sequence[Part]) -> dict[str, Any]:
    reasons = [
        "".join(
            f"<br>{counted(n, 'trial')}: {plot_text(shortened(reason, 80))}" for reason, n in part.reasons[:3]
        )
        for part in parts
    ]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": labels,
        "x": epochs,
        "customdata": reasons,
        "hovertemplate": f"%{{x:,}} epochs {name}%{{customdata}}<extra></extra>",
    }
