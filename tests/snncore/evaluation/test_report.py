"""What the terminal shows of an evaluation."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from snncore.evaluation.report import MAX_CLASSES_SHOWN, print_report
from spikefront.accuracy import about_split

PLAIN: dict[str, Any] = {
    "split": "val",
    "accuracy": 75.0,
    "n": 8,
    "accuracy_at_t": [50.0, 75.0],
    "exit_confidence": 0.9,
    "exit_accuracy": 62.5,
    "exit_steps": 1.25,
    "firing_rate": [0.25, 0.125],
    "balanced_accuracy": 62.5,
    **about_split("val", (5, 3)),
}


def printed(report: dict[str, Any]) -> list[str]:
    file = io.StringIO()
    print_report(report, Console(file=file, width=200))
    return file.getvalue().splitlines()


def test_without_questions_accuracy_with_what_it_is_of_and_firing_are_shown() -> None:
    assert printed(PLAIN) == [
        "val accuracy 75.00 % (2 of 8 samples wrong; largest class 62.50 %), balanced 62.50 %",
        "validation accuracy is above what always guessing the largest class gives, 62.50 %, by no more than "
        "the standard error of 17.12 points",
        "  after 1 of 2 steps 50.00 %",
        "  after 2 of 2 steps 75.00 %",
        "  stopping at confidence 0.9: 62.50 % after 1.25 steps on average",
        "  spikes per neuron and step, by layer: 0.250, 0.125",
    ]


def test_a_small_confusion_matrix_is_shown_whole() -> None:
    lines = printed(PLAIN | {"confusion": [[5, 1], [0, 2]]})
    assert any(line.split("│")[1:-1] == [" 0                ", " 5 ", " 1 "] for line in lines)
    assert any(line.split("│")[1:-1] == [" 1                ", " · ", " 2 "] for line in lines)


def test_of_a_large_one_the_commonest_mistakes_are_listed() -> None:
    K = MAX_CLASSES_SHOWN + 1
    counts = [[9 if k == j else 0 for j in range(K)] for k in range(K)]
    counts[3][7], counts[4][0], counts[20][19] = 2, 5, 2
    lines = printed(PLAIN | {"confusion": counts})
    start = next(index for index, line in enumerate(lines) if "predicted" in line)
    cells = [line.split("│")[1:-1] for line in lines[start:] if "│" in line]
    assert [[int(cell) for cell in row] for row in cells] == [[4, 0, 5], [3, 7, 2], [20, 19, 2]]


def test_what_is_left_is_told_of_every_surrogate() -> None:
    through = [
        {"surrogate": "sigmoid", "surrogate_slope": 20.0, "is_own": True, "robust_accuracy": 80.0},
        {"surrogate": "arctan", "surrogate_slope": 2.0, "is_own": False, "robust_accuracy": 25.0},
    ]
    fgsm = {
        "epsilon": 0.1,
        "steps": 1,
        "step_size": 0.1,
        "seed": 0,
        "robust_accuracy": 24.0,
        "through": through,
    }
    assert printed(PLAIN | {"fgsm": fgsm})[-4:] == [
        "robust accuracy 24.00 % under FGSM, epsilon 0.1",
        "  of images that are right under every attack; under each alone:",
        "  80.00 % through sigmoid of slope 20, the network's own",
        "  25.00 % through arctan of slope 2",
    ]
