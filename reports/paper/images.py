"""Images for papers and slides: figures of the report in files of their own, a caption beside each.

The frames are those of the page; Matplotlib draws them, so no browser and no network is needed. One column
wide (3.3 in), on white; text stays text in SVG and PDF.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from reports.course.facts import facts
from reports.course.hypervolume import HypervolumeFrame, hypervolume_frame
from reports.data.digest import Digest, digest
from reports.format.quantities import capitalised, counted, listed, percent, quantity, with_unit
from reports.front.front import PairFrame, pair_frame
from reports.html.figure import Card
from reports.paper.drawings import STYLE, draw_bars, draw_curve, draw_pair
from reports.params.importance import SOURCE, ImportanceFrame, importance_frame
from spikefront.files import replace_text, replacing
from studies.model import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Kind = Literal["png", "svg", "pdf"]
KINDS: tuple[Kind, ...] = get_args(Kind)

FOLDER = "images"
WIDTH_IN = 3.3
DPI = 300


@dataclass(frozen=True)
class Image:
    """One image: file name without suffix, what it shows, height, and the function that draws it."""

    name: str
    text: str
    height_in: float
    draw: Callable[[Axes], None]


def write_images(study: Study, run_folder: str | Path, kind: Kind) -> tuple[list[Path], list[Card]]:
    """Write RUN/images/*.KIND and the caption of each (.txt); returns the paths, and cards for the others.

    Files of the same names are replaced.

    Raises:
        OSError: the folder cannot be written.
    """
    study_digest = digest(study)
    made, cards = images(study_digest)
    paths = []
    for image in made:
        path = Path(run_folder) / FOLDER / f"{image.name}.{kind}"
        _save(image, path, kind, caption(study_digest, image))
        replace_text(path.with_suffix(".txt"), caption(study_digest, image))
        paths.append(path)
    return paths, cards


def images(digest: Digest) -> tuple[list[Image], list[Card]]:
    """The pairs of the front, the hypervolume, and each objective's importances; cards for those without."""
    frames: list[tuple[str, PairFrame | HypervolumeFrame | ImportanceFrame | Card]] = []
    for place, other in enumerate(digest.objectives[1:], start=1):
        frames.append((f"front-{place}", pair_frame(digest, other, digest.objectives[0])))
    frames.append(("hypervolume", hypervolume_frame(digest)))
    for place, objective in enumerate(digest.objectives, start=1):
        frames.append((f"importance-{place}", importance_frame(digest, objective)))
    made = [_image(digest, name, frame) for name, frame in frames if not isinstance(frame, Card)]
    return made, [frame for _, frame in frames if isinstance(frame, Card)]


def caption(digest: Digest, image: Image) -> str:
    """What an image shows, then of which study: data set, model, budget, seeds, machine, versions, date."""
    about = [("Study", digest.study.info.name), *facts(digest)]
    text = "\n".join([image.text, *(f"{label}: {fact}" for label, fact in about)]) + "\n"
    # A text from outside may hold half a surrogate pair, which no file can.
    return text.encode("utf-8", "replace").decode("utf-8")


def _image(digest: Digest, name: str, frame: PairFrame | HypervolumeFrame | ImportanceFrame) -> Image:
    if isinstance(frame, PairFrame):
        return Image(name, _pair_text(frame), 2.6, partial(draw_pair, digest=digest, frame=frame))
    if isinstance(frame, HypervolumeFrame):
        corner = listed([with_unit(name, value) for name, value in frame.reference.items()])
        n_trials = counted(len(frame.numbers), "finished trial")
        text = f"Hypervolume of the front over {n_trials}, in percent of the last, measured from {corner}."
        return Image(name, text, 2.0, partial(draw_curve, frame=frame))
    n_trials = counted(frame.n_trials, "trial")
    text = (
        f"Importance of each param for {quantity(frame.objective.name).label}. {SOURCE} Single params "
        f"together: {percent(frame.together)}; out-of-bag R² {frame.explained:.2f} over {n_trials}."
    )
    return Image(name, text, 0.45 + 0.19 * len(frame.params), partial(draw_bars, frame=frame))


def _pair_text(frame: PairFrame) -> str:
    x, y = (quantity(axis.objective.name).label for axis in (frame.x, frame.y))
    text = f"{capitalised(y)} over {x}: {counted(len(frame.front), 'trial')} on the front of all objectives"
    text += f" (the knee is trial {frame.knee})" if frame.knee is not None else ""
    text += f", {len(frame.dominated) + len(frame.near):,} dominated"
    text += f", {len(frame.near):,} of them within the noise of the front" if frame.near else ""
    text += f"; {counted(len(frame.outside), 'dominated trial')} outside the view" if frame.outside else ""
    return f"{text}. The line joins the best in this pair alone."


def _save(image: Image, path: Path, kind: Kind, text: str) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, image.height_in), layout="constrained", facecolor="white")
        image.draw(figure.add_subplot())
        with replacing(path) as file:
            figure.savefig(file, format=kind, dpi=DPI, metadata=_metadata(kind, text))


def _metadata(kind: Kind, text: str) -> dict[str, Any]:
    """The caption inside the file, and no date, so that the same study gives the same file."""
    if kind == "svg":
        return {"Description": text, "Date": None}
    return {"Description": text} if kind == "png" else {"Subject": text, "CreationDate": None}
