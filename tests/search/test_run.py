"""The command line: what it prints, what it refuses, with which exit code. No Ray is started."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from search import run
from search.errors import SearchError, StudyFailedError
from search.run import main, parse_overrides
from studies.model import Study, StudyInfo

SPACE = """
name: toy
base: {optim: {epochs: 3}}
search:
  T: {int: [1, 8]}
  model.width: {choice: [1.0, 2.0]}
objectives: {val_accuracy: maximize, train_memory_mib: minimize}
"""


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "toy.yaml"
    path.write_text(SPACE)
    return str(path)


@pytest.fixture(autouse=True)
def _no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: str) -> None:
        raise AssertionError("Ray must not be started")

    monkeypatch.setattr("search.engine.ray_cluster", refuse)


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The message of a refusal: exit code 2, one block on stderr, no traceback, nothing on stdout."""
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("options", [["--dry-run"], []])
@pytest.mark.parametrize("how", ["base", "searched", "set"])
def test_an_own_network_that_cannot_be_imported_is_reported_before_anything_starts(
    space: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, options: list[str], how: str
) -> None:
    text = SPACE
    if how == "base":
        text = text.replace("base: {", "base: {model: {arch: 'my_net:build'}, ")
    if how == "searched":
        text = text.replace("search:", "search:\n  model.arch: {choice: [convnet, 'my_net:build']}")
    Path(space).write_text(text)
    more = ["--set", "model.arch=my_net:build"] if how == "set" else []
    err = _refused(capsys, "--space", space, *options, *more)
    assert err == (
        "error: model.arch: my_net:build: cannot be imported: No module named 'my_net'; "
        "see docs/architectures.md\n"
    )
    assert not (tmp_path / "runs" / "toy" / "journal.log").exists()


def test_a_dry_run_prints_the_space_and_three_configs_and_writes_nothing(
    space: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["--space", space, "--dry-run", "--trials", "7", "--seed", "3"]) == 0
    out = capsys.readouterr().out
    resolved, *configs = YAML(typ="safe", pure=True).load_all(out)
    assert resolved["budget"] == {"trials": 7}
    assert resolved["sampler"]["seed"] == 3
    assert len(configs) == 3
    for config in configs:
        assert 1 <= config["T"] <= 8
        assert config["optim"]["epochs"] == 3
        assert config["optim"]["momentum"] == 0.9, "defaults are written out"
    assert [path.name for path in tmp_path.iterdir()] == ["toy.yaml"]


def test_a_dry_run_is_the_same_every_time(space: str, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = []
    for _ in range(2):
        main(["--space", space, "--dry-run"])
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


def test_a_searched_field_that_is_set_leaves_the_search_and_says_so(
    space: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--space", space, "--dry-run", "--set", "T=3", "--set", "optim.lr=1e-2"]) == 0
    out, err = capsys.readouterr()
    resolved = next(iter(YAML(typ="safe", pure=True).load_all(out)))
    assert "T" not in resolved["search"]
    assert resolved["base"]["T"] == 3
    assert resolved["base"]["optim"]["lr"] == 0.01
    assert err.count("\n") == 1
    assert err.startswith("T")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--space: needed"),
        (["--resume"], "--space: needed"),
        (["--resume", "--study", "toy"], "no study 'toy'"),
        (["--resume", "--study", "toy", "--set", "T=1"], "--set: cannot change a study that exists"),
        (["--space", "nowhere.yaml"], "nowhere.yaml"),
        (["--dry-run", "--resume", "--study", "toy"], "--dry-run: needs --space"),
    ],
)
def test_refused_without_a_space(
    arguments: list[str], message: str, space: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in _refused(capsys, *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "optim.epochs"], "--set: got 'optim.epochs', allowed: KEY=VALUE"),
        (["--set", "T=[1"], "--set: the value of 'T=[1' is not YAML"),
        (["--set", "optim.lrr=1"], "optim.lrr"),
        (["--set", "T=zero"], "T"),
        (["--time-budget", "soon"], "--time-budget: got 'soon'"),
        (["--address", "ray://head:10001"], "`ray job submit`"),
        (["--study", "a/b"], "--study: got 'a/b'"),
        (["--resume"], "no study 'toy' in "),
        (["--fresh-name", "--resume"], "--fresh-name: begins a new study"),
        (["--storage", "nodb://x"], "--storage: nodb://x cannot be opened"),
        (["--set", "data.name=cifar10"], "spikefront data cifar10"),
        (
            ["--set", "data.name=cifar10", "--set", "data.root=/nowhere"],
            "spikefront data cifar10 --root /nowhere",
        ),
    ],
)
def test_refused_with_a_space(
    arguments: list[str], message: str, space: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert message in _refused(capsys, "--space", space, *arguments)
    assert not (tmp_path / "runs" / "toy").exists(), "a refusal leaves nothing behind"


def test_a_study_that_exists_is_refused_and_untouched(
    space: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from search.checker import TrainerChecker
    from search.study.attributes import StudyAttributes
    from search.study.folder import RunFolder
    from search.study.opening import create
    from spaces.load import load_space

    folder = RunFolder.of("runs", "toy")
    folder.path.mkdir(parents=True)
    create(folder, None, StudyAttributes.of("toy", load_space(space, TrainerChecker())[0]))
    before = folder.journal.read_bytes()
    assert "continue it with --resume" in _refused(capsys, "--space", space)
    message = _refused(capsys, "--space", space, "--resume", "--set", "optim.epochs=4")
    assert "-   optim: {epochs: 3}" in message
    assert "+   optim: {epochs: 4}" in message
    assert folder.journal.read_bytes() == before
    with folder.lock():
        assert "another process runs this study" in _refused(capsys, "--space", space, "--resume")


@pytest.mark.parametrize(
    "arguments", [["--trials", "0"], ["--seed", "-1"], ["--keep-checkpoints", "some"], ["-x"]]
)
def test_usage_errors_exit_with_2(arguments: list[str], space: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--space", space, *arguments])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trials", "abc"], "argument --trials: got 'abc', allowed: a whole number, 1 or more"),
        (["--replicates", "30"], "argument --replicates: got 30, allowed: 0 to 20"),
        (["--live", "70000"], "argument --live: got 70000, allowed: 0 to 65535"),
        (["--trials", "1e400"], "argument --trials: got '1e400', allowed: a whole number, 1 or more"),
        (["--trials", "9" * 5000], "9999…', allowed: a whole number, 1 or more"),
        (["--seed", str(2**200)], "argument --seed: got '16069380442589902755"),
        (["--replicates", "9" * 5000], "9999…', allowed: a whole number, 0 to 20"),
        (["--live", "9" * 5000], "9999…', allowed: a whole number, 0 to 65535"),
        (["--seed", "x"], "argument --seed: got 'x', allowed: a whole number, 0 or more"),
    ],
)
def test_usage_errors_say_what_is_allowed(
    arguments: list[str], message: str, space: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--space", space, *arguments])
    assert message in capsys.readouterr().err


def test_a_dry_run_refuses_options_that_a_run_would(space: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--time-budget: got '90'" in _refused(capsys, "--space", space, "--dry-run", "--time-budget", "90")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "stopped"),
        (StudyFailedError("Ray Tune died 4 times in a row"), 1, "the study failed: Ray Tune died"),
        (SearchError("too bad"), 2, "error: too bad"),
    ],
)
def test_exit_codes(
    error: BaseException,
    code: int,
    message: str,
    space: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr("search.engine.run_search", fail)
    assert main(["--space", space]) == code
    assert message in capsys.readouterr().err


def test_a_fault_of_ours_is_not_told_as_a_mistake_of_the_user(
    space: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: Any) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("search.engine.run_search", fail)
    assert main(["--space", space]) == 2
    told = capsys.readouterr().err
    assert re.match(r"error: ValueError: a bug \(search/test_run.py:\d+\)\n  this is a fault of SpikeF", told)
    monkeypatch.setenv("SPIKEFRONT_TRACEBACK", "1")
    assert main(["--space", space]) == 2
    assert 'raise ValueError("a bug")' in capsys.readouterr().err


def test_fresh_name_counts_on(space: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    (tmp_path / "runs" / "demo" / "journal.log").write_text("{}\n")
    seen: list[Any] = []

    def note(space: Any, options: Any) -> None:
        seen.append(options.study)
        raise SearchError("enough")

    monkeypatch.setattr("search.engine.run_search", note)
    main(["--space", space, "--study", "demo", "--fresh-name"])
    main(["--space", space, "--fresh-name"])
    assert seen == ["demo-2", "toy"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", 1), ("a=1e-3", 0.001), ("a=yes", "yes"), ("a=true", True), ("a=[1, 2]", [1, 2]),
        ("a=", None), ("a=x=y", "x=y"), ("a= 2 ", 2), ("a=null", None), ("a='3'", "3"),
    ],
)  # fmt: skip
def test_overrides_are_yaml(text: str, value: Any) -> None:
    assert parse_overrides([text]) == {"a": value}


def test_the_help_names_every_option_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for option in (
        "--space", "--study", "--out", "--trials", "--time-budget", "--resume", "--address", "--storage",
        "--seed", "--set", "--dry-run", "--keep-checkpoints", "--fresh-name",
    ):  # fmt: skip
        assert option in shown


def test_bad_arguments_cost_no_heavy_import() -> None:
    """A mistake is told at once: neither Ray, Optuna nor torch is loaded for it."""
    import subprocess

    script = "import sys; from search.run import main; main(['--resume']);"
    script += "print(sorted({'ray', 'optuna', 'torch', 'pyarrow', 'plotly'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_the_command_the_user_goes_on_with_repeats_what_matters(tmp_path: Path) -> None:
    from search.options import KeepCheckpoints, RunOptions
    from search.result import SearchResult
    from search.study.folder import RunFolder

    def told(options: RunOptions, keep: KeepCheckpoints = "front") -> str:
        study = Study(StudyInfo("toy", {}, ()), (), ())
        return run._resume_command(options, SearchResult(study, RunFolder(tmp_path), "time", keep))

    resume = "python -m search.run --resume --study toy"
    assert told(RunOptions()) == resume
    assert told(RunOptions(out="my runs", address="auto")) == f"{resume} --out 'my runs' --address auto"
    assert told(RunOptions(), "all") == f"{resume} --keep-checkpoints all"


def test_whose_checkpoints_stay_is_left_to_the_study_unless_it_is_said(
    space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def note(space: Any, options: Any) -> None:
        seen.append(options.keep_checkpoints)
        raise SearchError("enough")

    monkeypatch.setattr("search.engine.run_search", note)
    for arguments in ([], ["--keep-checkpoints", "front"], ["--keep-checkpoints", "all"]):
        main(["--space", space, *arguments])
    assert seen == [None, "front", "all"]
