"""Prints the dict of `snncore.evaluate` in the terminal, as lines and tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from spikefront.accuracy import accuracy_text, split_remarks

MAX_CLASSES_SHOWN = 20
"""A larger confusion matrix fits no terminal; the commonest mistakes are listed instead."""


def print_report(report: dict[str, Any], console: Console) -> None:
    """Print all parts that the report has."""
    accuracies, split, accuracy = report["accuracy_at_t"], report["split"], report["accuracy"]
    summary = f"{split} accuracy {accuracy_text(accuracy, report, split)}"
    summary += f", balanced {report['balanced_accuracy']:.2f} %"
    for line in (summary, *split_remarks({split: accuracy}, report)):
        console.print(line, highlight=False)
    for t, accuracy in enumerate(accuracies, start=1):
        console.print(f"  after {t} of {len(accuracies)} steps {accuracy:.2f} %", highlight=False)
    if len(accuracies) > 1:
        console.print(
            f"  stopping at confidence {report['exit_confidence']:g}: {report['exit_accuracy']:.2f} % "
            f"after {report['exit_steps']:.2f} steps on average",
            highlight=False,
        )
    rates = ", ".join(f"{rate:.3f}" for rate in report["firing_rate"])
    console.print(f"  spikes per neuron and step, by layer: {rates}", highlight=False)
    if "early_exit" in report:
        console.print(_early_exit(report["early_exit"]))
    for name in ("fgsm", "pgd"):
        if name in report:
            for line in _attack(name, report[name]):
                console.print(line, highlight=False)
    if "operations" in report:
        console.print(_operations(report["operations"]), highlight=False)
    if "confusion" in report:
        counts = report["confusion"]
        console.print(_matrix(counts) if len(counts) <= MAX_CLASSES_SHOWN else _mistakes(counts))


def _early_exit(results: list[dict[str, Any]]) -> Table:
    table = Table("threshold", "accuracy, %", "mean steps", title="early exit", title_justify="left")
    for result in results:
        table.add_row(f"{result['threshold']:g}", f"{result['accuracy']:.2f}", f"{result['mean_steps']:.2f}")
    return table


def _attack(name: str, result: dict[str, Any]) -> Iterator[str]:
    how = f"epsilon {result['epsilon']:g}"
    if name == "pgd":
        how += f", {result['steps']} steps of {result['step_size']:g}, seed {result['seed']}"
    yield f"robust accuracy {result['robust_accuracy']:.2f} % under {name.upper()}, {how}"
    yield "  of images that are right under every attack; under each alone:"
    for attack in result["through"]:
        surrogate = f"{attack['surrogate']} of slope {attack['surrogate_slope']:g}"
        remark = ", the network's own" if attack["is_own"] else ""
        yield f"  {attack['robust_accuracy']:.2f} % through {surrogate}{remark}"


def _operations(result: dict[str, Any]) -> str:
    return (
        f"per sample {result['synops']:,.0f} synaptic operations and {result['analogue_macs']:,.0f} "
        f"multiply-accumulates on analogue input, {result['energy_uj']:.3g} µJ of arithmetic at 45 nm"
    )


def _matrix(counts: list[list[int]]) -> Table:
    columns = [str(k) for k in range(len(counts))]
    table = Table("true \\ predicted", *columns, title="confusion", title_justify="left")
    for k, row in enumerate(counts):
        cells = [f"[bold]{count}[/]" if k == j else str(count or "·") for j, count in enumerate(row)]
        table.add_row(str(k), *cells)
    return table


def _mistakes(counts: list[list[int]]) -> Table:
    pairs = [(row[j], k, j) for k, row in enumerate(counts) for j in range(len(row)) if j != k and row[j]]
    table = Table("true", "predicted", "samples", title="commonest mistakes", title_justify="left")
    for count, k, j in sorted(pairs, key=lambda pair: (-pair[0], *pair[1:]))[:MAX_CLASSES_SHOWN]:
        table.add_row(str(k), str(j), str(count))
    return table
