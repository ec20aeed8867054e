from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from studies.front_table import FrontView, front_table
from studies.model import Objective, Study
from studies.record import write_study
from studies.show import main, summary_lines
from tests.studies.make import make_study, make_trial, study_of_points

SPACE = {"search": {"T": {"int": [1, 8]}, "distillation.mode": {"choice": ["none", "reliable"]}}}


def rendered(study: Study, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(FrontView(study))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def words(text: str) -> str:
    return " ".join(text.split())


def make_wide_study() -> Study:
    params = {"distillation.mode": "reliable", "T": 3, "distillation.branches": "1,3", "optim.lr": 0.0123456}
    params |= {f"section.a_rather_long_name_{index}": 0.5 for index in range(6)}
    trials = []
    for number, point in enumerate([(97.314, 1234.5, 12.345), (80.0, 5.0, 0.5)]):
        params = {**params, "T": 3 + number, **({"beta": 0.5} if number else {})}
        trial = make_trial(number, point, params=params)
        extra = {"latency_ms_q25": point[2] * 0.98, "latency_ms_q75": point[2] * 1.02, "n_parameters": 10**8}
        extra |= {"latency_under_load": number == 1}
        trials.append(make_trial(number, point, params=params, metrics={**trial.metrics, **extra}))
    return make_study([*trials, make_trial(2), make_trial(3, state="failed", reason="boom")], space=SPACE)


def test_the_table_tells_objectives_with_units_quartiles_and_params_in_the_order_of_the_space() -> None:
    text = rendered(make_wide_study(), width=200)
    head, first, second = (
        words(line) for line in text.splitlines()[4:] if line.strip()[:2] in ("tr", "0 ", "1 ")
    )
    assert head == "trial (%) (MiB) (ms) params"
    assert first == "0 97.31 1,235 12.3 (12.1-12.6) T=3"
    assert second == "1 80.00 5.00 0.500* (0.490-0.510) T=4 beta=0.5"
    assert "in all: mode=reliable branches=1,3 lr=0.0123 a_rather_long_name_0=0.5" in words(text)
    assert "front of digits: 2 of 4 trials" in text
    assert "knee: trial 1; * measured while other trials ran" in text


@pytest.mark.parametrize("width", [80, 40, 20])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, rendered(make_wide_study(), width).splitlines())) <= width


def test_80_columns_show_every_number_and_param_whole() -> None:
    text = words(rendered(make_wide_study()))
    for whole in ("97.31", "1,235", "12.3 (12.1-12.6)", "mode=reliable", "a_rather_long_name_5=0.5"):
        assert whole in text


@pytest.mark.parametrize("width", [60, 80, 99])
def test_on_a_narrow_terminal_params_stand_whole_below_their_row(width: int) -> None:
    lines = [line.rstrip() for line in rendered(make_wide_study(), width).splitlines()]
    head = next(line for line in lines if line.startswith("trial"))
    (row,) = (place for place, line in enumerate(lines) if line.startswith("    1   "))
    ends = [head.index(unit) + len(unit) for unit in ("(%)", "(MiB)", "(ms)")]
    cells = ("80.00", "5.00", "0.500* (0.490-0.510)")
    assert [lines[row].index(cell) + len(cell) for cell in cells] == ends
    assert lines[row + 1] == "        T=4 beta=0.5"
    assert words(" ".join(lines)).endswith("_4=0.5 a_rather_long_name_5=0.5")


@pytest.mark.parametrize("width", [28, 30, 34, 40, 60, 80, 100, 120])
@pytest.mark.parametrize("n_objectives", [1, 3, 5, 8])
def test_no_number_is_cut_at_any_width(n_objectives: int, width: int) -> None:
    """Names beyond any metric's, values with quartiles and quiet measurements."""
    names = [f"a_rather_long_name_{index}_ms" for index in range(n_objectives)]
    trials = []
    for number in range(2):
        values = {name: 1000.0 + 37 * index - number for index, name in enumerate(names)}
        metrics = dict(values)
        for name, value in values.items():
            for end, factor in (("_q25", 0.9), ("_q75", 1.1), ("_quiet", 0.8)):
                metrics[name + end] = factor * value
        params = {"distillation.mode": "reliable", "T": number}
        trials.append(make_trial(number, values=values, metrics=metrics, params=params, state="complete"))
    study = make_study(trials, [Objective(name, "minimize") for name in names])
    text = rendered(study, width)
    assert max(map(len, text.splitlines())) <= width
    shown = words(text)
    for value in trials[1].values.values():
        assert f"{value:,.0f}" in shown
        assert f"{0.8 * value:,.0f}" in shown
        assert f"({0.9 * value:,.0f}-{1.1 * value:,.0f})" in shown
    assert "…" not in text


@pytest.mark.parametrize("width", [40, 60])
def test_the_table_of_a_running_search_wraps_numbers_and_cuts_none(width: int) -> None:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(front_table(make_wide_study()))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "…" not in text
    for number in ("97.31", "1,235"):
        assert number in text


def test_where_numbers_do_not_fit_side_by_side_each_stands_on_its_own_line() -> None:
    lines = [line.rstrip() for line in rendered(make_wide_study(), 36).splitlines()]
    place = lines.index("trial 1")
    assert lines[place + 1 : place + 5] == [
        "  val accuracy (%) 80.00",
        "  train memory (MiB) 5.00",
        "  latency (ms) 0.500* (0.490-0.510)",
        "  T=4 beta=0.5",
    ]


def test_one_trial_keeps_its_params_and_true_is_not_one() -> None:
    first = make_trial(0, (90.0, 1.0, 1.0), params={"a": 1, "b": 2})
    second = make_trial(1, (95.0, 2.0, 1.0), params={"a": True, "b": 2})
    assert words(rendered(make_study([first]))).endswith("a=1 b=2 knee: trial 0")
    text = words(rendered(make_study([first, second])))
    assert ("a=1 " in text, "a=True" in text, text.endswith("in all: b=2")) == (True, True, True)


@pytest.mark.parametrize(
    "points",
    [[], [[1, 2, 3, 4, 5]], [[1, 2, 3, 4, 5], [5, 4, 3, 2, 1]]],
    ids=["no trial", "one", "two"],
)
def test_five_objectives(points: Sequence[Sequence[float]]) -> None:
    text = rendered(study_of_points(points, ["minimize"] * 5))
    assert f"{len(points)} of {len(points)} trials" in text
    assert ("no trial is complete and feasible yet" in text) == (not points)


def test_markup_and_control_characters_of_users_are_shown_as_they_are() -> None:
    trial = make_trial(0, (90.0, 1.0, 1.0), params={"note": "[red]x[/nope] \x1b[2J"})
    study = make_study([trial], name="[bold]s[/]\n")
    text = rendered(study)
    assert "note=[red]x[/nope] ?[2J" in text
    assert "front of [bold]s[/]: 1 of 1 trials" in text
    assert "\x1b" not in text


def test_the_summary_counts_states_and_measures_the_hypervolume() -> None:
    study = study_of_points([[90, 20], [80, 10]], ["maximize", "minimize"])
    assert summary_lines(study) == [
        "2 trials: 2 complete",
        "hypervolume 21, measured from o0 79.0, o1 21.0",
    ]
    assert summary_lines(make_study([])) == ["0 trials"]


def make_noisy_study() -> Study:
    """Trial 0 has a replicate, trial 1 a quiet measurement; 3 is within the noise of 0."""
    one, two = make_trial(0, (91.0, 9.0, 1.0)), make_trial(1, (95.0, 20.0, 2.0))
    again = make_trial(2, (91.4, 9.0, 1.0), replicate_of=0)
    names = ("", "_q25", "_q75", "_quiet", "_quiet_q25", "_quiet_q75")
    timings = [2.0, 1.9, 2.1, 1.5, 1.4, 1.6]
    told = {f"latency_ms{name}": value for name, value in zip(names, timings, strict=True)}
    two = make_trial(1, (95.0, 20.0, 2.0), metrics={**two.metrics, **told})
    return make_study([one, two, again, make_trial(3, (90.9, 9.0, 1.0))])


def test_spreads_over_seeds_and_quiet_measurements_stand_below_their_values() -> None:
    study = make_noisy_study()
    text = rendered(study, width=100)
    assert "front of digits: 2 of 3 trials" in text
    assert "knee: trial 0; mean ± sd over seeds" in text
    first, second = (words(part) for part in text.split(" 0 ")[1].split(" 1 "))
    assert first == "91.00 9.00 1.00 91.20 ± 0.28 (n = 2)"
    assert second.startswith("95.00 20.0 2.00 (1.90-2.10) quiet 1.50 (1.40-1.60)")
    lines = summary_lines(study)
    assert lines[0] == "3 trials: 3 complete; 1 replicate: 1 complete"
    assert lines[2:] == [
        "noise: val_accuracy sd 0.28 points (replicates) and latency_ms ± 18 % (quartiles)",
        "within the noise of the front: trial 3",
        "the search's latency_ms of trial 1 was disturbed: "
        "with the machine quiet it is 25 % lower, beyond the quartiles",
        "with quiet latency_ms the part of the front that was measured again in quiet (1 of 2) would stay "
        "as it is",
    ]


def test_show_prints_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    write_study(make_wide_study(), tmp_path)
    assert main([str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "front of digits: 2 of 4 trials" in text
    assert "4 trials: 2 complete, 1 infeasible (1 out of memory), 1 failed (1 boom)" in words(text)
    assert "measured from val_accuracy 78.27 %, train_memory_mib 1,357 MiB, latency_ms 13.5 ms" in words(text)


def test_show_of_an_empty_study_and_of_no_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_study(make_study([]), tmp_path)
    assert main([str(tmp_path)]) == 0
    assert "0 trials" in capsys.readouterr().out
    assert main([str(tmp_path / "none")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"error: {tmp_path / 'none'}: no such folder; a study lies in runs/NAME\n"


def test_a_file_that_is_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_study(make_wide_study(), tmp_path)
    out = str(tmp_path / "all.csv")
    assert main([str(tmp_path), "--format", "csv", "--out", out]) == 0
    assert capsys.readouterr() == ("", f"wrote {out}\n")


@pytest.mark.parametrize("out", ["runs", ".", "..", "runs/.."])
def test_a_folder_to_write_to_is_told(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_study(make_wide_study(), "runs")
    assert main(["runs", "--format", "csv", "--out", out]) == 2
    assert capsys.readouterr() == ("", f"error: {out}: is a folder, not a file\n")
    assert sorted(path.name for path in Path("runs").iterdir()) == ["epochs.parquet", "trials.parquet"]


def test_a_quiet_measurement_under_load_is_marked() -> None:
    study = make_noisy_study()
    busy = [
        replace(trial, metrics={**trial.metrics, "latency_quiet_under_load": True}) for trial in study.trials
    ]
    text = words(rendered(replace(study, trials=tuple(busy)), width=200))
    assert "quiet 1.50* (1.40-1.60)" in text
    assert "quiet with *: the machine was busy then with something else" in text
