"""Latency of classifying a batch with all T steps: ours, its convolutions alone, SpikingJelly, snnTorch.

    python -m benchmarks.inference                    # batch 1 and 32, one thread and all of them, T = 4

The same network for all, branches left out, in evaluation; 32 × 32 images. Every row gets its turn in every
round. × floor: against T forward runs of the convolutions alone in the same precision. × SpikingJelly fp32:
against its network in evaluation. Peers are tried channels-last and channels-first, and the faster one
counts. Exits with 1 on a busy machine.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import torch

from benchmarks.rounds import fastest, interleaved
from benchmarks.rows import NO_SNNTORCH, has_snntorch, inference_rows, note_of
from benchmarks.setting import add_load_option, is_chosen, make_parser, prepare, settings
from benchmarks.surroundings import describe, in_words, is_quiet
from benchmarks.table import add_ratios, timed_row, timed_table, write_json

BASE = "SpikingJelly fp32"
BATCH_SIZES = (1, 32)


def main(argv: list[str] | None = None) -> int:
    parser = make_parser("inference", __doc__)
    parser.add_argument("--T", type=int, default=4, help="time steps")
    parser.add_argument("--steps", type=int, default=7, help="rounds, of one call or as many as fit 0.3 s")
    parser.add_argument("--warmup", type=int, default=2, help="calls of each row before that")
    add_load_option(parser)
    arguments = parser.parse_args(argv)
    batch_sizes = (arguments.batch_size,) if arguments.batch_size else BATCH_SIZES
    n_threads = arguments.threads
    prepare(arguments)
    threads = (n_threads,) if n_threads else tuple(dict.fromkeys((1, arguments.threads)))
    if not is_quiet(arguments.allow_load):
        return 1
    environment = describe(arguments.threads, arguments.allocator, arguments.device)
    print(in_words(environment))
    rows: list[dict[str, Any]] = []
    for batch_size in batch_sizes:
        for n in threads:
            rows += measured(arguments, batch_size, n)
            print(f"\n{arguments.arch}, T = {arguments.T}, batch {batch_size}, threads {n}\n")
            print(timed_table(row for row in rows if (row["batch_size"], row["threads"]) == (batch_size, n)))
    if not has_snntorch():
        print("\n" + NO_SNNTORCH)
    write_json(arguments, "inference", environment, rows)
    return 0


def measured(arguments: Namespace, batch_size: int, threads: int) -> list[dict[str, Any]]:
    """All rows of one batch size on so many threads."""
    torch.set_num_threads(threads)
    setting = settings(arguments, arguments.T, batch_size=batch_size)
    rows = [row for row in inference_rows() if is_chosen(row.name, arguments.only)]
    best = {row.name: fastest(row, setting) for row in rows}
    runs = {name: chosen.subject.run for name, chosen in best.items()}
    times = interleaved(runs, arguments.device, arguments.steps, arguments.warmup)
    result = []
    for row in rows:
        chosen = best[row.name]
        fields = {"T": setting.T, "batch_size": batch_size, "threads": threads, "precision": row.precision}
        note = note_of(row, chosen.variant, arguments.device)
        result.append(timed_row(row.name, times[row.name], note, **fields, tried=chosen.tried))
    add_ratios(result, "median_ms", BASE)
    return result


if __name__ == "__main__":
    raise SystemExit(main())
