from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from snncore.data.events.files import EVENT_FILES
from snncore.data.files import FILES
from snncore.data.install import download as module
from snncore.data.install import install as install_module
from snncore.data.install.install import install
from snncore.data.install.published import PUBLISHED_FILES, PublishedFile
from snncore.data.torchvision_shim import import_torchvision
from snncore.errors import DataError
from tests.snncore.data.events.test_files import tonic_class
from tests.snncore.data.events.test_install import COUNTS, pack, zipped
from tests.snncore.data.events.test_missing import WRITERS
from tests.snncore.data.fixtures import write_cifar10, write_cifar100, write_fashion
from tests.snncore.data.servers import Answer, drips, hangs, redirects, sends, serving


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_module, "PACKAGED", {})
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def answers() -> dict[str, Answer]:
    return {}


@pytest.fixture
def address(answers: dict[str, Answer]) -> Iterator[str]:
    with serving(answers) as place:
        yield place


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "some" / "data"


def small_files(name: str, folder: Path) -> list[Path]:
    """A small set in `folder`, in the files in which it is published."""
    if name == "fashion_mnist":
        return sorted(write_fashion(folder, gzipped=True).iterdir())
    if name in FILES:
        unpacked = {"cifar10": write_cifar10, "cifar100": write_cifar100}[name](folder)
        with tarfile.open(folder / FILES[name].archive, "w:gz") as tar:
            tar.add(unpacked, unpacked.name)
        shutil.rmtree(unpacked)
    else:
        WRITERS[name](folder)
        pack(name, folder)
        if EVENT_FILES[name].whole:
            zipped(list(folder.glob("*.zip")), folder / EVENT_FILES[name].whole, folder)
    return [folder / file.name for file in PUBLISHED_FILES[name]]


def publish(
    name: str,
    hand: Path,
    address: str,
    answers: dict[str, Answer],
    monkeypatch: pytest.MonkeyPatch,
    n_addresses: int = 1,
) -> list[str]:
    """Put a small set on the server, with its checksums in the table; returns its paths there."""
    hand.mkdir(exist_ok=True)
    files = []
    for path in small_files(name, hand):
        content = path.read_bytes()
        places = tuple(f"{address}/{number}/{path.name}" for number in range(n_addresses))
        answers |= {f"/{number}/{path.name}": sends(content) for number in range(n_addresses)}
        megabytes = len(content) / 1e6
        files.append(PublishedFile(path.name, hashlib.md5(content).hexdigest(), megabytes, places))
    monkeypatch.setitem(PUBLISHED_FILES, name, tuple(files))
    return [f"/0/{file.name}" for file in files]


def refused(name: str, root: Path, message: str) -> str:
    """Refused so, and nothing stays, not even the folder above the root."""
    with pytest.raises(DataError, match=message) as info:
        install(name, root, None, lambda line: None)
    assert not root.parent.exists()
    return str(info.value)


@pytest.mark.parametrize("name", sorted(PUBLISHED_FILES))
def test_every_set_can_be_downloaded(
    tmp_path: Path,
    root: Path,
    name: str,
    address: str,
    answers: dict[str, Answer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(name, tmp_path / "hand", address, answers, monkeypatch)
    lines: list[str] = []
    install(name, root, None, lines.append)
    counts = {
        "cifar10": "100 training and 10 test images",
        "cifar100": "200 training and 100 test images",
        "fashion_mnist": "40 training and 20 test images",
    } | COUNTS
    assert lines[0] == f"{name}: downloading"
    assert lines[-1].endswith(counts[name])
    assert [path.name for path in root.iterdir()] == [
        EVENT_FILES[name].folder if name in EVENT_FILES else Path(FILES[name].folder).parts[0]
    ]


BAD_ANSWERS: dict[str, tuple[Any, str]] = {
    "empty": (sends(b"", 202), r"an empty answer \(HTTP 202\)"),
    "web page": (sends(b"<!DOCTYPE html><html>prove that you are human"), r"a web page instead of the file"),
    "other": (sends(b"something else"), r"another file of 14 bytes \(HTTP 200\): its md5 is 6c7ba9c5a141"),
    "cut": (sends(b"some", length=4000), r"cut off after 4 of 4000 bytes"),
    "gone": (sends(b"", 404), r"HTTP Error 404"),
    "busy": (sends(b"", 429, Retry_After="120"), r"HTTP Error 429: .*, try again after 120"),
    "circle": (redirects("/0/cifar-10-python.tar.gz"), r"redirect error that would lead to an infinite loop"),
    "elsewhere": (redirects("file:///etc/passwd"), r"not allowed"),
    "endless": (sends(bytes(2**22)), r"more than .* MB, should be"),
    "not http": (lambda request: request.wfile.write(b"\0\1 garbage\r\n\r\n"), r"garbage"),
}


@pytest.mark.parametrize("kind", sorted(BAD_ANSWERS))
def test_a_bad_answer_is_named_with_what_to_fetch_by_hand(
    tmp_path: Path,
    root: Path,
    kind: str,
    address: str,
    answers: dict[str, Answer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (path,) = publish("cifar10", tmp_path / "hand", address, answers, monkeypatch)
    answers[path], reason = BAD_ANSWERS[kind]
    text = refused("cifar10", root, rf"^cifar10 cannot be downloaded:\n  {address}{path}: .*{reason}")
    (file,) = PUBLISHED_FILES["cifar10"]
    assert text.splitlines()[2:] == [
        "fetch by hand, with a browser, and put into one folder:",
        f"  {file.name}, about {file.megabytes:.2g} MB, md5 {file.md5}",
        f"    {file.addresses[0]}",
        f"then run: spikefront data cifar10 --root {root} --from FOLDER",
    ]


@pytest.mark.parametrize("answer", [drips(), hangs()], ids=["drips", "hangs"])
def test_a_server_that_takes_for_ever_is_left(
    tmp_path: Path,
    root: Path,
    answer: Answer,
    address: str,
    answers: dict[str, Answer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (path,) = publish("cifar10", tmp_path / "hand", address, answers, monkeypatch)
    answers[path] = answer
    monkeypatch.setattr(module, "_WINDOW_S", 0.3)
    refused("cifar10", root, r"[0-9]+ bytes in 0\.3 s\nfetch by hand")


def test_the_next_address_is_tried_and_all_are_told(
    tmp_path: Path, root: Path, address: str, answers: dict[str, Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = publish("dvs_gesture", tmp_path / "hand", address, answers, monkeypatch, n_addresses=2)
    answers[paths[1]] = sends(b"", 202)
    answers[paths[1].replace("/0/", "/1/")] = sends(b"", 503)
    refused("dvs_gesture", root, r"0/ibmGestureTest.*HTTP 202\)\n.*1/ibmGestureTest.*HTTP Error 503")
    answers[paths[1].replace("/0/", "/1/")] = sends((tmp_path / "hand" / Path(paths[1]).name).read_bytes())
    install("dvs_gesture", root, None, lambda line: None)
    assert (root / "DVSGesture" / "ibmGestureTest").is_dir()


def test_a_slow_server_that_goes_on_is_waited_for_and_told(
    tmp_path: Path, root: Path, address: str, answers: dict[str, Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = publish("cifar10", tmp_path / "hand", address, answers, monkeypatch)
    content = (tmp_path / "hand" / "cifar-10-python.tar.gz").read_bytes()

    def slowly(request: Any) -> None:
        request.send_response(200)
        request.end_headers()
        for start in range(0, len(content), 2**15):
            request.wfile.write(content[start : start + 2**15])
            module.time_of_test.wait(0.1)  # type: ignore[attr-defined]

    from threading import Event

    monkeypatch.setattr(module, "time_of_test", Event(), raising=False)
    monkeypatch.setattr(module, "_WINDOW_S", 0.4)
    monkeypatch.setattr(module, "_LEAST_BYTES", 100)
    answers[path] = slowly
    lines: list[str] = []
    install("cifar10", root, None, lines.append)
    assert lines[1].startswith("cifar10: cifar-10-python.tar.gz, 0.")


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "http://[::1", "nonsense://x"])
def test_proxies_of_the_environment_are_used_and_named(
    tmp_path: Path,
    root: Path,
    proxy: str,
    address: str,
    answers: dict[str, Answer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish("cifar10", tmp_path / "hand", address, answers, monkeypatch)
    monkeypatch.setenv("http_proxy", proxy)
    refused("cifar10", root, "through the proxy of the environment\nfetch by hand")


def test_a_machine_without_a_network_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = tuple(replace(file, addresses=("http://127.0.0.1:9/",)) for file in PUBLISHED_FILES["shd"])
    monkeypatch.setitem(PUBLISHED_FILES, "shd", nobody)
    refused("shd", root, r"shd cannot be downloaded:\n.*refused.*\nfetch by hand")


def test_a_full_disk_is_told_before_anything_is_fetched(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(root.parent.parent)._replace(free=10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    refused("cifar10_dvs", root, r"cifar10_dvs takes about 11\.2 GB packed, and .* has 1\.0 GB free")


def test_figshare_is_asked_through_its_programs_address() -> None:
    for name in ("dvs_gesture", "cifar10_dvs"):
        for file in PUBLISHED_FILES[name]:
            first, *_, plain = file.addresses
            number = plain.rpartition("/")[2]
            assert plain == f"https://figshare.com/ndownloader/files/{number}"
            assert first == f"https://api.figshare.com/v2/file/download/{number}"


def test_addresses_and_checksums_are_those_of_torchvision_and_tonic() -> None:
    import_torchvision()
    from torchvision.datasets import CIFAR10, CIFAR100, FashionMNIST

    for name, published in (("cifar10", CIFAR10), ("cifar100", CIFAR100)):
        (file,) = PUBLISHED_FILES[name]
        assert (file.name, file.md5, file.addresses) == (
            published.filename,
            published.tgz_md5,
            (published.url,),
        )
    files = PUBLISHED_FILES["fashion_mnist"]
    assert [(file.name, file.md5) for file in files] == FashionMNIST.resources
    assert [file.addresses[0] for file in files] == [FashionMNIST.mirrors[0] + file.name for file in files]
    for name in ("nmnist", "dvs_gesture"):
        theirs = tonic_class(name)
        for part, file in zip(("train", "test"), PUBLISHED_FILES[name], strict=True):
            known = tuple(getattr(theirs, f"{part}_{what}") for what in ("filename", "md5", "url"))
            assert known == (file.name, file.md5, file.addresses[-1])
    cifar, shd = tonic_class("cifar10_dvs"), tonic_class("shd")
    (file,) = PUBLISHED_FILES["cifar10_dvs"]
    assert (file.name, file.md5, file.addresses[-1]) == (cifar.filename, cifar.file_md5, cifar.url)
    for part, file in zip(("train", "test"), PUBLISHED_FILES["shd"], strict=True):
        assert (file.name, file.md5) == (getattr(shd, f"{part}_zip"), getattr(shd, f"{part}_md5"))
        assert file.addresses[0] == shd.base_url + file.name
