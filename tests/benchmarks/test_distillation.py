"""The distillation study: its runs are those it promises, and its tables say what the results say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.distillation import PAGE, TABLES, all_runs, into_page, tables
from snncore.config.load import make_config

PAIR = ["strong2weak-0.1", "strong2weak-1"]
ROWS = {
    "static-p2": ["none", *PAIR, "weak2strong-0.1", "weak2strong-1"],
    "static-default": ["none", *PAIR],
    "events-p2": ["none", *PAIR, "weak2strong-1"],
    "branches": ["none", "supervised", "deepest-0.3", "ensemble-0.3", "reliable-0.3"],
}


def test_every_method_has_three_seeds_in_the_setting_of_the_page() -> None:
    runs = all_runs()
    counts = Counter((run.table.name, run.method) for run in runs)
    assert set(counts.values()) == {3}
    assert {table.name: [method.name for method in table.methods] for table in TABLES} == ROWS
    assert len(runs) == len({run.name for run in runs}) == 3 * 17
    for run in runs:
        config = make_config(run.config("data"))
        assert (config.T, config.model.arch, config.model.width) == (4, "convnet", 0.5)
        assert (config.data.size, config.data.train_limit, config.optim.epochs) == (16, 4_000, 6)
        assert config.measure.exit_confidence == 0.8
        assert (config.neuron.surrogate == "rectangular") == run.table.name.endswith("-p2")
        assert (config.data.events == "saccades") == run.table.name.startswith("events")


def test_methods_of_a_table_differ_in_method_alone() -> None:
    for table in TABLES:
        rests = set()
        for run in all_runs():
            if run.table is table and run.seed == 0:
                values = make_config(run.config("data")).as_dict()
                del values["distillation"], values["gradient"]
                rests.add(json.dumps(values, sort_keys=True))
        assert len(rests) == 1


def test_tables_give_mean_sd_and_gain_against_the_same_seeds(tmp_path: Path) -> None:
    obtained = {"none": {0: 80.0, 1: 82.0, 2: 84.0}, "strong2weak-1": {0: 81.0, 2: 86.0}}  # seed -> test
    for run in all_runs():
        test = obtained.get(run.method.name, {}).get(run.seed)
        if run.table.name == "static-default" and test is not None:
            folder = tmp_path / run.name
            folder.mkdir()
            metrics = {
                "test_accuracy_at_1": test - 10,
                "test_exit_accuracy": test - 1,
                "test_exit_steps": 2.0,
            }
            result = {"test_accuracy": test, "metrics": metrics}
            (folder / "result.json").write_text(json.dumps(result))
    lines = tables(tmp_path).splitlines()
    # sd of 80, 82, 84 is 2; of 81, 86 it is 5/sqrt(2); the gains are 1 and 2.
    none = "| none |  | 82.00 ± 2.00 | 72.00 ± 2.00 | 81.00 ± 2.00 | 2.00 ± 0.00 | 3 |  |  |"
    taught = "| 83.50 ± 3.54 | 73.50 ± 3.54 | 82.50 ± 3.54 | 2.00 ± 0.00 | 2 | +1.50 ± 0.71 | +1.50 ± 0.71 |"
    assert none in lines
    assert f"| strong2weak | 1 {taught}" in lines
    assert "| strong2weak | 0.1 | – | – | – | – | 0 | – | – |" in lines


def test_tables_go_between_the_marks_of_the_page() -> None:
    page = "before\n<!-- tables -->\nold\n<!-- end of tables -->\nafter\n"
    assert into_page("new \\1", page) == (
        "before\n<!-- tables -->\n\nnew \\1\n\n<!-- end of tables -->\nafter\n"
    )
    with pytest.raises(AssertionError, match="the page has no"):
        into_page("new", "nothing")
    assert into_page("x", (Path(__file__).parents[2] / PAGE).read_text()).count("\nx\n") == 1
