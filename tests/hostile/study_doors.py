"""Doors of studies: spaces, journals, databases, and what lies in a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tests.hostile.case import Case
from tests.hostile.genuine import KITS
from tests.hostile.mutate import case_of
from tests.hostile.values import yaml_value
from tests.spaces.hostile_corpus import CASES, PLACES

RUN = "runs/toy"


def space(rng: Random) -> Case:
    """A space file."""
    argv = ["search.run", "--space", "space.yaml", "--dry-run"]
    choice = rng.random()
    if choice < 0.6:
        return case_of(rng, "run", argv, r"^space\.yaml$")
    if choice < 0.75:
        content, _ = CASES[rng.choice(list(CASES))]
        made = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    else:
        filled = PLACES[rng.choice(list(PLACES))].replace("@", yaml_value(rng))
        made = filled.encode("utf-8", "surrogatepass")
    return Case(tuple(argv), {"space.yaml": made})


def record_files() -> dict[str, bytes]:
    return {path: content for path, content in KITS["run"].items() if path.endswith(".parquet")}


def journal(rng: Random) -> Case:
    """The journal of a study: its record made again, and a resume up to the start of Ray."""
    argv = rng.choice((["search.record", RUN], resume(rng)))
    return case_of(rng, "run", argv, r"journal\.log$")


def resume(rng: Random) -> list[str]:
    argv = ["search.run", "--resume", "--study", "toy"]
    return [*argv, "--space", "space.yaml"] if rng.random() < 0.3 else argv


def database(rng: Random) -> Case:
    """A study in a database."""
    named = ["--storage", "sqlite:///toy.db"] if rng.random() < 0.3 else []
    argv = [*rng.choice((["search.record", RUN], resume(rng))), *named]
    return case_of(rng, "database", argv, r"toy\.db$|storage\.url$", p_special=0.05)


def record(rng: Random) -> Case:
    """Parquet files, by every command that reads them."""
    argv: Sequence[str] = rng.choice(
        (
            ["studies.show", RUN],
            ["studies.show", RUN],
            [
                "studies.show",
                RUN,
                "--format",
                rng.choice(("csv", "json")),
                "--what",
                rng.choice(("trials", "epochs")),
            ],
            ["studies.show", RUN, "--format", "parquet", "--out", "out.parquet"],
            [
                "studies.export",
                RUN,
                "--pick",
                rng.choice(("knee", "trial:1", "best:val_accuracy")),
                "--out",
                "x.yaml",
            ],
            ["studies.tensorboard", RUN],
            ["reports.build", RUN],
            ["reports.build", RUN],
            ["reports.compare", RUN, "runs/other"],
            ["search.simulate", "--study", RUN, "--sampler", "random", "--seeds", "1"],
            ["live-request", RUN, "request"],
        )
    )
    other = {path.replace(RUN, "runs/other"): content for path, content in record_files().items()}
    request = {"request": b"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"}
    return case_of(rng, "run", argv, r"runs/toy/[^/]*\.parquet$", other | request)


def final(rng: Random) -> Case:
    """result.json of a final training, as the study's commands and the training itself read it."""
    argv = rng.choice((["studies.show", RUN], ["reports.build", RUN]))
    return case_of(rng, "run", argv, r"result\.json$")


def warm_start(rng: Random) -> Case:
    """A hostile study to learn from, up to the start of Ray."""
    argv = ["search.run", "--space", "space.yaml", "--study", "next", "--warm-start", RUN]
    return case_of(rng, "run", argv, r"runs/toy/[^/]*\.parquet$")


def folder(rng: Random) -> Case:
    """The other files of a run folder."""
    argv = rng.choice((["search.record", RUN], resume(rng), ["studies.show", RUN], ["reports.build", RUN]))
    return case_of(rng, "run", argv, r"^runs/toy/(space\.yaml|front/|finals/|journal)", p_special=0.5)
