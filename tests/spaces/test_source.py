"""Files and packaged names."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaces import SpaceError, load_space, packaged_names
from spikefront.yaml_nodes import MAX_BYTES
from tests.spaces.helpers import TRAINER

TEXT = "name: mine\nsearch: {T: {int: [1, 4]}}\nobjectives: {macs: minimize}\n"


def test_packaged_spaces_are_found_by_name() -> None:
    names = packaged_names()
    assert names == sorted(names)
    assert {"cifar100", "digits", "imagenet", "shd"} <= set(names)
    space, notes = load_space("digits", TRAINER)
    assert space.name == "digits"
    assert notes == []


def test_a_file_goes_before_a_packaged_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cifar10").mkdir()
    assert load_space("cifar10", TRAINER)[0].name == "cifar10"
    (tmp_path / "digits").write_text(TEXT)
    assert load_space("digits", TRAINER)[0].name == "mine"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "digit",
            "digit: no such file, and no packaged space; packaged are: cifar10, .*did you mean 'digits'",
        ),
        ("spaces/cifar10O.yaml", "no such file, .*did you mean 'cifar10'"),
        ("", "no such file"),
        ("a\0b", "no such file"),
        ("x" * 5000, "cannot be read: File name too long"),
    ],
)
def test_what_is_not_there(name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpaceError, match=message):
        load_space(name, TRAINER)


def test_a_file_that_is_not_utf8_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(TEXT.encode() + b"# caf\xe9\n")
    with pytest.raises(SpaceError, match=r"x\.yaml:4: not UTF-8 text \(byte \d+\)"):
        load_space(str(path), TRAINER)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert load_space(str(path), TRAINER)[0].name == "mine"


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(TEXT + "#" * MAX_BYTES)
    with pytest.raises(SpaceError, match=r"x\.yaml: larger than 128 KiB, which no space needs"):
        load_space(str(path), TRAINER)


def test_errors_can_be_pickled() -> None:
    import pickle

    with pytest.raises(SpaceError, match="no such file") as caught:
        load_space("nothing here", TRAINER)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.mistakes) == (str(caught.value), caught.value.mistakes)
