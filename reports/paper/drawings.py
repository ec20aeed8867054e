"""The report's frames drawn by Matplotlib, for papers: one column wide, on white."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reports.course.hypervolume import HypervolumeFrame
from reports.data.axes import AxisFrame
from reports.data.digest import Digest, value
from reports.format.quantities import percent, quantity, shortened
from reports.front.front import PairFrame
from reports.params.importance import ImportanceFrame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FRONT, DOMINATED, KNEE = "#0b64a6", "#8c97a3", "#b94806"
"""The light palette of the page."""

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 6.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "spikefront",
    "pdf.fonttype": 42,
    "text.parse_math": False,
}


def draw_pair(axes: Axes, digest: Digest, frame: PairFrame) -> None:
    """The scatter plot of one pair, with the same view as on the page."""
    trials = {trial.number: trial for trial in digest.measured}

    def scatter(numbers: Sequence[int], label: str, **options: Any) -> None:
        if numbers:
            x, y = (
                [value(trials[number], axis.objective.name) for number in numbers]
                for axis in (frame.x, frame.y)
            )
            axes.scatter(x, y, label=label, **options)

    scatter(frame.dominated, "dominated", s=7, color=DOMINATED, alpha=0.65, linewidths=0)
    near: dict[str, Any] = {"facecolors": "none", "edgecolors": FRONT, "linewidths": 0.7}
    scatter(frame.near, "within the noise of the front", s=8, **near)
    x, y = (
        [value(trials[number], axis.objective.name) for number in frame.stairs] for axis in (frame.x, frame.y)
    )
    step = "steps-post" if frame.x.objective.direction == "minimize" else "steps-pre"
    axes.plot(x, y, drawstyle=step, color=FRONT, alpha=0.55, linewidth=0.9, label="best in this pair")
    scatter(frame.front, "front", s=18, color=FRONT, edgecolors="white", linewidths=0.5, zorder=3)
    if frame.knee is not None:
        ring: dict[str, Any] = {"facecolors": "none", "edgecolors": KNEE, "linewidths": 1.3, "zorder": 4}
        scatter([frame.knee], "knee", s=55, **ring)
    _scale(axes, "x", frame.x, frame.x_view)
    _scale(axes, "y", frame.y, frame.y_view)
    axes.figure.legend(loc="outside lower center", ncols=2, handletextpad=0.4, columnspacing=1.2)


def draw_curve(axes: Axes, frame: HypervolumeFrame) -> None:
    """The hypervolume in percent of its last value, a mark at each trial that raised it."""
    counts = range(1, len(frame.numbers) + 1)
    height = [100 * share for share in frame.share]
    axes.plot(counts, height, drawstyle="steps-post", color=FRONT, linewidth=1.1)
    raised = [row for row, grew in enumerate(frame.grew) if grew]
    axes.scatter([row + 1 for row in raised], [height[row] for row in raised], s=8, color=FRONT, zorder=3)
    axes.set(xlabel="Finished trials", ylabel="Hypervolume, % of final", ylim=(0, 106))
    axes.locator_params(axis="x", integer=True)


def draw_bars(axes: Axes, frame: ImportanceFrame) -> None:
    """A bar for each param with its share, the most important on top."""
    rows = range(len(frame.params))
    axes.barh(rows, frame.share, height=0.6, color=FRONT)
    axes.set_yticks(rows, [shortened(label) for label in frame.labels])
    for row, share in zip(rows, frame.share, strict=True):
        axes.annotate(percent(share), (share, row), (3, 0), textcoords="offset points", va="center")
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.spines["bottom"].set_visible(False)
    axes.set(xticks=[], xlim=(0, 1.18 * max(frame.share)))
    axes.set_xlabel("Share of variance")


def _scale(axes: Axes, side: str, frame: AxisFrame, part: tuple[float, float] | None) -> None:
    """Title and scale of the x or y axis; ticks at 1, 2 and 5 of each decade where it is logarithmic."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set(**{f"{side}label": quantity(frame.objective.name).title})
    if frame.is_log:
        axes.set(**{f"{side}scale": "log"})
        axis = axes.xaxis if side == "x" else axes.yaxis
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))
    if part:
        axes.set(**{f"{side}lim": tuple(10**end if frame.is_log else end for end in part)})
