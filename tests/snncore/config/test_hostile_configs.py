"""Config files and `--set` texts that may be anything: told in one block, quickly, and never acted on."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from snncore.config.load import load_config
from snncore.config.overrides import parse_overrides
from snncore.errors import UserError

MAX_SECONDS = 2.0
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)
TEXTS = {
    "a date that is none": "seed: 2020-13-45",
    "a time that is none": "T: 2001-02-30T25:61:61Z",
    "a boolean tag": "T: !!bool x",
    "an integer tag": "T: !!int x",
    "a float tag": "T: !!float x",
    "a timestamp tag": "T: !!timestamp x",
    "a binary tag": "T: !!binary x",
    "a set tag": "T: !!set {1, 2}",
    "an omap tag": "T: !!omap [1]",
    "a python tag": "T: !!python/object/apply:os.system ['touch CANARY']",
    "brackets": "T: " + "[" * 3000,
    "braces": "T: " + "{" * 3000,
    "keys of keys": "? " * 3000,
    "an alias bomb": LAUGHS,
    "an alias of itself": "data: &a {name: *a}",
    "a merge bomb": "a: &a {b: 1}\n" + "c:\n" + "\n".join(f"  <<: *a # {n}" for n in range(3)),
    "a null character": "T: 1\0",
    "a control character": "T: \x1b[2J",
    "an escaped surrogate": 'out: "\\ud800"',
    "an escape beyond Unicode": 'out: "\\UFFFFFFFF"',
    "a list as key": "[1, 2]: 3",
    "a number as key": "1: 3",
    "null as key": "~: 3",
    "an integer of 5,000 digits": "seed: " + "9" * 5000,
    "hexadecimal": "seed: 0x" + "f" * 5000,
    "infinite": "optim: {lr: .inf}",
    "not a number": "optim: {lr: .nan}",
    "1e400": "optim: {lr: 1e400}",
    "many documents": "T: 1\n---\nT: 2",
    "a directive": "%YAML 999999999999999999999.1\n---\nT: 1",
    "a duplicate": "T: 1\nT: 2",
    "a list": "- 1",
    "a number": "1",
    "a mapping for a name": "preset: {a: 1}",
    "a list for a preset": "preset: [a]",
    "a section that is a list": "data: [1]",
    "spaces": "T:" + " " * 200_000 + "1",
    "a text without end": 'out: "' + "x" * 100_000,
    "plain lines": "a\n" * 60_000,
    "anchors": "T: " + "&a " * 20_000 + "1",
    "question marks": "?\n" * 60_000,
    "a word of a whole file": "x" * 127 * 1024,
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_config_is_refused_in_one_block(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(TEXTS[name], encoding="utf-8")
    refused_at_once("c.yaml")
    assert not Path("CANARY").exists()


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00\x01", b"T: \xe9", os.urandom(5000), b"\x1f\x8b" * 1000, "T: 1".encode("utf-32")],
)
def test_bytes_that_are_no_text_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(content)
    refused_at_once(tmp_path / "c.yaml")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "zeros.yaml").symlink_to("/dev/zero")
    (tmp_path / "memory.yaml").symlink_to("/proc/self/mem")
    (tmp_path / "sparse.yaml").touch()
    os.truncate(tmp_path / "sparse.yaml", 10 * 2**30)
    for path in (*tmp_path.iterdir(), tmp_path, "a\0b.yaml", "", "x" * 5000, "/dev/tty"):
        refused_at_once(path)


def refused_at_once(path: Any) -> None:
    started = time.perf_counter()
    with pytest.raises(UserError, match=r".") as caught:
        load_config(path)
    assert time.perf_counter() - started < MAX_SECONDS
    told = str(caught.value)
    assert len(told) < 12_000
    assert told.replace("\n", "").isprintable()


def test_a_mistake_is_told_with_its_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("T: 2\noptim: {lr: [1, 2\n")
    with pytest.raises(UserError, match=r"c\.yaml:2: .*a bracket is never closed by `\]` \(column 13\)"):
        load_config(path)
    path.write_text("T: !!bool x\nseed: 1\nseed: 2\n")
    with pytest.raises(
        UserError, match=r"c\.yaml:1: T: the tag .!!bool. is not allowed.*\n.*yaml:3: seed: a dup"
    ):
        load_config(path)


def test_the_input_of_the_process_may_be_a_pipe(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"T: 3\n")
    os.close(writer)
    assert load_config(f"/dev/fd/{reader}").T == 3
    os.close(reader)


def test_aliases_are_read_as_before(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("\ufeffT: &n 3\noptim: {epochs: *n}\n", encoding="utf-8")
    config = load_config(path)
    assert (config.T, config.optim.epochs) == (3, 3)


SETTINGS = [
    "", "=", "=1", " =1", "T", "a..b=1", ".a=1", "a.=1", ".=1", "a b=1", "T=!!bool x", "T='2020-13-45",
    "T=" + "[" * 3000, "T=\0", "T=\udcff", "T=&a [*a]", "T=" + "x" * 300_000, "T=1\n---\n2", "T={a: 1, a: 2}",
    "seed=" + "9" * 5000, "\n=1", "a\nb=1",
]  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda text: repr(text[:20]))
def test_a_setting_is_refused_in_one_line(setting: str) -> None:
    started = time.perf_counter()
    with pytest.raises(UserError, match="--set: ") as caught:
        parse_overrides([setting])
    assert time.perf_counter() - started < MAX_SECONDS
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
