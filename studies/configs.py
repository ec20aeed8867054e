"""Config files of trials: what an exported one holds, how it is written, and the configs of the front."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from spikefront.errors import FileMistakesError
from spikefront.files import is_there, read_text, replace_text
from spikefront.nested import copied
from spikefront.yaml_file import yaml_text
from studies.accuracy import about_metric
from studies.errors import StudyError
from studies.model import Study, Trial
from studies.noise import seed_spread
from studies.pareto import front
from studies.replicates import Spread, spreads
from studies.text import is_under_load, number, one_line, spread_text, trial_stem, with_unit
from studies.timings import Timing, quiet_timing, timing, undisturbed_timing

MADE_HERE = "# SpikeFront:"
_FRONT_FILE = re.compile(r"trial-\d{4,}\.yaml", re.ASCII)
_MAX_BYTES = 2**20
_ALWAYS_TOLD = ("val_accuracy", "train_memory_mib", "latency_ms")


def exported_config(study: Study, trial: Trial, run_folder: str | Path) -> dict[str, Any]:
    """The trial's full config, ready for `snncore.train`.

    `origin` names study and trial, `out` is RUN/finals/trial-NNNN (relative to where the command runs, if
    the run folder lies below it); every other field is the trial's, in its order, as plain dicts and lists.
    """
    out = (_from_here(Path(run_folder)) / "finals" / trial_stem(trial.number)).as_posix()
    origin = {"study": study.info.name, "trial": trial.number}
    return {**copied(trial.config), "origin": origin, "out": out}


def write_config(
    config: Mapping[str, Any], path: str | Path, overwrite: bool = False, comment: str = ""
) -> None:
    """Write a config as YAML (1.2, block style, in its own order), below `comment` in # lines.

    Raises:
        StudyError: the file exists and `overwrite` is off, it is a folder, or YAML cannot hold a value.
        OSError: the file cannot be written.
    """
    path = Path(path)
    if is_there(path) and path.is_dir():
        raise StudyError(f"{path}: is a folder, not a file")
    if is_there(path) and not overwrite:
        raise StudyError(f"{path}: exists already; choose another name, or use --force to replace it")
    replace_text(path, config_text(config, comment))


def config_text(config: Mapping[str, Any], comment: str = "") -> str:
    """The text of a config file, `comment` in # lines above it.

    Raises:
        StudyError: YAML cannot hold a value.
    """
    try:
        text = yaml_text(copied(config), width=4096)  # dicts and lists alone: no tags, no anchors
    except YAMLError as error:
        raise StudyError(f"config cannot be written as YAML: {error}") from error
    head = "".join(f"# {one_line(line, 400)}\n" for line in comment.splitlines())
    return head + text


def measured(study: Study, trial: Trial, also: Sequence[str] = ()) -> str:
    """What was measured of a trial, on one line: accuracy, memory, latency and the study's objectives.

    also: names of further metrics; those that the trial does not have are left out.

    In brackets after a metric: its quartiles, the measurement with the machine quiet, and mean and standard
    deviation over its replicates, where there are any. "nothing" for a trial without any of these metrics.
    """
    again = spreads(study)
    known = {**trial.metrics, **{name: value for name, value in trial.values.items() if value is not None}}
    names = dict.fromkeys([*_ALWAYS_TOLD, *(objective.name for objective in study.info.objectives), *also])
    parts = []
    for name in names:
        if name in known:
            load = ", measured while other trials ran" if is_under_load(trial, name) else ""
            spread = _spreads(trial, name, seed_spread(trial, name, again))
            parts.append(f"{name} {with_unit(name, known[name])}{spread}{load}")
    return "; ".join(parts) or "nothing"


def front_paths(study: Study, folder: str | Path) -> list[Path]:
    """Where `write_front` writes, by number."""
    return [Path(folder) / "front" / f"{trial_stem(trial.number)}.yaml" for trial in front(study)]


def write_front(study: Study, folder: str | Path) -> list[Path]:
    """Write RUN/front/trial-NNNN.yaml for each trial of the front of the study in the run folder `folder`.

    Files of trials that are no longer on the front are removed, if they have such a name and their first
    line says that SpikeFront wrote them. Files that would not change are not touched. Returns the paths, by
    number.

    Raises:
        StudyError: YAML cannot hold a config.
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    trials = zip(front_paths(study, folder), front(study), strict=True)
    texts = {path: _front_text(study, trial, folder) for path, trial in trials}
    for path, text in texts.items():
        if _text_of(path) != text:
            replace_text(path, text)
    for path in sorted((folder / "front").glob("trial-*.yaml")):
        is_ours = _FRONT_FILE.fullmatch(path.name) and _text_of(path).startswith(MADE_HERE)
        if path not in texts and is_ours:
            path.unlink()
    return list(texts)


def _spreads(trial: Trial, name: str, over_seeds: Spread | None) -> str:
    """The text in brackets after a metric: for an accuracy, of which samples; and the spread."""
    in_search, quiet = timing(trial, name), quiet_timing(trial, name)
    parts = [about] if (about := about_metric(trial, name)) else []
    parts += [_quartiles(name, in_search)] if in_search and in_search.quartiles else []
    if quiet:
        parts.append(
            ", ".join([f"quiet {with_unit(name, quiet.median)}", _quartiles(name, quiet)]).rstrip(", ")
        )
        parts += ["not quiet: the machine was busy then"] if undisturbed_timing(trial, name) is None else []
    elif over_seeds:
        parts.append(f"over seeds {spread_text(name, over_seeds)}")
    return f" ({'; '.join(parts)})" if parts else ""


def _quartiles(name: str, measurement: Timing) -> str:
    return (
        "quartiles {} to {}".format(*(number(name, end) for end in measurement.quartiles))
        if measurement.quartiles
        else ""
    )


def _front_text(study: Study, trial: Trial, folder: Path) -> str:
    comment = (
        f"{MADE_HERE.removeprefix('# ')} trial {trial.number} of study {study.info.name}, on its front\n"
        f"measured: {measured(study, trial)}\n"
        "the study replaces and removes the files of this folder: copy this one before you change it"
    )
    return config_text(exported_config(study, trial, folder), comment)


def _text_of(path: Path) -> str:
    """The file's text, "" if there is no file, or one that cannot be read."""
    try:
        return read_text(path, _MAX_BYTES)
    except FileMistakesError:
        return ""


def _from_here(folder: Path) -> Path:
    try:
        return folder.relative_to(Path.cwd())
    except ValueError:
        return folder
