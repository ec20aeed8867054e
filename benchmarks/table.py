"""Ratios, tables and JSON of what was measured."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.rounds import Times


def timed_row(name: str, times: Times, note: str = "", **fields: Any) -> dict[str, Any]:
    """A row for JSON, without ratios: see `add_ratios`."""
    low, high = times.quartiles_ms
    return {
        "name": name,
        **fields,
        "note": note,
        "median_ms": times.median_ms,
        "q25_ms": low,
        "q75_ms": high,
        "n": len(times.times_ms),
        "busy_cores": times.busy_cores,
        "under_load": times.under_load,
        "times_ms": times.times_ms,
    }


def add_ratios(rows: list[dict[str, Any]], value: str, base: str, same: Sequence[str] = ("T",)) -> None:
    """Set to_floor and to_spikingjelly: `value` over that of the floor of the same precision, and of `base`.

    Compared are rows that agree in the fields `same`; None where there is no such row.
    """
    for row in rows:
        peers = [other for other in rows if all(other[field] == row[field] for field in same)]
        floor = [other for other in peers if other["name"] == f"floor {row['precision']}"]
        bases = [other for other in peers if other["name"] == base]
        row["to_floor"] = row[value] / floor[0][value] if floor else None
        row["to_spikingjelly"] = row[value] / bases[0][value] if bases else None


def timed_table(rows: Iterable[dict[str, Any]]) -> str:
    """Markdown; * marks what was measured while other processes were busy."""
    cells = [
        (
            row["name"] + ("*" if row["under_load"] else ""),
            f"{row['median_ms']:.1f}",
            f"{row['q25_ms']:.1f}-{row['q75_ms']:.1f}",
            number(row["to_floor"]),
            number(row["to_spikingjelly"]),
            str(row["n"]),
            row["note"],
        )
        for row in rows
    ]
    return markdown(("row", "ms", "q25-q75", "× floor", "× SpikingJelly fp32", "n", "note"), cells)


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def write_json(
    arguments: argparse.Namespace, benchmark: str, environment: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    """To `arguments.json`; nothing without it."""
    if arguments.json is None:
        return
    options = {name: value for name, value in vars(arguments).items() if name != "json"}
    content = {"benchmark": benchmark, "options": options, "environment": environment, "rows": rows}
    Path(arguments.json).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
