"""Opening a study: whether it exists, may be begun, may be continued. A refusal writes nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage

from search.errors import SearchError
from search.study.attributes import StudyAttributes
from search.study.drivers import Drivers, OneDriver
from search.study.folder import RunFolder
from search.study.journal import open_journal
from search.study.storage import find_storage, find_study, open_url, reading
from search.study.urls import absolute, without_password
from spaces.space import Space
from spikefront.files import replace_text
from spikefront.yaml_file import yaml_text


def open_existing(folder: RunFolder, url: str | None = None) -> tuple[optuna.Study, StudyAttributes]:
    """The study of a run folder, from its storage alone.

    url: of the database; by default the one the folder names, else the journal.

    Raises:
        SearchError: there is no such study, or its storage cannot be opened.
    """
    url = url or folder.named_url()
    storage = _storage(folder, url)
    loaded = None if storage is None else _load(storage, folder.path.name)
    if loaded is None:
        place = folder.journal if url is None else without_password(url)
        raise SearchError(f"{folder.path}: no study {folder.path.name!r} in {place}")
    study, attributes = loaded
    if attributes is None:
        raise SearchError(
            f"{folder.path}: its driver died before the first trial; start it again with --space"
        )
    return study, attributes


def was_never_begun(folder: RunFolder, url: str | None) -> bool:
    """Whether a driver died here before its first record; the folder then counts as empty."""
    has_trace = folder.journal.exists() or folder.storage_url.exists()
    if not (has_trace and folder.is_empty()):
        return False
    storage = _storage(folder, url)
    return storage is None or _load(storage, folder.path.name) is None


def require_new(folder: RunFolder, url: str | None) -> None:
    """Check that a new study may be begun in a folder.

    Raises:
        SearchError: a study of this name exists, or the folder holds something else.
    """
    storage = _storage(folder, url)
    loaded = None if storage is None else _load(storage, folder.path.name)
    if loaded is not None and (loaded[1] is not None or loaded[0].get_trials(deepcopy=False)):
        raise SearchError(
            f"{folder.path}: study {folder.path.name!r} exists; "
            "continue it with --resume, or choose another name with --study"
        )
    if loaded is None and not folder.is_empty():
        raise SearchError(f"{folder.path}: not empty, and not a study; choose another name with --study")


def require_budget(n_trials: int, wanted: int | None) -> None:
    """Check that a budget given on the command line is not below the trials there are.

    Raises:
        SearchError: it is.
    """
    if wanted is not None and wanted < n_trials:
        raise SearchError(f"--trials: got {wanted}, but the study has {n_trials} already; give more, or none")


def create(
    folder: RunFolder, url: str | None, attributes: StudyAttributes, drivers: Drivers | None = None
) -> optuna.Study:
    """Begin a study: its storage, its attribute and space.yaml. `require_new` comes first.

    url: of the database; by default the one that a driver has named which died before its first record.

    Raises:
        SearchError: another driver on the same server has begun it since.
    """
    url = url or folder.named_url()
    storage = open_journal(folder.journal) if url is None else open_url(url)
    _note_storage(folder, url)
    with (drivers or OneDriver()).exclusive():
        loaded = _load(storage, attributes.name)
        if loaded is None:
            directions = [objective.direction for objective in attributes.objectives]
            study = optuna.create_study(storage=storage, study_name=attributes.name, directions=directions)
        elif loaded[1] is None:  # a driver died between these two records
            study = loaded[0]
        else:
            raise SearchError(f"study {attributes.name!r} was begun by another driver; join it with --resume")
        attributes.write(study)
    write_space(folder, attributes)
    return study


def continue_study(
    folder: RunFolder,
    url: str | None,
    attributes: StudyAttributes,
    study: optuna.Study,
    drivers: Drivers | None = None,
) -> None:
    """What a resume writes: the study's attribute, and the files of a folder that may have been lost."""
    with (drivers or OneDriver()).exclusive():
        attributes.write(study)
    _note_storage(folder, url)
    write_space(folder, attributes)


def _note_storage(folder: RunFolder, url: str | None) -> None:
    """Write storage.url where `--storage` chose a database."""
    if url is not None:
        replace_text(folder.storage_url, without_password(absolute(url)) + "\n")


def stored_space(attributes: StudyAttributes) -> Space:
    """The space of a study, read from what its storage holds like from a file.

    Raises:
        SpaceError: this version of the trainer no longer takes it.
    """
    from search.checker import TrainerChecker
    from spaces.load import load_space

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{attributes.name}.yaml"
        path.write_text(as_yaml(attributes.space), encoding="utf-8")
        return load_space(str(path), TrainerChecker())[0]


def write_space(folder: RunFolder, attributes: StudyAttributes) -> None:
    """Write space.yaml: the space as resolved."""
    replace_text(folder.space, as_yaml(attributes.space))


def _storage(folder: RunFolder, url: str | None) -> BaseStorage | None:
    """The storage of a folder, or None where there is none yet."""
    url = url or folder.named_url()
    if url is not None:
        return find_storage(url)
    return open_journal(folder.journal) if folder.journal.exists() else None


def _load(storage: BaseStorage, name: str) -> tuple[optuna.Study, StudyAttributes | None] | None:
    with reading(f"study {name!r}"):
        if find_study(storage, name) is None:
            return None
        study = optuna.load_study(storage=storage, study_name=name)
        return study, StudyAttributes.read(study)


def with_options(space: Space, trials: int | None, seed: int | None, replicates: int | None) -> Space:
    """The space with the command line's budget, sampler seed and replicates in it, where they are given.

    Raises:
        SearchError: no sampler takes such a seed.
    """
    if seed is not None and not 0 <= seed < 2**32:  # as in a space file
        raise SearchError(f"--seed: got {seed}, allowed: 0 to {2**32 - 1}")
    if trials is not None:
        space = replace(space, budget=replace(space.budget, trials=trials))
    if seed is not None:
        space = replace(space, sampler=replace(space.sampler, seed=seed))
    if replicates is not None:
        space = replace(space, replicates=replicates)
    return space


def as_yaml(values: Mapping[str, Any]) -> str:
    """Plain values as YAML 1.2, keys in their own order."""
    text = yaml_text(values, width=100, flow_lists=True)
    # Where it wraps a line, ruamel leaves a space at its end.
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())
