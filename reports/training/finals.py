"""The final trainings of a study's trials: results of the search against those of the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reports.data.digest import Digest
from reports.format.quantities import NO_BREAK, capitalised, counted, listed, quantity, written
from reports.html.markup import Html, join, tag
from reports.html.section import Section
from reports.html.table import scrolling_table
from spikefront.accuracy import SPLITS, split_text
from studies.finals import COMPARED, FinalTraining, UnusableResult, differences, final_remarks, read_finals
from studies.text import decimals

ACCURACY, *_PRICES = COMPARED
_TEST = "test_accuracy"


@dataclass(frozen=True)
class FinalsFrame:
    """What the table shows.

    names: the metrics that some training has. gaps: validation accuracy obtained in training minus promised
    by the search, in points, of each training that has both.
    """

    finals: tuple[FinalTraining, ...]
    names: tuple[str, ...]
    gaps: tuple[float, ...]
    unusable: tuple[UnusableResult, ...]


def finals_frame(digest: Digest, run_folder: Path) -> FinalsFrame | None:
    """The frame of all final trainings of a run folder; None where there is no result."""
    finals, unusable = read_finals(digest.recorded, run_folder)
    if not finals and not unusable:
        return None
    return FinalsFrame(
        finals=tuple(finals),
        names=tuple(name for name in COMPARED if any(name in final.obtained for final in finals)),
        gaps=tuple(
            final.obtained[ACCURACY] - final.promised[ACCURACY]
            for final in finals
            if ACCURACY in final.obtained and ACCURACY in final.promised
        ),
        unusable=tuple(unusable),
    )


def finals_section(digest: Digest, run_folder: Path) -> Section | None:
    """The section, None where nothing was trained to the end."""
    frame = finals_frame(digest, run_folder)
    if frame is None:
        return None
    below = join(_table(frame) if frame.finals else "", *_notes(frame))
    return Section("finals", "Trained to the end", sentence(frame), [], below)


def sentence(frame: FinalsFrame) -> str:
    """How many trainings there are, and how their accuracies compare with the search's."""
    n = len(frame.finals)
    text = f"{counted(n, 'final training')} of exported configs."
    if frame.gaps:
        n_gaps = len(frame.gaps)
        mean = sum(frame.gaps) / n_gaps
        way = "below" if mean < 0 else "above"
        what = f"{abs(mean):.2f}{NO_BREAK}points {way} what the search promised"
        if n == n_gaps == 1:
            whose = "Its validation accuracy is"
        else:
            over = f"{counted(n_gaps, 'training')} with a validation split"
            whose = f"Over {over}, validation accuracy is on average"
        text += f" {whose} {what}."
    return f"{text} The test split is read once, after the last epoch; the search never sees it."


def _table(frame: FinalsFrame) -> Html:
    heads = [tag("th", "Trial", scope="col")]
    for name in frame.names:
        label = quantity(name)
        unit = f" ({label.unit})" if label.unit else ""
        heads += [
            tag("th", f"{capitalised(label.label)}{unit}, promised", scope="col", class_="number"),
            tag("th", "obtained", scope="col", class_="number"),
        ]
    heads += [
        tag("th", "Test accuracy (%)", scope="col", class_="number"),
        tag("th", "Ended", scope="col"),
        tag("th", "Folder", scope="col"),
        tag("th", "Not as in the search", scope="col"),
    ]
    rows = [_row(final, frame.names) for final in frame.finals]
    caption, region = "Final trainings, promised against obtained", "Table of the final trainings"
    return scrolling_table("finals-table", heads, rows, caption, region)


def _row(final: FinalTraining, names: Sequence[str]) -> Html:
    cells = [tag("th", "–" if final.number is None else str(final.number), scope="row")]
    for name in names:
        cells += [_number(name, final.promised), _number(name, final.obtained)]
    test = {} if final.test_accuracy is None else {_TEST: final.test_accuracy}
    return tag(
        "tr",
        *cells,
        _number(_TEST, test),
        tag("td", _day(final.finished_at)),
        tag("td", tag("code", f"finals/{final.folder.name}")),
        tag("td", "; ".join(differences(final, "→")) or "–"),
        data_trial=final.number,
    )


def _number(name: str, values: Mapping[str, float]) -> Html:
    value = values.get(name)
    text = "–" if value is None else decimals(value, 2) if name == _TEST else written(name, value)
    exact = None if value is None else repr(value)
    return tag("td", text, class_="number", data_column=f"metric.{name}", data_value=exact)


def _notes(frame: FinalsFrame) -> list[Html]:
    notes = []
    if any(name in frame.names for name in _PRICES):
        priced = listed([quantity(name).label for name in _PRICES if name in frame.names])
        notes.append(f"{capitalised(priced)} of a final training are measured after it.")
    if any(ACCURACY not in final.obtained for final in frame.finals):
        notes.append("A training on all data has no validation accuracy to compare.")
    of = {split: split_text((final.samples for final in frame.finals), split) for split in ("val", "test")}
    notes += [f"{capitalised(SPLITS[split])} accuracy: {text}." for split, text in of.items() if text]
    for final in frame.finals:
        notes += [f"finals/{final.folder.name}: {remark}." for remark in final_remarks(final)]
    notes += [f"finals/{result.path.parent.name} cannot be used: {result.why}." for result in frame.unusable]
    return [tag("p", note, class_="note below") for note in notes]


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"
