"""Peak memory of one training step over T, `train_memory_mib`: ours, SpikingJelly and snnTorch.

    python -m benchmarks.memory                       # ResNet-18 with three branches, batch 32 on a CPU

The same numbers on every run, on a busy machine too. The floor has no row: no training could have its memory.
Of the two layouts of a peer the one that needs less counts. Parts, in MiB:

    state        weights, buffers, momentum and the batch, which live between two steps
    gradients    of all weights, in full at the end of the backward pass
    saved        what autograd keeps for the backward pass, in full at the end of the forward pass
    rest         peak − the three: transient tensors; below 0, since gradients come as what was saved goes
"""

from __future__ import annotations

import gc
from argparse import Namespace
from typing import Any

import psutil
import torch
from torch import Tensor

from benchmarks.rounds import cheapest
from benchmarks.rows import BASE, NO_SNNTORCH, Row, Subject, has_snntorch, note_of, training_rows
from benchmarks.setting import is_chosen, make_parser, prepare, settings
from benchmarks.surroundings import describe, in_words
from benchmarks.table import add_ratios, markdown, number, write_json
from snncore.measure.memory import MIB, peak_mib, tensor_bytes

PARTS = ("state_mib", "gradients_mib", "saved_mib", "rest_mib")


def main(argv: list[str] | None = None) -> int:
    parser = make_parser("memory", __doc__)
    parser.add_argument("--T", type=int, nargs="+", default=[1, 2, 4, 6, 8, 16], help="time steps")
    parser.add_argument("--peer-T", type=int, nargs="+", default=[6, 16], help="those of the peers")
    arguments = parser.parse_args(argv)
    prepare(arguments)
    environment = describe(arguments.threads, arguments.allocator, arguments.device)
    print(in_words(environment))
    print(
        f"{arguments.arch}, batch {arguments.batch_size}, {arguments.classes} classes, {arguments.device}\n"
    )
    rows = measured(arguments)
    print(table(rows))
    if len(arguments.T) > 1:
        print("\n" + growth(rows, min(arguments.T), max(arguments.T)))
    if not has_snntorch():
        print("\n" + NO_SNNTORCH)
    write_json(arguments, "memory", environment, rows)
    return 0


def measured(arguments: Namespace) -> list[dict[str, Any]]:
    """Row by row, from the smallest T to the largest."""
    result: list[dict[str, Any]] = []
    for row in training_rows():
        if row.is_floor or not is_chosen(row.name, arguments.only):
            continue
        for T in sorted(arguments.T):
            if not row.is_ours and T not in arguments.peer_T:
                continue
            expected_mib = expected_peak_mib(row.name, T, result)
            if expected_mib > free_mib(arguments.device):
                print(f"{row.name} at T = {T} left out: it would need about {expected_mib:.0f} MiB\n")
                continue
            result.append(measured_row(row, T, arguments))
            gc.collect()
    add_ratios(result, "peak_mib", BASE)
    return result


def measured_row(row: Row, T: int, arguments: Namespace) -> dict[str, Any]:
    def peak(subject: Subject) -> float:
        return peak_mib(*subject, arguments.device)

    chosen = cheapest(row, settings(arguments, T), peak)
    subject = chosen.subject
    values = {"peak_mib": peak(subject), "state_mib": tensor_bytes(subject.alive) / MIB}
    values["gradients_mib"] = tensor_bytes(t for t in subject.alive if t.requires_grad) / MIB
    values["saved_mib"] = saved_mib(subject)
    parts = (values[name] for name in PARTS if name in values)
    values["rest_mib"] = values["peak_mib"] - sum(parts)
    note = note_of(row, chosen.variant, arguments.device)
    return {
        "name": row.name,
        "T": T,
        "precision": row.precision,
        "note": note,
        "tried": chosen.tried,
        **values,
    }


def saved_mib(subject: Subject) -> float:
    """What autograd keeps for the backward pass in one run, each storage once, but what lives anyway."""
    alive = {tensor.untyped_storage().data_ptr() for tensor in subject.alive}
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        subject.run()
    return sum(size for place, size in storages.items() if place not in alive) / MIB


def expected_peak_mib(name: str, T: int, rows: list[dict[str, Any]]) -> float:
    """From what the same row needed at its last T, as if all of it grew with T; 0 before the first."""
    peaks = [row["peak_mib"] * T / row["T"] for row in rows if row["name"] == name]
    return peaks[-1] if peaks else 0.0


def free_mib(device: str) -> float:
    if device == "cuda":
        return float(torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()) / MIB
    return float(psutil.virtual_memory().available) / MIB


def table(rows: list[dict[str, Any]]) -> str:
    cells = [
        (
            row["name"],
            str(row["T"]),
            number(row["peak_mib"], 1),
            number(row["to_spikingjelly"]),
            *(number(row[part], 1) for part in PARTS),
            row["note"],
        )
        for row in rows
    ]
    header = ("row", "T", "peak, MiB", "× SpikingJelly fp32", "state", "gradients", "saved", "rest", "note")
    return markdown(header, cells)


def growth(rows: list[dict[str, Any]], low: int, high: int) -> str:
    """By how many MiB the peak and its parts grow from one T to the other, of rows that were run at both."""
    of = {(row["name"], row["T"]): row for row in rows}
    cells = []
    for name in dict.fromkeys(row["name"] for row in rows):
        if (name, low) not in of or (name, high) not in of:
            continue
        first, last = of[name, low], of[name, high]
        cells.append((name, *(number(last[part] - first[part], 1) for part in ("peak_mib", *PARTS))))
    header = (f"growth from T = {low} to {high}, MiB", "peak", "state", "gradients", "saved", "rest")
    return markdown(header, cells)


if __name__ == "__main__":
    raise SystemExit(main())
