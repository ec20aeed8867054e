"""A short piece of the fuzzer over every door; and that it sees what it is there to see."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

from tests.hostile import arrays, media, pickles, planted, raw, tables, trees
from tests.hostile.case import Case
from tests.hostile.child import Ended
from tests.hostile.doors import DOORS
from tests.hostile.findings import ROOT, TRACEBACK, Finding, judge
from tests.hostile.minimise import Minimiser
from tests.snncore.data.events.fixtures import aedat4_bytes, random_stream
from tests.snncore.data.fixtures import cifar_batch, idx_bytes, photo, random_images

N_ROUNDS = 1
"""So many cases for each door; a longer run is for `python -m tests.hostile`."""

PLANTED = {
    "planted-raises": "traceback: IndexError in tests/hostile/planted.py:_raises",
    "planted-unexpected": "unexpected: IndexError in tests/hostile/planted.py:_raises",
    "planted-hangs": "hang: hang in tests/hostile/planted.py:_hangs",
    "planted-takes-memory": "memory: memory in tests/hostile/planted.py:_takes_memory",
    "planted-asks-for-memory": "memory: MemoryError in tests/hostile/planted.py:_asks_for_memory",
    "planted-runs-code": "code: run in planted-runs-code",
    "planted-aborts": "abort: signal 6 in tests/hostile/planted.py:_aborts",
    "planted-leaves-a-file": "left: typo.db in planted-leaves-a-file",
    "planted-exits-oddly": "exit: code 77 in planted-exits-oddly",
}


def fuzz(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own: it forks, which this one with its threads should not."""
    words = [sys.executable, "-m", "tests.hostile", "--out", str(folder / "found"), *arguments]
    environment = {**os.environ, "TMPDIR": str(folder)}
    return subprocess.run(words, capture_output=True, text=True, env=environment, timeout=280, cwd=ROOT)


@pytest.mark.parametrize(
    "names",
    [tuple(DOORS)[::2], pytest.param(tuple(DOORS)[1::2], marks=pytest.mark.slow)],
    ids=["even", "odd"],
)
def test_no_door_breaks_in_a_few_cases(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Each door also takes what is genuine: behind a closed one nothing could be found."""
    doors = [word for name in names for word in ("--door", name)]
    n = N_ROUNDS * len(names)
    done = fuzz(tmp_path, *doors, "--cases", str(n), "--seed", "12", "--minutes", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(re.findall(r"^(\w+) +(\d+) ", done.stdout, re.MULTILINE))
    assert counts == dict.fromkeys(names, str(N_ROUNDS)) | {"all": str(n)}


@pytest.mark.parametrize(
    "names",
    [
        ("planted-raises", "planted-runs-code", "planted-leaves-a-file"),
        pytest.param(tuple(PLANTED), marks=pytest.mark.slow),
    ],
    ids=["some", "all"],
)
def test_every_planted_fault_is_found(tmp_path: Path, names: tuple[str, ...]) -> None:
    doors = [word for name in names for word in ("--door", name)]
    limits = ["--limit-s", "2", "--limit-mib", "300", "--minutes", "0.5"]
    done = fuzz(tmp_path, *doors, "--cases", str(len(names)), *limits)
    assert done.returncode == 1, done.stderr
    for name in names:
        told = rf"^\d+\. {re.escape(PLANTED[name])}"
        assert re.search(told, done.stdout, re.MULTILINE), (name, done.stdout)
    assert planted.COMMANDS.keys() == PLANTED.keys()
    assert [path.name for path in tmp_path.iterdir()] == ["found"]  # the scratch folder is gone
    (small,) = (tmp_path / "found").glob("*traceback*/input/input")
    assert b"!" in small.read_bytes()  # what it is about; how small it gets is a matter of time


@pytest.mark.parametrize(
    ("ended", "kind"),
    [
        (Ended(0, "fine", 1), None),
        (Ended(2, "error: bad", 1), None),
        (Ended(130, "stopped", 1), None),
        (Ended(2, "", 1), "silent"),
        (Ended(2, "error: bad", 1, left=("typo.db",)), "left"),
        (Ended(3, "error: bad", 1), "exit"),
        (Ended(0, f"Exception in thread\n{TRACEBACK}:\n  x\nKeyError: 1", 1), "traceback"),
        (Ended("raised", f"{TRACEBACK}:\n  x\nMemoryError", 1), "memory"),
        (Ended(None, "", 1, signal=11), "abort"),
        (Ended(None, "Timeout (0:00:10)!", 10, was_killed="hang"), "hang"),
        (Ended(2, "error: bad", 1, ran_code=True), "code"),
        (Ended("raised", TRACEBACK, 1, is_made=False), "fuzzer"),
        (Ended(None, "Timeout (0:00:10)!", 10, was_killed="hang", is_made=False), "fuzzer"),
    ],
)  # fmt: skip
def test_ends_are_judged(ended: Ended, kind: str | None) -> None:
    found = judge(ended)
    assert (found and found.kind) == kind


def test_the_place_is_the_innermost_frame_of_the_product() -> None:
    frames = [("search/run.py", "main"), ("snncore/config/schema.py", "load"), ("tests/x.py", "inner")]
    lines = [f'  File "{ROOT / path}", line 7, in {name}\n    code' for path, name in frames]
    output = "\n".join(
        [f"{TRACEBACK}:", *lines, '  File "/usr/lib/yaml.py", line 1, in go', "yaml.Bad: odd\nmore"]
    )
    assert judge(Ended("raised", output, 1)) == Finding(
        "traceback", "yaml.Bad", "snncore/config/schema.py:load", 7
    )


def test_a_case_is_made_small() -> None:
    lines = [f"line {number}\n".encode() for number in range(100)]
    genuine = {"a": b"a", "b": b"b", "c": bytes(50)}
    changed = {"a": b"".join(lines), "b": b"x", "c": b"\1" * 50}
    case = Case(("x", "--one", "--two", "y" * 1000), changed, {"d": "fifo"}, genuine)

    def is_same(smaller: Case) -> bool:
        has_words = "--two" in smaller.argv and any("yyyy" in word for word in smaller.argv)
        return has_words and b"7" in smaller.files.get("a", b"") and smaller.files.get("c", bytes(9))[8] == 1

    small = Minimiser(case, is_same, 20).run()
    assert small.files == {"a": b"7", "c": bytes(8) + b"\1" + bytes(41)}
    assert not small.specials
    assert small.argv[1] == "--two"
    assert len(small.argv[2]) <= 60


def npy_bytes() -> bytes:
    file = io.BytesIO()
    np.save(file, random_images(40, 8, 8, 3))
    return file.getvalue()


def npz_bytes() -> bytes:
    file = io.BytesIO()
    np.savez(file, x_train=random_images(40, 8, 8, 3), y_train=np.zeros(40, np.int64))
    return file.getvalue()


def png_bytes() -> bytes:
    file = io.BytesIO()
    photo(16, 16).save(file, "PNG")
    return file.getvalue()


FORMATS = {
    "bytes": (raw.mutate, lambda: b"some bytes" * 30),
    "yaml": (trees.mutate_yaml, lambda: b"a: {b: [1, 2], c: x}\nd: 1\n"),
    "json": (trees.mutate_json, lambda: b'{"a": {"b": [1, 2]}, "c": "x"}'),
    "jsonl": (trees.mutate_lines, lambda: b'{"a": 1}\n{"op_code": 2, "b": {"c": []}}\n'),
    "npy": (arrays.npy, npy_bytes),
    "npz": (arrays.npz, npz_bytes),
    "idx": (arrays.idx, lambda: idx_bytes(random_images(4, 28, 28))),
    "pickle": (pickles.pickled, lambda: cifar_batch(4, 10)),
    "image": (media.image, png_bytes),
    "zip": (
        media.archive,
        lambda: arrays.write_zip({"Train/0/1.bin": b"x" * 50, "Train/1/2.bin": b"y" * 50}),
    ),
    "aedat4": (media.aedat4, lambda: aedat4_bytes(random_stream(50, 128, 0))),
}


@pytest.mark.parametrize("name", FORMATS)
def test_changes_of_a_format(name: str) -> None:
    """They are drawn from the seed alone, take what is genuine without a fault, and most do change it."""
    mutator, make = FORMATS[name]
    content = make()
    changed = [mutator(Random(seed), content) for seed in range(60)]
    assert changed[:20] == [mutator(Random(seed), content) for seed in range(20)]
    assert sum(one != content for one in changed) > 50
    assert len(set(changed)) > 25


def test_tables_stay_tables_and_change() -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    attributes = {b"spikefront": b'{"name": "x", "objectives": []}'}
    table = pa.table({"number": [0, 1], "state": ["complete", "x"], "value": [0.5, None]})
    pq.write_table(table.replace_schema_metadata(attributes), file)
    changed = [tables.mutate_parquet(Random(seed), file.getvalue()) for seed in range(60)]
    n_whole = 0
    for content in changed:
        try:
            n_whole += not pq.ParquetFile(io.BytesIO(content)).read().equals(table)
        except (pa.ArrowException, OSError):
            continue
    assert n_whole > 25
