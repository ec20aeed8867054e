"""The distillation study: its runs are those it promises, and its tables say what the results say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.distillation import PAGE, TABLES, Method, all_runs, into_page, tables
from snncore.config import make_config

CONVNET = {
    "rate": ["none", "supervised", "deepest", "ensemble", "reliable"],
    "bptt": ["none", "strong2weak", "weak2strong", "strong2weak, cascade"],
}


def test_every_method_has_three_seeds_and_equal_epochs() -> None:
    runs = all_runs()
    counts = Counter((run.table.name, run.method) for run in runs)
    assert set(counts.values()) == {3}
    assert len(runs) == len({run.name for run in runs}) == 39
    convnet, resnet = TABLES
    for gradient, names in CONVNET.items():
        assert [m.name for m in convnet.methods if m.gradient == gradient] == names
    for run in runs:
        config = make_config(run.config("data"))
        assert config.T == 4
        small = run.table is resnet
        assert (config.data.train_limit, config.optim.epochs) == ((6_000, 5) if small else (12_000, 10))
        assert config.model.arch == run.table.name


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
    obtained = {  # seed -> test accuracy
        Method("rate", "none"): {0: 80.0, 1: 82.0, 2: 84.0},
        Method("rate", "reliable"): {0: 81.0, 2: 86.0},
    }
    for run in all_runs():
        if run.table.name == "convnet" and run.seed in obtained.get(run.method, {}):
            folder = tmp_path / run.name
            folder.mkdir()
            test = obtained[run.method][run.seed]
            result = {"test_accuracy": test, "val_accuracy": test + 1}
            (folder / "result.json").write_text(json.dumps(result))
    lines = tables(tmp_path).splitlines()
    # sd of 80, 82, 84 is 2; of 81, 86 it is 5/sqrt(2); the gains are 1 and 2.
    assert "| rate | none | 83.00 ± 2.00 | 82.00 ± 2.00 | 3 |  |" in lines
    assert "| rate | reliable | 84.50 ± 3.54 | 83.50 ± 3.54 | 2 | +1.50 ± 0.71 |" in lines
    assert "| bptt | strong2weak | – | – | 0 | – |" in lines


def test_tables_go_between_the_marks_of_the_page() -> None:
    page = "before\n<!-- tables -->\nold\n<!-- end of tables -->\nafter\n"
    assert into_page("new \\1", page) == (
        "before\n<!-- tables -->\n\nnew \\1\n\n<!-- end of tables -->\nafter\n"
    )
    with pytest.raises(AssertionError, match="the page has no"):
        into_page("new", "nothing")
    assert into_page("x", (Path(__file__).parents[2] / PAGE).read_text()).count("\nx\n") == 1
