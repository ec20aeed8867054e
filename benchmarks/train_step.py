"""One training step: ours, the floor of its convolutions, SpikingJelly and snnTorch.

    python -m benchmarks.train_step                              # ResNet-18 with three branches, T = 6
    python -m benchmarks.train_step --T 2 8 --only ours,floor    # how the step grows with T

Same network, branches, loss and optimizer for all; 32 × 32 images. Every row gets its turn in every round.
× floor: against the convolutions alone in the same precision. × SpikingJelly fp32: against its BPTT. Peers
are tried channels-last and channels-first, and the faster one counts. Exits with 1 on a busy machine.
"""

from __future__ import annotations

from typing import Any

from benchmarks.rounds import fastest, interleaved
from benchmarks.rows import BASE, NO_SNNTORCH, has_snntorch, note_of, training_rows
from benchmarks.setting import add_load_option, is_chosen, make_parser, prepare, settings
from benchmarks.surroundings import describe, in_words, is_quiet
from benchmarks.table import add_ratios, markdown, number, timed_row, timed_table, write_json


def main(argv: list[str] | None = None) -> int:
    parser = make_parser("train_step", __doc__)
    parser.add_argument("--T", type=int, nargs="+", default=[6], help="time steps; several are compared")
    parser.add_argument("--steps", type=int, default=7, help="timed steps of each row, at least")
    parser.add_argument("--warmup", type=int, default=2, help="steps of each row before that")
    add_load_option(parser)
    arguments = parser.parse_args(argv)
    prepare(arguments)
    if not is_quiet(arguments.allow_load):
        return 1
    environment = describe(arguments.threads, arguments.allocator, arguments.device)
    print(in_words(environment))
    print(f"{arguments.arch}, batch {arguments.batch_size}, {arguments.classes} classes, {arguments.device}")
    rows = measured(arguments)
    for T in arguments.T:
        print(f"\nT = {T}\n\n" + timed_table(row for row in rows if row["T"] == T))
    if len(arguments.T) > 1:
        print("\n" + growth(rows, arguments.T))
    if not has_snntorch():
        print("\n" + NO_SNNTORCH)
    write_json(arguments, "train_step", environment, rows)
    return 0


def measured(arguments: Any) -> list[dict[str, Any]]:
    """All rows, for all T, in one run."""
    wanted = [row for row in training_rows() if is_chosen(row.name, arguments.only)]
    rows = {(T, row.name): row for T in arguments.T for row in wanted}
    best = {key: fastest(row, settings(arguments, key[0])) for key, row in rows.items()}
    runs = {key: chosen.subject.run for key, chosen in best.items()}
    times = interleaved(runs, arguments.device, arguments.steps, arguments.warmup)
    result = []
    for key, row in rows.items():
        note = note_of(row, best[key].variant, arguments.device)
        fields = {"T": key[0], "precision": row.precision, "tried": best[key].tried}
        result.append(timed_row(row.name, times[key], note, **fields))
    add_ratios(result, "median_ms", BASE)
    return result


def growth(rows: list[dict[str, Any]], steps: list[int]) -> str:
    """How much longer a step is at the largest T than at the smallest."""
    low, high = min(steps), max(steps)
    of = {(row["T"], row["name"]): row["median_ms"] for row in rows}
    names = dict.fromkeys(row["name"] for row in rows)
    cells = [(name, number(of[high, name] / of[low, name])) for name in names]
    return markdown(("row", f"T = {high} over T = {low}"), cells)


if __name__ == "__main__":
    raise SystemExit(main())
