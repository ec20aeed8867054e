"""Final trainings of a study's trials: metrics measured by the search, and by the final training.

`snncore.train` writes `result.json` into a folder of RUN/finals. Every folder there is read, so a trial may
be trained twice, or elsewhere and then moved or linked there. The result's `origin` names its trial.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spikefront.accuracy import SAMPLES, accuracy_text, split_remarks
from spikefront.json_file import read_json
from spikefront.nested import flattened
from spikefront.numbers import is_finite
from studies.model import Study
from studies.text import one_line, trial_stem

COMPARED = ("val_accuracy", "train_memory_mib", "latency_ms")
"""The metrics that both the search and the final training measure."""

_OWN = ("origin", "out", "data.root")
_NAME = re.compile(r"trial-(\d{4,})", re.ASCII)
_MOST_CHANGES = 4


@dataclass(frozen=True)
class FinalTraining:
    """One final training.

    number: the trial it trained; None if the file does not say. promised, obtained: the `COMPARED` metrics
    of the search and of the training, finite numbers only. epochs: trained by the search and by the training.
    changed: fields of the config that differ from the trial's, with both values.
    samples: sample and class counts of the accuracies, under the names of `spikefront.accuracy`, as far as
    they are known.
    device: in the form of `Trial.device`. is_elsewhere: whether it is not the trial's device, so that times
    cannot be compared.
    """

    folder: Path
    number: int | None
    promised: Mapping[str, float]
    obtained: Mapping[str, float]
    test_accuracy: float | None
    samples: Mapping[str, float]
    epochs: tuple[int | None, int | None]
    changed: Mapping[str, tuple[Any, Any]]
    device: str | None
    is_elsewhere: bool
    finished_at: datetime


@dataclass(frozen=True)
class UnusableResult:
    """A result.json that is not a final training of this study, or cannot be read, and why."""

    path: Path
    why: str


def read_finals(study: Study, run_folder: str | Path) -> tuple[list[FinalTraining], list[UnusableResult]]:
    """The final trainings in RUN/finals, by trial, then time, and the results that cannot be used."""
    finals, unusable = [], []
    for path in sorted(Path(run_folder).glob("finals/*/result.json")):
        try:
            finals.append(_final(study, path))
        except Exception as error:  # one unusable result must not hide the others
            unusable.append(UnusableResult(path, one_line(str(error), 200)))
    return sorted(finals, key=lambda final: (final.number is None, final.number, final.finished_at)), unusable


def final_lines(study: Study, run_folder: str | Path) -> list[str]:
    """A line for each final training: accuracy promised and obtained, and what was not the same.

    Further lines where an accuracy is no better than guessing, or classes have no sample.
    """
    finals, unusable = read_finals(study, run_folder)
    lines = [line for final in finals for line in _lines(final)]
    return [*lines, *(f"{result.path}: cannot be read: {result.why}" for result in unusable)]


def differences(final: FinalTraining, arrow: str = "->") -> list[str]:
    """Reasons, besides luck, for different results, in words: epochs, changed fields, device."""
    before, after = final.epochs
    is_other = None not in final.epochs and before != after
    texts = [f"{before} epoch{'s'[: before != 1]} in the search, {after} here"] if is_other else []
    changed = {
        name: both for name, both in final.changed.items() if not (is_other and name == "optim.epochs")
    }
    shown = list(changed.items())[:_MOST_CHANGES]
    texts += [f"{name} {_setting(old)} {arrow} {_setting(new)}" for name, (old, new) in shown]
    n_more = len(changed) - len(shown)
    texts += [f"{n_more} more changed field{'s'[: n_more != 1]}"] if n_more else []
    return texts + (["measured on another device"] if final.is_elsewhere else [])


def final_remarks(final: FinalTraining) -> list[str]:
    """See `spikefront.accuracy.split_remarks`."""
    accuracies = {"val": final.obtained.get("val_accuracy"), "test": final.test_accuracy}
    return split_remarks(accuracies, final.samples)


def _lines(final: FinalTraining) -> list[str]:
    shown = ", ".join(
        [
            f"validation accuracy promised {accuracy_text(final.promised.get('val_accuracy'), {})}",
            f"obtained {accuracy_text(final.obtained.get('val_accuracy'), final.samples)}",
            f"test accuracy {accuracy_text(final.test_accuracy, final.samples, 'test')}",
        ]
    )
    apart = "; ".join(differences(final))
    head = f"final training of {_name(final)}: "
    text = shown + (f" ({apart})" if apart else "")
    return [head + text, *(head + remark for remark in final_remarks(final))]


def _name(final: FinalTraining) -> str:
    folder = one_line(final.folder.name)
    is_usual = final.number is None or folder == trial_stem(final.number)
    return folder if is_usual else f"trial {final.number} in {folder}"


def _final(study: Study, path: Path) -> FinalTraining:
    """The final training that a result.json describes.

    Raises:
        ValueError: it is not a JSON object, or its origin is another study.
    """
    result = read_json(path)
    number = _number(study, result.get("origin"), path.parent.name)
    trial = next((trial for trial in study.trials if trial.number == number), None)
    known = {} if trial is None else {**trial.metrics, **trial.values}
    metrics = _mapping(result.get("metrics")) | {"val_accuracy": result.get("val_accuracy")}
    device = _device(result)
    epochs = result.get("epochs_trained")
    return FinalTraining(
        folder=path.parent,
        number=None if trial is None else number,
        promised=_numbers(known),
        obtained=_numbers(metrics),
        test_accuracy=_numbers({"val_accuracy": result.get("test_accuracy")}).get("val_accuracy"),
        samples=_numbers(result, SAMPLES),
        epochs=(trial.epochs_trained if trial else None, epochs if isinstance(epochs, int) else None),
        changed=_changed(trial.config, result.get("config")) if trial else {},
        device=device,
        is_elsewhere=bool(trial and trial.device and device and trial.device != device),
        finished_at=_finished(result, path),
    )


def _number(study: Study, origin: Any, folder: str) -> int | None:
    """The number of the trial, from the result's origin or else from the name of its folder."""
    if isinstance(origin, dict):
        if origin.get("study") != study.info.name:
            raise ValueError(f"it trained a trial of study {origin.get('study')}")
        number = origin.get("trial")
        return number if isinstance(number, int) else None
    match = _NAME.fullmatch(folder)
    return int(match[1]) if match else None


def _numbers(values: Mapping[str, Any], names: Sequence[str] = COMPARED) -> dict[str, float]:
    found = {name: values.get(name) for name in names}
    return {name: float(value) for name, value in found.items() if is_finite(value)}


def _device(result: Mapping[str, Any]) -> str | None:
    """The device in the form of `Trial.device`; results of older versions have it for CPUs only."""
    if isinstance(result.get("device_model"), str):
        return str(result["device_model"])
    if result.get("device") == "cpu" and result.get("machine") and result.get("backend"):
        return f"cpu: {result['machine']}, {result['backend']}"
    return None


def _changed(before: Mapping[str, Any], after: Any) -> dict[str, tuple[Any, Any]]:
    """The fields of both configs whose values differ; what an export or a machine sets is left out."""
    old, new = _fields(before), _fields(_mapping(after))
    return {name: (value, new[name]) for name, value in old.items() if name in new and new[name] != value}


def _fields(config: Mapping[str, Any]) -> dict[str, Any]:
    flat = flattened({name: value for name, value in config.items() if name not in _OWN})
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in flat.items()
        if name not in _OWN
    }


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _setting(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else one_line(str(value), 40)


def _finished(result: Mapping[str, Any], path: Path) -> datetime:
    """When the training ended; for results of older versions, the time of the file."""
    text = result.get("finished_at")
    if isinstance(text, str):
        return datetime.fromisoformat(text).astimezone(UTC)
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
