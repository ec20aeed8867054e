"""Every kind of mistake of a space file, with its key, its line and its words."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from spaces import SamplerChoice, SpaceError, load_space
from spaces.walk import count_params
from tests.spaces.helpers import TRAINER, load, mistakes_in

HEAD = "name: x\nobjectives: {val_accuracy: maximize}\n"  # what follows begins on line 3
SEARCH = "search: {T: {int: [1, 4]}}\n"


def distribution(text: str) -> str:
    return f"{HEAD}search:\n  optim.lr: {text}\n"  # on line 4


DISTRIBUTIONS = {
    "fixed value": ("0.1", "", "got 0.1, allowed: a distribution .*; a fixed value belongs in base"),
    "unknown kind": ("{flaot: [0, 1]}", ".flaot", "unknown key; allowed: .*did you mean 'float'"),
    "no kind": ("{log: true}", "", "no distribution; allowed: one of int, float, choice, subset"),
    "two kinds": ("{int: [1, 2], float: [1, 2]}", "", "got int and float; allowed: one of"),
    "option of another kind": (
        "{choice: [0.1, 0.2], log: true}",
        ".log",
        "unknown key; allowed: choice, when",
    ),
    "bound is text": ("{float: [a, 1]}", ".float[0]", "got a, allowed: a number"),
    "bound is true": ("{float: [0.1, true]}", ".float[1]", "got true, allowed: a number"),
    "bound is infinite": ("{float: [0.1, .inf]}", ".float[1]", "got inf, allowed: a finite number"),
    "bound is no number": ("{float: [.nan, 1]}", ".float[0]", "got nan, allowed: a finite number"),
    "not a pair": ("{float: [1]}", ".float", r"got \[1\], allowed: a list \[low, high\]"),
    "empty pair": ("{float: []}", ".float", r"got \[\], allowed: a list \[low, high\]"),
    "not a list": ("{float: 1}", ".float", r"got 1, allowed: a list \[low, high\]"),
    "low above high": ("{float: [1, 0.1]}", ".float", "low 1.0 is greater than high 0.1"),
    "log from 0": ("{float: [0, 1], log: true}", ".log", "must begin above 0, got 0.0"),
    "log is text": ("{float: [0.1, 1], log: yes}", ".log", "got yes, allowed: true or false"),
    "step of 0": ("{float: [0.1, 1], step: 0}", ".step", "got 0, allowed: a number above 0"),
    "step below 0": ("{float: [0.1, 1], step: -0.1}", ".step", "got -0.1, allowed: a number above 0"),
    "log and step": ("{float: [0.1, 1], log: true, step: 0.1}", ".step", "remove `log` or `step`"),
    "uneven step": ("{float: [0.1, 1], step: 0.4}", ".step", "do not end at 1.0; the last one ends at 0.9"),
    "tiny step": ("{float: [0.1, 1], step: 1e-300}", ".step", "too small for the range"),
    "too wide": ("{float: [-1e308, 1e308]}", ".float", "the range is too wide"),
    "no options": ("{choice: []}", ".choice", "a choice needs at least one value"),
    "choice is no list": ("{choice: 0.1}", ".choice", "got 0.1, allowed: a list of values"),
    "equal options": ("{choice: [1, 2, 1.0]}", ".choice[2]", "1.0 equals an option before it"),
    "option is a list": ("{choice: [[1]]}", ".choice[0]", r"got \[1\], .*searched by `subset`"),
    "option is no number": ("{choice: [.nan]}", ".choice[0]", "got nan, allowed: a finite number"),
    "option is infinite": ("{choice: [1, .inf]}", ".choice[1]", "got inf, allowed: a finite number"),
    "otherwise alone": ("{float: [0.1, 1], otherwise: 1}", ".otherwise", "there is no `when`"),
    "when is no mapping": ("{float: [0.1, 1], when: T}", ".when", "got T, allowed: a mapping such as"),
    "empty when": ("{float: [0.1, 1], when: {}}", ".when", "an empty `when`"),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions(tmp_path: Path, name: str) -> None:
    text, below, message = DISTRIBUTIONS[name]
    (mistake,) = mistakes_in(tmp_path, distribution(text))
    assert mistake.key == f"search.optim.lr{below}"
    assert re.search(message, mistake.message)
    assert mistake.line == 4


INTEGERS = {
    "real bound": ("T: {int: [1, 2.0]}", ".int[1]", "got 2.0, allowed: an integer"),
    "true bound": ("T: {int: [true, 2]}", ".int[0]", "got true, allowed: an integer"),
    "huge bound": (
        f"T: {{int: [1, {2**60}]}}",
        ".int[1]",
        "got 1152921504606846976, allowed: an integer up to",
    ),
    "low above high": ("T: {int: [4, 1]}", ".int", "low 4 is greater than high 1"),
    "log from 0": ("T: {int: [0, 4], log: true}", ".log", "must begin above 0, got 0"),
    "step of 0": ("T: {int: [1, 4], step: 0}", ".step", "got 0, allowed: an integer from 1"),
    "uneven step": (
        "T: {int: [1, 4], step: 2}",
        ".step",
        "steps of 2 from 1 do not end at 4; the last one ends at 3",
    ),
    "no members": ("T: {subset: []}", ".subset", "a subset is taken from 1 to 32 integers, got 0"),
    "many members": (f"T: {{subset: {list(range(40))}}}", ".subset", "from 1 to 32 integers, got 40"),
    "member is text": ("T: {subset: [a]}", ".subset[0]", "got a, allowed: an integer"),
    "member twice": ("T: {subset: [1, 2, 1]}", ".subset[2]", "the member 1 stands here twice"),
    "subset is no list": ("T: {subset: 1}", ".subset", "got 1, allowed: a list of integers"),
    "empty is text": ("T: {subset: [1], empty: on}", ".empty", "got on, allowed: true or false"),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_and_subsets(tmp_path: Path, name: str) -> None:
    text, below, message = INTEGERS[name]
    mistakes = mistakes_in(tmp_path, f"{HEAD}search:\n  {text}\n")
    assert any(
        m.key == f"search.T{below}" and m.line == 4 and re.search(message, m.message) for m in mistakes
    )


SECTIONS = {
    "unknown section": ("serach: 1\n" + SEARCH, "serach", 3, "unknown key; .*did you mean 'search'"),
    "no search": ("", "search", None, "missing"),
    "empty search": ("search: {}\n", "search", 3, "nothing to search; .*use `python -m snncore.train"),
    "null search": ("search:\n", "search", 3, "nothing to search"),
    "search is a list": ("search: [T]\n", "search", 3, r"got \[T\], allowed: a mapping of fields"),
    "not a field": ("search: {optim.rl: {int: [1, 2]}}", "search.optim.rl", 3, "did you mean 'optim.lr'"),
    "last part of a field": (
        "search: {alpha: {int: [1, 2]}}",
        "search.alpha",
        3,
        "mean 'distillation.alpha'",
    ),
    "a section": ("search: {optim: {int: [1, 2]}}", "search.optim", 3, "a section, not a field; .*optim.lr"),
    "base is a list": (SEARCH + "base: [1]", "base", 4, r"got \[1\], allowed: a mapping of fields"),
    "dotted base": (
        SEARCH + "base: {optim.lr: 1}",
        "base.optim.lr",
        4,
        r"dotted keys stand under search; write it nested: \{optim: \{lr: ",
    ),
    "huge base": (SEARCH + f"base: {{T: {[1] * 600}}}", "base", 4, "far more values than a config has"),
    "base value": (
        SEARCH + "base:\n  optim:\n    lr: -1",
        "base.optim.lr",
        6,
        "got -1, allowed: greater than 0",
    ),
    "base word": (SEARCH + "base: {gradient: bptr}", "base.gradient", 4, "got 'bptr', .*did you mean 'bptt'"),
    "base key": (
        SEARCH + "base: {optim: {rl: 1}}",
        "base.optim.rl",
        4,
        "unknown key; did you mean 'optim.lr'",
    ),
    "merge key": (SEARCH + "base: {<<: {T: 1}}", "base.<<", 4, "merge keys are not read; write the fields"),
    "no constraint": (SEARCH + "constraints: {macs: {}}", "constraints.macs", 4, "allowed: a bound"),
    "constraint is a number": (
        SEARCH + "constraints: {macs: 3}",
        "constraints.macs",
        4,
        "got 3, allowed: a mapping",
    ),
    "bound is text": (
        SEARCH + "constraints: {macs: {max: a}}",
        "constraints.macs.max",
        4,
        "got a, allowed: a number",
    ),
    "unknown bound": (
        SEARCH + "constraints: {macs: {maxx: 1}}",
        "constraints.macs.maxx",
        4,
        "did you mean 'max'",
    ),
    "crossed": (
        SEARCH + "constraints: {macs: {max: 1, min: 2}}",
        "constraints.macs",
        4,
        "min 2 is greater than max 1",
    ),
    "metric": (
        SEARCH + "constraints: {latency: {max: 1}}",
        "constraints.latency",
        4,
        "did you mean 'latency_ms'",
    ),
    "planned metric": (
        SEARCH + "constraints: {accuracy_at_t: {max: 1}}",
        "constraints.accuracy_at_t",
        4,
        "one value per time step",
    ),
    "no min_epochs": (SEARCH + "fidelity: {eta: 3}", "fidelity.min_epochs", 4, "missing"),
    "min_epochs": (
        SEARCH + "fidelity: {min_epochs: 0}",
        "fidelity.min_epochs",
        4,
        "got 0, allowed: an integer from 1",
    ),
    "eta": (
        SEARCH + "fidelity: {min_epochs: 1, eta: 1}",
        "fidelity.eta",
        4,
        "got 1, allowed: an integer from 2",
    ),
    "trials": (SEARCH + "budget: {trials: 0}", "budget.trials", 4, "got 0, allowed: an integer from 1"),
    "true trials": (
        SEARCH + "budget: {trials: true}",
        "budget.trials",
        4,
        "got true, allowed: an integer from 1",
    ),
    "trials as text": (SEARCH + "budget: {trials: '9'}", "budget.trials", 4, 'got "9", allowed: an integer'),
    "sampler": (
        SEARCH + "sampler: {name: tep}",
        "sampler.name",
        4,
        "allowed: auto, cheap_first, tpe, .*did you mean 'tpe'",
    ),
    "sampler as a name": (
        SEARCH + "sampler: cheap_frist",
        "sampler",
        4,
        "got cheap_frist, allowed: auto, .*did you mean 'cheap_first'",
    ),
    "sampler is a list": (
        SEARCH + "sampler: [tpe]",
        "sampler",
        4,
        r"got \[tpe\], allowed: a name such as auto, or a mapping \{name: …, seed: …, probes: …",
    ),
    "probes of a sampler without": (
        SEARCH + "sampler: {name: gp, probes: 0}",
        "sampler.probes",
        4,
        "gp probes no configs before it chooses; remove `probes`, or take the sampler cheap_first or auto",
    ),
    "probe share of a sampler without": (
        SEARCH + "sampler: {name: grid, probe_share: 0.1}",
        "sampler.probe_share",
        4,
        "grid probes no configs before it chooses; remove `probe_share`",
    ),
    "probes": (
        SEARCH + "sampler: {probes: 2.5}",
        "sampler.probes",
        4,
        "got 2.5, allowed: an integer from 0 up to 1000",
    ),
    "probe share": (
        SEARCH + "sampler: {probe_share: 2}",
        "sampler.probe_share",
        4,
        "got 2, allowed: a number from 0 up to 1",
    ),
    "replicates": (SEARCH + "replicates: 21", "replicates", 4, "got 21, allowed: an integer from 0 up to 20"),
    "replicates as a mapping": (SEARCH + "replicates: {k: 2}", "replicates", 4, "allowed: an integer from 0"),
    "seed": (SEARCH + "sampler: {seed: -1}", "sampler.seed", 4, "got -1, allowed: an integer from 0"),
    "cpu": (SEARCH + "resources: {cpu: 0}", "resources.cpu", 4, "got 0, allowed: a number above 0"),
    "gpu": (
        SEARCH + "resources: {gpu: all}",
        "resources.gpu",
        4,
        "got all, allowed: a number from 0 or auto",
    ),
}


@pytest.mark.parametrize("name", SECTIONS)
def test_sections(tmp_path: Path, name: str) -> None:
    text, key, line, message = SECTIONS[name]
    mistakes = mistakes_in(tmp_path, HEAD + text)
    assert any(m.key == key and m.line == line and re.search(message, m.message) for m in mistakes), mistakes


OBJECTIVES = {
    "none": ("", "objectives", None, "missing"),
    "empty": ("objectives: {}", "objectives", 3, "no objective; name at least one metric"),
    "list": ("objectives: [val_accuracy]", "objectives", 3, "allowed: a mapping such as"),
    "direction": ("objectives: {macs: max}", "objectives.macs", 3, "got max, allowed: maximize, minimize"),
    "against nature": (
        "objectives:\n  val_accuracy: minimize",
        "objectives.val_accuracy",
        4,
        "got minimize, allowed: maximize",
    ),
    "no direction": ("objectives: {macs: {reference: 1}}", "objectives.macs.direction", 3, "missing"),
    "reference": (
        "objectives: {macs: {direction: minimize, reference: a}}",
        "objectives.macs.reference",
        3,
        "got a, allowed: a number",
    ),
    "metric": ("objectives: {val_acuracy: maximize}", "objectives.val_acuracy", 3, "mean 'val_accuracy'"),
    "far metric": (
        "objectives: {zzz: maximize}",
        "objectives.zzz",
        3,
        "no such metric; metrics are val_accuracy,",
    ),
    "planned": (
        "objectives: {accuracy_at_t: minimize}",
        "objectives.accuracy_at_t",
        3,
        "one value per time step",
    ),
    "list metric": (
        "objectives: {accuracy_at_t: maximize}",
        "objectives.accuracy_at_t",
        3,
        "a list with one",
    ),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives(tmp_path: Path, name: str) -> None:
    text, key, line, message = OBJECTIVES[name]
    (mistake,) = mistakes_in(tmp_path, f"name: x\n{SEARCH}{text}")
    assert (mistake.key, mistake.line) == (key, line)
    assert re.search(message, mistake.message)


@pytest.mark.parametrize("name", ["''", "a/b", "../x", ".hidden", "3", "a b", "x" * 101, '"\\e[31m"', "[a]"])
def test_a_name_must_serve_as_a_folder(tmp_path: Path, name: str) -> None:
    (mistake,) = mistakes_in(tmp_path, f"name: {name}\nobjectives: {{macs: minimize}}\n{SEARCH}")
    assert (mistake.key, mistake.line) == ("name", 1)
    assert "letters, digits" in mistake.message
    assert mistake.message.isprintable()


def test_a_space_without_a_name_is_named_after_its_file(tmp_path: Path) -> None:
    text = f"objectives: {{macs: minimize}}\n{SEARCH}"
    assert load(tmp_path, text).name == "space"
    (tmp_path / "my space.yaml").write_text(text)
    with pytest.raises(SpaceError, match="no name is given"):
        load_space(str(tmp_path / "my space.yaml"), TRAINER)


@pytest.mark.parametrize("text", ["[1, 2]", "text", "3"])
def test_a_file_must_be_a_mapping(tmp_path: Path, text: str) -> None:
    (mistake,) = mistakes_in(tmp_path, text)
    assert "allowed: a mapping {name: …, base: …" in mistake.message


@pytest.mark.parametrize("text", ["", "# nothing", "---\n"])
def test_an_empty_file_is_told_so(tmp_path: Path, text: str) -> None:
    (mistake,) = mistakes_in(tmp_path, text)
    assert mistake.message == "the file is empty"


def test_all_mistakes_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        "name: a b\n"
        "base: {optim: {lrr: 1}, T: x}\n"
        "search:\n"
        "  model.width: {float: [2, 1]}\n"
        "  optim.lr: {choice: [0.1, -1]}\n"
        "  optim.lr: {choice: [0.1]}\n"
        "objectives: {val_accuracy: minimize, accuracy_at_t: minimize}\n"
        "budget: {trials: !!int '3'}\n"
    )
    path = tmp_path / "space.yaml"
    mistakes = mistakes_in(tmp_path, text)
    assert [(mistake.line, mistake.key) for mistake in mistakes] == [
        (1, "name"),
        (2, "base.T"),
        (2, "base.optim.lrr"),
        (4, "search.model.width.float"),
        (5, "search.optim.lr.choice[1]"),
        (6, "search.optim.lr"),
        (7, "objectives.accuracy_at_t"),
        (7, "objectives.val_accuracy"),
        (8, "budget.trials"),
    ]
    with pytest.raises(SpaceError, match="name") as caught:
        load_space(str(path), TRAINER)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(mistakes)
    assert lines[0].startswith(f'{path}:1: name: got "a b", allowed: letters')


def test_sections_with_everything_commented_out_count_as_absent(tmp_path: Path) -> None:
    space = load(
        tmp_path,
        HEAD + SEARCH + "base:\nconstraints:\nfidelity:\nbudget:\nsampler:\nresources:\nreplicates:\n",
    )
    assert space == load(tmp_path, HEAD + SEARCH)
    assert space.fidelity is None
    assert (space.budget.trials, space.sampler.name, space.resources.gpu) == (100, "auto", "auto")


def test_a_sampler_is_a_name_or_a_mapping(tmp_path: Path) -> None:
    def sampler(text: str) -> SamplerChoice:
        return load(tmp_path, HEAD + SEARCH + f"sampler: {text}\n").sampler

    assert (
        sampler("cheap_first") == sampler("{name: cheap_first}") == SamplerChoice("cheap_first", 0, 20, 0.1)
    )
    assert sampler("{seed: 3}") == SamplerChoice("auto", 3)
    assert sampler("{name: auto, probes: 0, probe_share: 1}") == SamplerChoice("auto", 0, 0, 1.0)
    assert sampler("{name: gp, seed: 7}") == SamplerChoice("gp", 7)


@pytest.mark.parametrize("k", [0, 2, 20])
def test_replicates(tmp_path: Path, k: int) -> None:
    assert load(tmp_path, HEAD + SEARCH + f"replicates: {k}\n").replicates == k


def test_what_is_at_its_default_is_not_written(tmp_path: Path) -> None:
    """A study from before these fields existed and one of today that leaves them out are written alike."""
    old = load(tmp_path, HEAD + SEARCH + "sampler: {name: auto, seed: 0}\n").as_dict()
    assert old["sampler"] == {"name": "auto", "seed": 0}
    assert "replicates" not in old
    text = "sampler: {name: auto, seed: 0, probes: 20, probe_share: 0.1}\nreplicates: 0\n"
    assert load(tmp_path, HEAD + SEARCH + text).as_dict() == old
    text = "sampler: {name: cheap_first, probes: 5, probe_share: 0.2}\nreplicates: 3\n"
    written = load(tmp_path, HEAD + SEARCH + text).as_dict()
    assert written["sampler"] == {"name": "cheap_first", "seed": 0, "probes": 5, "probe_share": 0.2}
    assert written["replicates"] == 3


def test_a_grid_needs_a_finite_space(tmp_path: Path) -> None:
    text = HEAD + "search: {T: {int: [1, 4]}, optim.lr: {float: [0.1, 1]}}\nsampler: {name: grid}\n"
    (mistake,) = mistakes_in(tmp_path, text)
    assert (mistake.key, mistake.line) == ("sampler.name", 4)
    assert "without one: [optim.lr]" in mistake.message
    assert count_params(load(tmp_path, text.replace("[0.1, 1]", "[0.1, 1], step: 0.1"))) == 40


HOSTILE = {
    "thousands of fields": "search:\n" + "".join(f" k{i}: {{int: [1, 2]}}\n" for i in range(1500)),
    "a hundred wrong fields": "search:\n" + "".join(f" alpha{i}: {{int: [1, 2]}}\n" for i in range(150)),
    "thousands of options": f"search: {{optim.lr: {{choice: {[f'x{i}' for i in range(5000)]}}}}}",
    "thousands of base keys": f"search: {{}}\nbase: {{{', '.join(f'alpha{i}: 1' for i in range(4000))}}}",
    "an endless key": f"search: {{{'x' * 200_000}: 1}}",
    "an endless value": f"search: {{T: {'x' * 200_000}}}",
    "a chain of whens": "search:\n"
    + "".join(f" k{i}: {{int: [1, 2], when: {{k{i + 1}: [1]}}}}\n" for i in range(180)),
    "a terminal escape": 'search: {"\\e[31mred": {"int": ["\\e]0;x\\a", 1]}}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_quickly_and_in_few_words(tmp_path: Path, name: str) -> None:
    started = time.perf_counter()
    mistakes = mistakes_in(tmp_path, HOSTILE[name])
    assert time.perf_counter() - started < 3  # tests/spaces/test_hostile.py measures more finely
    assert 0 < len(mistakes) < 100
    for mistake in mistakes:
        assert len(mistake.message) < 3000
        assert len(mistake.key) < 200
        assert (mistake.message + mistake.key).isprintable()
