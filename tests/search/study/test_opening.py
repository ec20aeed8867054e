"""Begin or go on: what is refused, and that a refusal changes nothing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.config_key import key_today, resolve
from search.errors import SearchError
from search.study.attributes import StudyAttributes
from search.study.folder import RunFolder
from search.study.opening import (
    as_yaml,
    continue_study,
    create,
    open_existing,
    require_new,
    stored_space,
    was_never_begun,
    with_options,
)
from search.trials.resume_checks import own_archs, require_known_code, require_same, require_same_configs
from search.trials.stored_trial import StoredTrial
from spaces.draw import RandomDraw
from spaces.load import load_space
from spaces.ranges import IntRange
from spaces.space import Space
from spaces.walk import suggest
from tests.search.fakes import Budget, Fidelity, Limit, Objective, Resources, SamplerChoice, make_space


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder.of(tmp_path, "toy")
    folder.path.mkdir()
    return folder


def _begin(folder: RunFolder, url: str | None = None) -> StudyAttributes:
    attributes = StudyAttributes.of("toy", make_space())
    create(folder, url, attributes)
    return attributes


def _content(folder: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.path.iterdir()}


def test_what_was_begun_can_be_opened(folder: RunFolder) -> None:
    attributes = _begin(folder)
    study, found = open_existing(folder)
    assert found == attributes
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE", "MINIMIZE"]
    assert study.study_name == "toy"


def test_a_study_of_before_checkpoints_were_chosen_for_good_keeps_those_of_the_front(
    folder: RunFolder,
) -> None:
    _begin(folder)
    study = open_existing(folder)[0]
    kept = dict(study.user_attrs["study"])
    del kept["keep_checkpoints"]
    study.set_user_attr("study", kept)
    assert open_existing(folder)[1].keep_checkpoints == "front"


def test_a_study_that_exists_is_not_begun_again(folder: RunFolder) -> None:
    _begin(folder)
    before = _content(folder)
    with pytest.raises(SearchError, match=r"study 'toy' exists; continue it with --resume"):
        require_new(folder, None)
    assert _content(folder) == before


def test_a_folder_with_something_else_is_left_alone(folder: RunFolder) -> None:
    (folder.path / "thesis.tex").write_text("all of it")
    with pytest.raises(SearchError, match="not empty, and not a study"):
        require_new(folder, None)
    with pytest.raises(SearchError, match="no study 'toy' in "):
        open_existing(folder)
    assert list(_content(folder)) == ["thesis.tex"]


OWN = "stranger_module:build"


def test_code_that_only_the_record_names_is_not_imported(folder: RunFolder) -> None:
    space = make_space(base={"model.arch": OWN})
    create(folder, None, StudyAttributes.of("toy", space))
    study, attributes = open_existing(folder)
    with pytest.raises(SearchError, match=r"\(stranger_module:build\), .*--allow-code"):
        require_known_code(study, attributes, None, allow_code=False)
    require_known_code(study, attributes, space, allow_code=False)
    require_known_code(study, attributes, None, allow_code=True)


def test_code_of_one_trial_is_not_imported(folder: RunFolder) -> None:
    attributes = _begin(folder)
    study = open_existing(folder)[0]
    require_known_code(study, attributes, make_space(), allow_code=False)
    study.ask().set_user_attr("ask", {"config": {"model": {"arch": OWN}}})
    with pytest.raises(SearchError, match="stranger_module"):
        require_known_code(study, attributes, make_space(), allow_code=False)


def test_searched_code_is_found() -> None:
    space = {"search": {"model.arch": {"choice": ["convnet", "a.b:c"]}, "data.root": {"choice": ["C:x"]}}}
    assert own_archs(space) == ["a.b:c"]


def test_there_must_be_something_to_resume(folder: RunFolder) -> None:
    with pytest.raises(SearchError, match=r"no study 'toy' in .*journal\.log"):
        open_existing(folder)
    assert _content(folder) == {}


def test_a_driver_that_died_between_its_first_records_can_begin_again(folder: RunFolder) -> None:
    attributes = _begin(folder)
    whole = folder.journal.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in (0, 5, first):
        for path in folder.path.iterdir():
            path.unlink()
        folder.journal.write_bytes(whole[:cut])
        require_new(folder, None)
        create(folder, None, attributes)
        assert open_existing(folder)[1] == attributes


def test_a_study_without_its_attribute_is_not_guessed(folder: RunFolder) -> None:
    _begin(folder)
    whole = folder.journal.read_bytes()
    folder.journal.write_bytes(whole[: whole.index(b"\n") + 1])
    with pytest.raises(SearchError, match="died before the first trial; start it again with --space"):
        open_existing(folder)


def test_a_database_is_remembered_without_its_password(folder: RunFolder, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    attributes = _begin(folder, url)
    assert not folder.journal.exists()
    assert folder.storage_url.read_text() == url + "\n"
    assert open_existing(folder)[1] == attributes
    with pytest.raises(SearchError, match="study 'toy' exists"):
        require_new(RunFolder.of(tmp_path / "elsewhere", "toy"), url)


def test_a_database_named_from_here_is_found_from_elsewhere(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    attributes = _begin(folder, "sqlite:///study.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert open_existing(folder)[1] == attributes
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_study_that_is_missing_is_missed_where_the_folder_looks(folder: RunFolder, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    folder.storage_url.write_text(url + "\n")
    with pytest.raises(SearchError, match=rf"no study 'toy' in {url}"):
        open_existing(folder)


@pytest.mark.parametrize("is_said_again", [True, False])
def test_a_driver_that_died_before_its_database_had_a_study_can_begin_again(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_said_again: bool
) -> None:
    url = f"sqlite:///{tmp_path}/study.db"

    def die(**values: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("optuna.create_study", die)
    with pytest.raises(KeyboardInterrupt):
        _begin(folder, url)
    monkeypatch.undo()
    assert list(_content(folder)) == ["storage.url"]
    assert was_never_begun(folder, None)
    again = url if is_said_again else None
    require_new(folder, again)
    attributes = _begin(folder, again)
    assert open_existing(folder)[1] == attributes
    assert not folder.journal.exists()
    assert not was_never_begun(folder, None)


def test_a_lost_folder_that_names_its_database_was_begun(folder: RunFolder, tmp_path: Path) -> None:
    _begin(folder, f"sqlite:///{tmp_path}/study.db")
    folder.space.unlink()
    assert not was_never_begun(folder, None)


def test_a_lost_folder_is_made_again_from_the_database(folder: RunFolder, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    before = _begin(folder, url)
    content = _content(folder)
    shutil.rmtree(folder.path)
    study, attributes = open_existing(folder, url)
    assert attributes == before
    continue_study(folder, url, attributes, study)
    assert _content(folder) == content
    assert open_existing(folder)[1] == before


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": Budget(99)},
        {"sampler": SamplerChoice("gp", 5)},
        {"resources": Resources(4, 1)},
    ],
)
def test_a_resume_may_change(changes: dict[str, object]) -> None:
    require_same(StudyAttributes.of("toy", make_space()), make_space(**changes))


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"base": {"T": 3}}, ["+   T: 3"]),
        ({"search": {"T": IntRange(1, 4)}}, ["-     int: [1, 8]", "+     int: [1, 4]"]),
        ({"objectives": {"val_accuracy": Objective("maximize", 50.0)}}, ["- objectives: {val_accuracy:"]),
        ({"constraints": {"latency_ms": Limit(max=2.0)}}, ["- constraints: {}", "latency_ms: {max: 2.0}"]),
        ({"fidelity": Fidelity(2, 3)}, ["+ fidelity: {min_epochs: 2, eta: 3}"]),
    ],
)
def test_a_resume_may_not_change(changes: dict[str, object], lines: list[str]) -> None:
    with pytest.raises(SearchError, match="study 'toy' was begun with another space") as caught:
        require_same(StudyAttributes.of("toy", make_space()), make_space(**changes))
    for line in lines:
        assert line in str(caught.value)
    assert "sampler" not in str(caught.value)


def test_the_space_comes_back_from_the_storage(folder: RunFolder) -> None:
    _begin(folder)
    assert stored_space(open_existing(folder)[1]) == make_space()


def test_space_yaml_is_a_space_file(folder: RunFolder) -> None:
    from search.checker import TrainerChecker

    _begin(folder)
    assert load_space(str(folder.space), TrainerChecker())[0] == make_space()


def test_options_replace_budget_and_seed() -> None:
    space = with_options(make_space(), 77, 5, 2)
    assert (space.budget.trials, space.sampler) == (77, SamplerChoice("random", 5))
    assert space.replicates == 2
    assert with_options(make_space(), None, None, None) == make_space()


def test_yaml_keeps_order_and_has_no_trailing_spaces() -> None:
    values = {"z": {f"key{at}": at for at in range(30)}, "a": None, "m": [1.0, "1,3", True]}
    text = as_yaml(values)
    assert [line.partition(":")[0] for line in text.splitlines() if not line.startswith(" ")] == [
        "z",
        "a",
        "m",
    ]
    assert not any(line.endswith(" ") for line in text.splitlines())


def trial(space: Space, number: int = 0, **changes: Any) -> StoredTrial:
    """A trial of `space`, some fields of its config as another version had them (None: it had none)."""
    params = suggest(space, RandomDraw(np.random.default_rng(number)))
    config, key = resolve(space, params)
    for field, value in changes.items():
        section, _, name = field.partition("__")
        if value is None:
            del config[section][name]
        else:
            config[section][name] = value
    return StoredTrial(number, params, config, key)


def test_a_study_whose_preset_was_corrected_since_is_not_gone_on_with() -> None:
    space = make_space(base={"preset": "p2_cifar100"})
    attributes = StudyAttributes.of("toy", space)
    require_same_configs(attributes, space, [trial(space, number) for number in range(3)])
    before = trial(space, 3, neuron__reset="hard", data__cutout=None)
    with pytest.raises(SearchError) as caught:
        require_same_configs(attributes, space, [trial(space), before])
    assert "begun by a version that trained its params differently" in str(caught.value)
    assert "  neuron.reset: hard then, soft now\n" in str(caught.value)
    assert "--warm-start toy" in str(caught.value)


def test_a_study_of_cifar10_whose_pixels_were_normalised_otherwise_is_not_gone_on_with() -> None:
    space = make_space(base={"data.name": "cifar10"})
    attributes = StudyAttributes.of("toy", space)
    require_same_configs(attributes, space, [trial(space)])
    with pytest.raises(SearchError, match=r"CIFAR-10 was normalised with std 0\.2470"):
        require_same_configs(attributes, space, [trial(space, data__cutout=None)])


def test_a_trial_whose_params_the_space_does_not_hold_is_told() -> None:
    space = make_space()
    damaged = replace(trial(space), number=7, params={"T": "\ud800", "model.width": 1.0})
    with pytest.raises(SearchError, match=r"study 'toy': trial 7 has params that its space does not hold: T"):
        require_same_configs(StudyAttributes.of("toy", space), space, [damaged])


@pytest.mark.parametrize("augment", ["none", "crop_flip", "fast"])
def test_studies_in_which_nothing_changed_go_on(augment: str) -> None:
    space = make_space(base={"data.name": "fashion_mnist", "data.augment": augment})
    before = [trial(space, number, data__cutout=None, measure__exit_confidence=None) for number in range(300)]
    require_same_configs(StudyAttributes.of("toy", space), space, before)
    for stored in before[:3]:  # and their keys, brought to today's form, are those of the params
        assert key_today(stored.key, stored.config) == resolve(space, stored.params)[1]
