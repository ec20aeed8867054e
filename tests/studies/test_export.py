from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from studies.configs import config_text, exported_config, measured, write_config, write_front
from studies.errors import StudyError
from studies.export import main
from studies.model import Study
from studies.record import write_study
from tests.studies.make import REPEATABLE, make_study, make_trial


@pytest.fixture
def study() -> Study:
    measures = {"latency_ms_q25": 0.9, "latency_ms_q75": 1.25, "latency_under_load": True}
    first = make_trial(0, (90.0, 10.0, 1.0))
    trials = [
        make_trial(0, (90.0, 10.0, 1.0), metrics={**first.metrics, **measures}, epochs_trained=20),
        make_trial(1, (80.0, 5.0, 2.0)),
        make_trial(2, (70.0, 50.0, 9.0)),
    ]
    return make_study(trials)


@pytest.fixture
def run(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    write_study(study, tmp_path / "runs" / "digits")
    return "runs/digits"


def load(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def test_the_exported_config_is_the_trials_but_for_origin_and_out(study: Study) -> None:
    trial = study.trials[1]
    config = exported_config(study, trial, "runs/digits")
    assert config == {
        **trial.config,
        "origin": {"study": "digits", "trial": 1},
        "out": "runs/digits/finals/trial-0001",
    }
    assert trial.config["out"] is None
    config["distillation"]["branches"].append(9)
    assert trial.config["distillation"]["branches"] == [1, 3]


def test_a_run_folder_below_here_is_named_from_here(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        exported_config(study, study.trials[0], tmp_path / "runs" / "x")["out"] == "runs/x/finals/trial-0000"
    )
    elsewhere = exported_config(study, study.trials[0], "/elsewhere/x")["out"]
    assert elsewhere == "/elsewhere/x/finals/trial-0000"


# Names and texts that YAML could take for something else, and floats of every size.
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6),
    st.sampled_from(
        ["1e-3", "yes", "null", "1,3", "~", "0x1F", "1_0", "a: b", "# c", "- d", "?0", "2030-01-01", ""]
    ),
)
mappings = st.dictionaries(
    st.from_regex(r"[A-Za-z_]{1,6}", fullmatch=True),
    st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("k"), inner), max_leaves=4
    ),
    min_size=1,
)


@REPEATABLE
@given(mappings)
def test_every_config_is_read_back_as_it_was_in_its_order(config: dict[str, Any]) -> None:
    again = YAML(typ="safe", pure=True).load(config_text(config, "a\nb"))
    assert repr(again) == repr(config)


def test_a_shared_list_is_written_twice_and_not_as_an_anchor() -> None:
    shared = [1, 2]
    assert "&" not in config_text({"a": shared, "b": shared, "c": (shared,)})


def test_a_file_that_exists_stays_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "new" / "best.yaml"
    write_config({"T": 1}, path)
    with pytest.raises(StudyError, match=r"best\.yaml: exists already; choose another name, or use --force"):
        write_config({"T": 2}, path)
    assert load(path) == {"T": 1}
    write_config({"T": 2}, path, overwrite=True)
    assert load(path) == {"T": 2}
    with pytest.raises(StudyError, match="new: is a folder, not a file"):
        write_config({"T": 2}, path.parent, overwrite=True)


def test_what_yaml_cannot_hold_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="config cannot be written as YAML"):
        write_config({"T": object()}, tmp_path / "best.yaml")
    assert list(tmp_path.iterdir()) == []


def test_measured_tells_units_quartiles_and_load(study: Study) -> None:
    assert measured(study, study.trials[0]) == (
        "val_accuracy 90.00 %; train_memory_mib 10.0 MiB; latency_ms 1.00 ms"
        " (quartiles 0.900 to 1.25), measured while other trials ran"
    )
    assert measured(study, make_trial(9)) == "nothing"


def test_measured_tells_the_quiet_machine_and_the_spread_over_seeds() -> None:
    one = make_trial(0, (91.0, 9.0, 2.0))
    again = make_trial(1, (91.4, 9.0, 2.0), replicate_of=0)
    quiet = {"latency_ms_quiet": 1.5, "latency_ms_quiet_q25": 1.4, "latency_ms_quiet_q75": 1.6}
    one = make_trial(0, (91.0, 9.0, 2.0), metrics={**one.metrics, **quiet})
    assert measured(make_study([one, again]), one) == (
        "val_accuracy 91.00 % (over seeds 91.20 ± 0.28 (n = 2)); train_memory_mib 9.00 MiB; "
        "latency_ms 2.00 ms (quiet 1.50 ms, quartiles 1.40 to 1.60)"
    )
    busy = make_trial(0, (91.0, 9.0, 2.0), metrics={**one.metrics, "latency_quiet_under_load": True})
    told = "(quiet 1.50 ms, quartiles 1.40 to 1.60; not quiet: the machine was busy then)"
    assert measured(make_study([busy]), busy).endswith(told)


def test_the_front_folder_holds_no_replicates(tmp_path: Path) -> None:
    study = make_study([make_trial(0, (91.0, 9.0, 2.0)), make_trial(1, (95.0, 1.0, 1.0), replicate_of=0)])
    assert [path.name for path in write_front(study, tmp_path)] == ["trial-0000.yaml"]


# The command -------------------------------------------------------------------------------------


def test_export_writes_the_config_and_says_what_to_type_next(
    run: str, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([run, "--pick", "best:val_accuracy", "--out", "my best.yaml"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("wrote my best.yaml: trial 0 of digits, val_accuracy 90.00 %; ")
    assert printed.endswith("next: python -m snncore.train 'my best.yaml'\n")
    path = Path(shlex.split(printed.rpartition("snncore.train ")[2])[0])
    assert load(path) == exported_config(study, study.trials[0], run)
    head = path.read_text().splitlines()[:3]
    assert head[0] == "# SpikeFront: trial 0 of study digits, picked by best:val_accuracy"
    assert head[1].startswith("# measured after 20 epochs: val_accuracy 90.00 %; train_memory_mib 10.0 MiB; ")
    assert head[2] == "# train it to the end: python -m snncore.train 'my best.yaml'"


def test_export_prints_the_metrics_that_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    first = make_trial(0, (90.0, 10.0, 1.0))
    more = {"firing_rate": 0.125, "macs": 300, "synops": 5}
    write_study(make_study([make_trial(0, (90.0, 10.0, 1.0), metrics={**first.metrics, **more})]), "one")
    rule = "best:firing_rate where macs<=400 and T==4"
    assert main(["one", "--pick", rule, "--out", "a.yaml"]) == 0
    told = "latency_ms 1.00 ms; firing_rate 0.125; macs 300"
    assert f"{told}\n" in capsys.readouterr().out
    assert "firing_rate 0.125" not in Path("a.yaml").read_text(), "the report shows that file for any rule"


def test_a_rule_with_a_line_break_stays_in_the_comment(run: str, study: Study) -> None:
    assert main([run, "--pick", "best:val_accuracy\nwhere T<=9", "--out", "best.yaml"]) == 0
    assert load(Path("best.yaml")) == exported_config(study, study.trials[0], run)


def test_force_replaces_and_nothing_else_does(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("best.yaml").write_text("mine")
    assert main([run, "--pick", "knee", "--out", "best.yaml"]) == 2
    assert Path("best.yaml").read_text() == "mine"
    assert "error: best.yaml: exists already" in capsys.readouterr().err
    assert main([run, "--pick", "knee", "--out", "best.yaml", "--force"]) == 0
    assert load(Path("best.yaml"))["origin"]["study"] == "digits"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs/none", "--pick", "knee", "--out", "x.yaml"], "error: runs/none: no such folder"),
        (["runs/digits", "--pick", "trial:7", "--out", "x.yaml"], "error: there is no trial 7"),
        (
            ["runs/digits", "--pick", "?", "--out", "x.yaml"],
            "error: cannot use this rule:\n  ?\n  ^ expected knee",
        ),
        (["runs/digits", "--pick", "knee", "--out", "runs"], "error: runs: is a folder"),
        (["runs/digits", "--pick", "knee", "--out", "runs/digits/trials.parquet/x"], "error: "),
    ],
)
def test_bad_input_ends_with_2_and_one_block(
    arguments: list[str], message: str, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(message)
    assert printed.out == ""
    assert not Path("x.yaml").exists()


def test_usage_errors_exit_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["runs/digits"])
    assert "--pick" in capsys.readouterr().err


# The configs of the front ------------------------------------------------------------------------


def test_the_front_folder_holds_the_front_and_nothing_of_ours_besides(study: Study, tmp_path: Path) -> None:
    front = tmp_path / "front"
    paths = write_front(study, tmp_path)
    assert [path.name for path in paths] == ["trial-0000.yaml", "trial-0001.yaml"]
    assert load(paths[1]) == exported_config(study, study.trials[1], tmp_path)
    assert (
        paths[1]
        .read_text()
        .startswith("# SpikeFront: trial 1 of study digits, on its front\n# measured: val")
    )
    (front / "notes.txt").write_text("mine")
    (front / "trial-0007.yaml").write_text("mine")
    (front / "trial-1.yaml").write_text("# SpikeFront: not a name of ours")
    better = make_study([*study.trials, make_trial(3, (85.0, 4.0, 0.5))])
    assert [path.name for path in write_front(better, tmp_path)] == ["trial-0000.yaml", "trial-0003.yaml"]
    names = sorted(path.name for path in front.iterdir())
    assert names == ["notes.txt", "trial-0000.yaml", "trial-0003.yaml", "trial-0007.yaml", "trial-1.yaml"]


def test_files_that_would_not_change_are_left_alone(study: Study, tmp_path: Path) -> None:
    before = [path.stat().st_ino for path in write_front(study, tmp_path)]
    assert [path.stat().st_ino for path in write_front(study, tmp_path)] == before
    (tmp_path / "front" / "trial-0000.yaml").write_text("# SpikeFront: changed by hand")
    write_front(study, tmp_path)
    assert load(tmp_path / "front" / "trial-0000.yaml")["origin"]["trial"] == 0


def test_an_empty_front_makes_no_folder_and_empties_an_old_one(study: Study, tmp_path: Path) -> None:
    assert write_front(make_study([]), tmp_path) == []
    assert list(tmp_path.iterdir()) == []
    write_front(study, tmp_path)
    assert write_front(make_study([make_trial(0)]), tmp_path) == []
    assert list((tmp_path / "front").iterdir()) == []
