"""The numbers on the page against those of the files, read and reckoned anew in a few lines."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from studies.record import write_study
from tests.reports.conftest import Opened

Row = dict[str, Any]
NAMES = ("val_accuracy", "train_memory_mib", "latency_ms")
STATES = {
    "complete": "complete",
    "stopped": "stopped early",
    "infeasible": "infeasible",
    "failed": "failed",
    "running": "running",
}


@pytest.fixture
def rows(digits: Opened) -> list[Row]:
    """The trials of the study as its file holds them, without those that trained a config again."""
    write_study(digits.study, digits.path.parent)
    table = pq.read_table(digits.path.parent / "trials.parquet").to_pylist()
    return [row for row in table if row["replicate_of"] is None]


def measured(rows: list[Row]) -> list[Row]:
    limits = [name for name in rows[0] if name.startswith("constraint.")]
    return [r for r in rows if r["state"] == "complete" and all((r[limit] or 0) <= 0 for limit in limits)]


def losses(row: Row) -> tuple[float, ...]:
    accuracy, *costs = (row[f"value.{name}"] for name in NAMES)
    return (-accuracy, *costs)


def front_of(rows: list[Row]) -> list[Row]:
    good = measured(rows)
    return [row for row in good if not any(betters(other, row) for other in good)]


def betters(one: Row, other: Row) -> bool:
    a, b = losses(one), losses(other)
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


def test_the_table_holds_the_front_with_the_values_of_the_file(digits: Opened, rows: list[Row]) -> None:
    record = {row["number"]: row for row in rows}
    cells = digits.page.evaluate(
        """[...document.querySelectorAll("#front-table tbody tr")].map((row) => Object.fromEntries(
            [...row.querySelectorAll("[data-column]")].map((cell) =>
                [cell.dataset.column, cell.dataset.value ?? null])))"""
    )
    assert len(cells) > 3
    for row in cells:
        for column, text in row.items():
            expected = record[int(row["number"])][column]
            if expected is None or isinstance(expected, str):
                assert text == expected, column
            else:
                assert float(text) == expected, column
    assert sorted(int(row["number"]) for row in cells) == [row["number"] for row in front_of(rows)]


def amounts(text: str) -> list[float]:
    """The numbers before a unit, in the order of the text."""
    return [float(n.replace(",", "")) for n in re.findall(r"([\d.,]+)\s(?:%|MiB|GiB|ms|s)(?!\w)", text)]


def test_the_sentences_tell_the_best_and_the_cheapest_nearly_as_good(digits: Opened, rows: list[Row]) -> None:
    best_said, _, cheap_said = digits.page.locator(".lead p:not(.eyebrow)").all_inner_texts()
    good = measured(rows)
    best = min(good, key=losses)
    assert f"reached by trial {best['number']}" in best_said
    told = amounts(re.sub(r"\(.*?\)", "", best_said))
    assert told == pytest.approx([best[f"value.{name}"] for name in NAMES], rel=5e-3)
    near = [r for r in good if r["value.val_accuracy"] >= best["value.val_accuracy"] - 1 - 1e-9]
    assert len(near) > 1
    for name in NAMES[1:]:
        least = min(r[f"value.{name}"] for r in near)
        if least < best[f"value.{name}"]:
            assert any(said == pytest.approx(least, rel=5e-3) for said in amounts(cheap_said)), name


def test_the_facts_count_trials_and_epochs(digits: Opened, rows: list[Row]) -> None:
    told = digits.page.locator(".facts").inner_text().replace("\u00a0", " ").replace(",", "")
    for state, words in STATES.items():
        count = sum(row["state"] == state for row in rows)
        assert (f"{count} {words}" in told) == (count > 0), state
    assert f"{sum(row['epochs_trained'] for row in rows)} epochs" in told


def hypervolumes(points: np.ndarray, corner: np.ndarray) -> list[float]:
    """Of the first n points, for each n: the cells between all coordinates that some point reaches."""
    edges = [np.unique([*points[:, axis], corner[axis]]) for axis in range(points.shape[1])]
    sizes = [np.diff(ends) for ends in edges]
    volume = np.einsum("i,j,k->ijk", *sizes)
    covered = np.zeros(volume.shape, dtype=bool)
    totals = []
    for point in points:
        x, y, z = (ends[:-1] >= value for ends, value in zip(edges, point, strict=True))
        covered |= x[:, None, None] & y[None, :, None] & z[None, None, :]
        totals.append(float(volume[covered].sum()))
    return totals


def test_the_curve_of_the_hypervolume(digits: Opened, rows: list[Row]) -> None:
    good = {row["number"] for row in measured(rows)}
    ended = sorted(
        (r for r in rows if r["state"] != "running"), key=lambda r: (r["finished_at"], r["number"])
    )
    points = np.array([losses(row) for row in ended if row["number"] in good])
    worst, best = points.max(axis=0), points.min(axis=0)
    volumes = hypervolumes(points, worst + 0.1 * (worst - best))
    counts = np.cumsum([row["number"] in good for row in ended])
    expected = [100 * volumes[n - 1] / volumes[-1] if n else 0.0 for n in counts]
    assert digits.plot("hypervolume", "plot.data[0].y") == pytest.approx(expected, rel=1e-3)
    grew = [row["number"] for row, (a, b) in zip(ended, pairwise([0.0, *expected]), strict=True) if b > a]
    assert digits.plot("hypervolume", "plot.data[1].customdata") == grew
    epochs = digits.plot("hypervolume", "plot.layout.xaxis.title.text")
    assert epochs == "Finished trials"


def test_what_early_stopping_saved(digits: Opened, rows: list[Row]) -> None:
    full = [json.loads(row["config"])["optim"]["epochs"] for row in rows]
    spent, whole = sum(row["epochs_trained"] for row in rows), sum(full)
    told = digits.page.locator("figure:has([data-figure='savings'])").inner_text().replace(",", "")
    assert str(spent) in told
    assert str(whole) in told


def test_the_curves_hold_the_epochs_of_the_front(digits: Opened, rows: list[Row]) -> None:
    epochs = pq.read_table(digits.path.parent / "epochs.parquet").to_pylist()
    traces = digits.plot("curves", "plot.data.map(({meta, yaxis, y}) => [meta, yaxis ?? 'y', y])")
    own: dict[int, list[Row]] = {}
    for row in epochs:
        own.setdefault(row["number"], []).append(row)
    shown = {(meta, axis): y for meta, axis, y in traces if isinstance(meta, int)}
    assert {number for number, _ in shown} >= {row["number"] for row in front_of(rows)}
    for (number, axis), values in shown.items():
        rows_of = own[number]
        if axis == "y3":
            expected = [float(np.mean(row["reliable_share"])) for row in rows_of if row["reliable_share"]]
        else:
            name = {"y": "val_accuracy", "y2": "train_loss"}[axis]
            expected = [row[name] for row in rows_of]
        assert [value for value in values if value is not None] == pytest.approx(expected, rel=1e-3)
