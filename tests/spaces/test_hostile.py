"""Hostile space files: accepted or refused at once, with the file and the key, and nothing in them is run."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from search.run import main
from spaces import Mistake, SpaceError, load_space, packaged_names
from spaces.errors import flow
from spikefront.yaml_nodes import plain, read_nodes
from tests.hostile.trees import HOSTILE_KEYS, Raw, emitted, key_of, plain_copy, steps_of
from tests.spaces.helpers import TRAINER
from tests.spaces.hostile_corpus import ALWAYS_REFUSED, CASES, CODE, FINE, PLACES, VALUES

MAX_SECONDS = 1.0
"""Of the processor, for one file: a machine that is busy with other tests does not count."""

OWN_NETWORKS = {"a module with code": 1, "endless modules": 11}
"""Spaces whose modules are imported before anything starts, and the lines that tell of the missing ones."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to be in, where a file CANARY appears if any of the payloads is run."""
    (tmp_path / "canary_module.py").write_text("open('CANARY', 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    assert "canary_module" not in sys.modules
    assert not Path("CANARY").exists()


def refusals(content: str | bytes) -> list[Mistake]:
    """The mistakes of a file, [] when it is accepted; checks all that holds for every file."""
    path = Path("space.yaml")
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    seconds, error = timed_load(path)
    if seconds >= MAX_SECONDS:  # a neighbour on the same core slows a process down
        seconds, error = timed_load(path)
    assert seconds < MAX_SECONDS
    if error is None:
        return []
    told, mistakes = str(error), error.mistakes
    lines = told.split("\n")
    assert len(lines) == len(mistakes) > 0
    for line, mistake in zip(lines, mistakes, strict=True):
        place = "space.yaml" if mistake.line is None else f"space.yaml:{mistake.line}"
        assert line.startswith(f"{place}: {mistake.key}")
        assert mistake.key or mistake.line
        assert line.isprintable()
        assert len(mistake.message) > 5
        assert len(line) < 2000
    return mistakes


def timed_load(path: Path) -> tuple[float, SpaceError | None]:
    """Seconds of the processor that a file takes, and what is said against it."""
    started = time.process_time()
    error = None
    try:
        load_space(str(path), TRAINER)
    except SpaceError as refusal:
        error = refusal
    return time.process_time() - started, error


def is_related(key: str, place: str) -> bool:
    """Whether a mistake's key is a place, or stands above or below it."""
    return (
        key == place or key.startswith((f"{place}.", f"{place}[")) or place.startswith((f"{key}.", f"{key}["))
    )


@pytest.mark.parametrize("name", CASES)
def test_hand_made_files(folder: Path, name: str) -> None:
    content, key = CASES[name]
    found = [mistake.key for mistake in refusals(content)]
    if key is FINE:
        assert found == []
    else:
        assert key in found


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 250


@pytest.mark.parametrize("place", PLACES)
def test_every_value_at_every_place(folder: Path, place: str) -> None:
    n_refused = 0
    for value in VALUES:
        found = refusals(PLACES[place].replace("@", value))
        n_refused += bool(found)
        assert not found or any(is_related(mistake.key, place) for mistake in found), (value, found)
        assert found or value not in ALWAYS_REFUSED
    assert n_refused > len(ALWAYS_REFUSED)


@pytest.mark.parametrize(
    "name", [name for name, (_, key) in CASES.items() if key is FINE and name not in OWN_NETWORKS]
)
def test_what_is_accepted_can_be_searched(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert refusals(CASES[name][0]) == []
    assert main(["--space", "space.yaml", "--dry-run"]) == 0
    assert "sample config 3 of 3" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "n_lines"), OWN_NETWORKS.items())
def test_networks_that_a_space_names_are_imported_before_anything_starts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    n_lines: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusals(CASES[name][0]) == []
    assert main(["--space", "space.yaml", "--dry-run"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: model.arch: ")
    assert len(told.splitlines()) == n_lines


@pytest.mark.parametrize(
    "name", [*list(CODE)[:6], "a billion laughs", "nothing", "any bytes", "terminal escapes"]
)
def test_the_command_tells_it_in_one_block(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    refusals(CASES[name][0])
    assert main(["--space", "space.yaml", "--dry-run"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: space.yaml:")
    assert "Traceback" not in told


@pytest.mark.filterwarnings("ignore")
def test_the_canary_can_sing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loader that acts on tags does run what stands in the files."""
    monkeypatch.chdir(tmp_path)
    YAML(typ="unsafe", pure=True).load(CODE["os.system"][0])
    assert Path("CANARY").exists()


def a_socket(path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(path.name)


NO_FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a folder": (Path.mkdir, "space.yaml: a folder, and no packaged space"),
    "a pipe": (os.mkfifo, "space.yaml: a pipe or a device, and no packaged space"),
    "a socket": (a_socket, "space.yaml: a pipe or a device"),
    "endless zeros": (lambda path: path.symlink_to("/dev/zero"), "space.yaml: a pipe or a device"),
    "nothing": (lambda path: path.symlink_to("/dev/null"), "space.yaml: a pipe or a device"),
    "a terminal": (
        lambda path: path.symlink_to("/dev/tty"),
        "space.yaml: (a pipe|no such file|cannot be read)",
    ),
    "a link to nowhere": (lambda path: path.symlink_to("nowhere"), "space.yaml: no such file"),
    "a link to itself": (lambda path: path.symlink_to(path), "space.yaml: cannot be read: Too many levels"),
    "memory": (lambda path: path.symlink_to("/proc/self/mem"), "space.yaml: cannot be read: "),
    "a sparse file of a terabyte": (
        lambda path: (path.touch(), os.truncate(path, 2**40)),
        "space.yaml: larger than 128 KiB",
    ),
}


@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_file(folder: Path, name: str) -> None:
    make, message = NO_FILES[name]
    make(folder / "space.yaml")
    started = time.perf_counter()
    with pytest.raises(SpaceError, match=message):
        load_space("space.yaml", TRAINER)
    assert time.perf_counter() - started < 5  # nothing waits for a writer


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a\nb.yaml", r"a\nb.yaml"), ("\x1b[2J.yaml", r"\x1b[2J.yaml"), ("\u202e.yaml", r"\u202e.yaml"),
     (os.fsdecode(b"\xff.yaml"), r"\udcff.yaml")],
)  # fmt: skip
@pytest.mark.parametrize("exists", [True, False])
def test_a_file_with_an_odd_name(folder: Path, name: str, shown: str, exists: bool) -> None:
    if exists:
        Path(name).write_text("[]")
    with pytest.raises(SpaceError) as caught:
        load_space(name, TRAINER)
    told = str(caught.value)
    assert told.startswith(shown)
    assert all(line.isprintable() for line in told.split("\n"))


SPACES = {}
for space_name in packaged_names():
    root, _ = read_nodes((Path("spaces") / f"{space_name}.yaml").read_text(encoding="utf-8"), space_name)
    assert root is not None
    SPACES[space_name] = plain(root)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, str, bool]:
    """A good space with one thing changed: its text, the place, and whether that must be refused."""
    tree = {"space": plain_copy(SPACES[draw(st.sampled_from(sorted(SPACES)))])}
    steps = draw(st.sampled_from(list(steps_of(tree["space"]))))
    *above, last = ("space", *steps)
    parent: Any = tree
    for step in above:
        parent = parent[step]
    kind = draw(
        st.sampled_from(["replace", "replace", "refuse", "tag", "anchor", "twice", "extra", "remove"])
    )
    if kind in ("twice", "extra") and not isinstance(parent, dict):
        kind = "tag"
    if kind == "replace":
        parent[last] = Raw(draw(st.sampled_from(VALUES)))
    elif kind == "refuse":
        parent[last] = Raw(draw(st.sampled_from(ALWAYS_REFUSED)))
    elif kind == "tag":
        parent[last] = Raw(
            draw(st.sampled_from(["!x ", "!!python/tuple ", "!!map "])) + emitted(parent[last])
        )
    elif kind == "anchor":
        parent[last] = Raw(f"&a {emitted(parent[last])}")
    elif kind == "twice":
        parent[Raw(f"{flow(last)} ")] = Raw(draw(st.sampled_from(VALUES)))
    elif kind == "extra":
        parent[Raw(draw(st.sampled_from(HOSTILE_KEYS)))] = Raw(draw(st.sampled_from(VALUES)))
        steps = steps[:-1]
    else:
        del parent[last]
    return emitted(tree["space"]), key_of(steps), kind in ("refuse", "tag", "twice", "extra")


@settings(
    derandomize=True,
    deadline=None,
    max_examples=250,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(mutated())
def test_good_spaces_with_one_thing_changed(folder: Path, case: tuple[str, str, bool]) -> None:
    text, place, must_be_refused = case
    found = refusals(text)
    if must_be_refused:
        assert any(not place or is_related(mistake.key, place) for mistake in found), found
