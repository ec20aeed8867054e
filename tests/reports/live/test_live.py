"""The live page: who may read what from its server, and when it is made again."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from reports.live import page as live_page
from reports.live.__main__ import main
from reports.live.page import NO_RECORD, LivePage, record_version
from reports.live.server import LiveServer, loopback_socket
from reports.page import page
from studies.model import Study
from studies.record import TRIALS, write_study
from tests.reports.conftest import WAIT_MS
from tests.reports.studies_for_tests import digits_study, small

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[3]


class Served:
    """A server in this process, and what it answers."""

    def __init__(self, run: Path) -> None:
        self.listening = loopback_socket()
        self.port = self.listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.server = LiveServer(self.listening, LivePage(run))

    def ask(self, path: str = "/", method: str = "GET", host: str | None = None) -> Any:
        """The answer, read to its end: its body stands in `body`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with closing(connection):
            connection.putrequest(method, path, skip_host=True)
            if host != "":
                connection.putheader("Host", host or f"127.0.0.1:{self.port}")
            connection.endheaders()
            answer: Any = connection.getresponse()
            answer.body = answer.read()
            return answer

    def text(self, path: str = "/") -> str:
        return self.ask(path).body.decode()

    def version(self) -> str:
        found: str = json.loads(self.text("/version"))["version"]
        return found


@contextmanager
def serving(run: Path) -> Iterator[Served]:
    served = Served(run)
    thread = threading.Thread(target=served.server.serve_forever)
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        thread.join()
        served.server.server_close()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_study(small([[91.0, 12.0, 1.5]]), tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def served(run: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server that may build as often as it is asked."""
    monkeypatch.setattr(live_page, "MIN_SECONDS", 0.0)
    monkeypatch.setattr(live_page, "MAX_SHARE", 1e9)
    with serving(run) as found:
        yield found


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose record stays as it is."""
    run = tmp_path_factory.mktemp("lasting")
    write_study(small([[91.0, 12.0, 1.5]]), run)
    with serving(run) as found:
        yield found


def renamed(study: Study, name: str) -> Study:
    return replace(study, info=replace(study.info, name=name))


def test_it_listens_on_the_loopback_interface_alone(served: Served) -> None:
    addresses = [
        one.laddr.ip
        for one in psutil.Process().net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == served.port
    ]
    assert addresses == ["127.0.0.1"]


def test_it_serves_the_page_and_its_version(served: Served, run: Path) -> None:
    assert "<h1>small</h1>" in served.text()
    assert f'"version":"{record_version(run)}"' in served.text("/?all")
    assert json.loads(served.text("/version")) == {
        "version": record_version(run),
        "report": str(run / "report.html"),
    }
    head = served.ask(method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["Content-Length"]) > 1000
    assert head.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"])
def test_it_can_only_be_read(lasting: Served, method: str) -> None:
    answer = lasting.ask(method=method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path", ["/report.html", "/trials.parquet", "/../run/trials.parquet", "/version/", "/%2e%2e/", "*"]
)
def test_it_serves_nothing_else(lasting: Served, path: str) -> None:
    assert lasting.ask(path).status == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", "[::1]:{port}"]
)
def test_other_names_are_refused(lasting: Served, host: str) -> None:
    for path in ("/", "/version"):
        answer = lasting.ask(path, host=host.format(port=lasting.port))
        assert answer.status == 403
        assert b"small" not in answer.body
    assert lasting.ask(host=f"LOCALHOST:{lasting.port}").status == 200


MALFORMED = {
    "an open bracket": b"GET http://[::1 HTTP/1.1\r\nHost: %s\r\n\r\n",
    "a bracket in a name": b"GET //[x]y HTTP/1.1\r\nHost: %s\r\n\r\n",
    "a name that is normalised": "GET //\u2100/ HTTP/1.1\r\nHost: %s\r\n\r\n".encode(),
    "nothing": b"\r\n\r\n",
    "a word": b"x\r\n\r\n",
    "a version that is none": b"GET / HTTP/x.y\r\n\r\n",
    "a long line": b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 500 + b"\r\n",
    "null characters": b"GET /\0 HTTP/1.1\r\nHost: %s\r\n\r\n",
    "any bytes": bytes(range(128, 256)) + b"\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost %s\r\n\r\n",
    "a host of bytes": b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_answered_without_a_word_on_the_terminal(
    lasting: Served, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", lasting.port), timeout=10) as opened:
        with suppress(OSError):
            opened.sendall(MALFORMED[name].replace(b"%s", f"127.0.0.1:{lasting.port}".encode()))
            opened.shutdown(socket.SHUT_WR)
        answer = opened.recv(4096)
    assert b"200 OK" not in answer
    if name == "an open bracket":
        assert b" 400 " in answer
    assert lasting.ask().status == 200
    assert capfd.readouterr() == ("", "")


def test_the_policy_lets_the_page_ask_its_own_server_alone(served: Served) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', served.text())
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].replace("&#x27;", "'").split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self'"
    assert "unsafe-inline" not in rules["script-src"]
    assert served.ask().headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    offline = page(small([[91.0, 12.0, 1.5]]), Path("runs/x"))
    assert "connect-src" not in offline.split("<style>")[0]
    assert 'fetch("/version"' not in offline


def test_a_new_record_is_a_new_page(served: Served, run: Path) -> None:
    before = served.version()
    assert served.version() == before
    write_study(renamed(digits_study(6), "later"), run)
    assert served.version() != before
    assert "<h1>later</h1>" in served.text()


def test_a_page_is_built_when_asked_for_and_not_too_often(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_page, "MIN_SECONDS", 1000.0)
    with serving(run) as served:
        write_study(renamed(digits_study(6), "first asked for"), run)
        first = served.version()
        assert "<h1>first asked for</h1>" in served.text()
        write_study(renamed(digits_study(6), "too soon"), run)
        assert served.version() == first, "a page is never told of data that it would not get"
        assert "<h1>first asked for</h1>" in served.text()


def test_without_a_record_the_page_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_page, "MIN_SECONDS", 0.0)
    monkeypatch.setattr(live_page, "MAX_SHARE", 1e9)
    run = tmp_path / "<b>later"
    with serving(run) as served:
        assert served.version() == NO_RECORD
        text = served.text()
        assert "The first trial is not finished yet" in text
        assert "<h1>&lt;b&gt;later</h1>" in text
        write_study(small([[91.0, 12.0, 1.5]]), run)
        assert served.version() != NO_RECORD
        assert "<h1>small</h1>" in served.text()


def test_a_damaged_record_is_told_and_the_next_one_shown(served: Served, run: Path) -> None:
    whole = (run / TRIALS).read_bytes()
    (run / TRIALS).write_bytes(whole[: len(whole) // 2])
    assert "cannot be made from this record: StudyError" in served.text()
    (run / TRIALS).write_bytes(whole)
    assert "<h1>small</h1>" in served.text()


def test_epochs_of_a_trial_that_is_not_recorded_yet_are_left_out(served: Served, run: Path) -> None:
    """What a reader meets between the replacing of the one file and of the other."""
    study = digits_study(8)
    early = replace(study.epochs[0], number=8)
    write_study(replace(study, epochs=(*study.epochs, early)), run)
    assert served.text() == page(study, run, record_version(run))


def test_many_readers_while_the_record_is_replaced_always_get_a_whole_page(served: Served, run: Path) -> None:
    studies = [renamed(digits_study(n), f"study {n}") for n in (4, 9, 14)]
    ended, answers = threading.Event(), []

    def read() -> None:
        while not ended.is_set():
            answers.append(served.text())

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for study in studies * 3:
        write_study(study, run)
        time.sleep(0.1)
    ended.set()
    for reader in readers:
        reader.join()
    assert len(answers) >= 3
    assert all(text.rstrip().endswith("</html>") for text in answers)
    assert all(re.search("<h1>(study \\d+|small)</h1>", text) for text in answers)
    assert f"<h1>{studies[-1].info.name}</h1>" in served.text()


def test_two_servers_have_ports_of_their_own_and_a_taken_one_is_told(
    run: Path, served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(run) as other:
        assert other.port != served.port
    for port in (served.port, 70_000):
        assert main([str(run), "--port", str(port)]) == 2
        told = capsys.readouterr().err
        assert told.startswith(f"no live report: --port {port}: ")
        assert told.count("\n") == 1


def _command(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "reports.live", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background of a shell have Ctrl-C switched off, and hand that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **options,
    )


def test_the_command_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    process = _command(str(tmp_path / "none"), env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    assert "no record yet" in process.stdout.readline()
    port = re.search(r"http://127.0.0.1:(\d+)/ \(Ctrl-C ends it\)", process.stdout.readline())
    assert port is not None
    with closing(http.client.HTTPConnection("127.0.0.1", int(port[1]), timeout=30)) as connection:
        connection.request("GET", "/version")
        assert json.loads(connection.getresponse().read())["version"] == NO_RECORD
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


def test_a_server_of_a_search_ends_with_the_pipe_to_it(run: Path) -> None:
    with loopback_socket() as listening:
        port, descriptor = listening.getsockname()[1], listening.fileno()
        process = _command(
            str(run), "--socket", str(descriptor), pass_fds=[descriptor], stdin=subprocess.PIPE
        )
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", "/version")
        assert connection.getresponse().status == 200
    assert psutil.Process(process.pid).nice() >= 10
    output, errors = process.communicate(timeout=20)  # closes its standard input
    assert (process.returncode, output, errors) == (0, "", "")
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=5):
        pass


@pytest.fixture
def open_live(browser: Browser, served: Served) -> Iterator[Callable[[], tuple[Any, list[str]]]]:
    """Opens the served page; what went wrong in it, foreign requests too, is collected."""
    with closing(browser.new_context(viewport={"width": 1280, "height": 800})) as context:
        errors: list[str] = []
        shown = context.new_page()
        # the page asks every five seconds: here four times as often
        shown.add_init_script("const every = setInterval; setInterval = (f, ms) => every(f, ms / 4);")
        shown.on("pageerror", lambda error: errors.append(str(error)))
        shown.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        own = (served.url, "data:", "blob:")
        shown.on("request", lambda asked: None if asked.url.startswith(own) else errors.append(asked.url))

        def opened() -> tuple[Any, list[str]]:
            shown.goto(served.url)
            shown.wait_for_selector("html[data-ready='true']", timeout=WAIT_MS)
            return shown, errors

        yield opened


def test_an_open_page_tells_of_newer_data_and_keeps_its_place(
    open_live: Callable[[], tuple[Any, list[str]]], run: Path
) -> None:
    write_study(renamed(digits_study(12), "first"), run)
    shown, errors = open_live()
    assert shown.locator("#live").is_hidden()
    shown.evaluate("scrollTo(0, 900)")
    write_study(renamed(digits_study(16), "second"), run)
    shown.wait_for_selector("#live:not([hidden])", timeout=15_000)
    assert shown.locator("h1").inner_text() == "first", "nothing moves before it is asked for"
    shown.locator("#live input").click()
    shown.wait_for_function("document.querySelector('h1').textContent === 'second'")
    shown.wait_for_function("Math.abs(scrollY - 900) < 60")
    write_study(renamed(digits_study(18), "third"), run)
    shown.wait_for_function("document.querySelector('h1').textContent === 'third'", timeout=15_000)
    shown.locator("#live button").click()
    assert shown.locator("#live").is_hidden()
    assert errors == []


@pytest.mark.slow
def test_a_page_that_follows_can_be_stopped_after_a_silence_too(
    open_live: Callable[[], tuple[Any, list[str]]], run: Path
) -> None:
    write_study(renamed(digits_study(12), "first"), run)
    shown, _ = open_live()
    write_study(renamed(digits_study(16), "second"), run)
    shown.wait_for_selector("#live:not([hidden])", timeout=15_000)
    shown.locator("#live input").click()
    shown.wait_for_function("document.getElementById('live')?.textContent.includes('follows the search')")
    shown.route("**/version", lambda route: route.abort())
    shown.wait_for_function(
        "document.getElementById('live')?.textContent.includes('No answer')", timeout=15_000
    )
    shown.unroute("**/version")
    shown.wait_for_function(
        "document.getElementById('live')?.textContent.includes('follows the search')", timeout=15_000
    )
    shown.locator("#live button").click()
    assert shown.locator("#live").is_hidden()
    assert shown.evaluate("sessionStorage.length") == 0


def test_an_open_page_says_when_nobody_answers(
    open_live: Callable[[], tuple[Any, list[str]]], served: Served, run: Path
) -> None:
    shown, _ = open_live()
    shown.wait_for_timeout(300)
    served.server.shutdown()
    served.server.socket.close()
    shown.wait_for_function(
        "document.getElementById('live').textContent.startsWith('No answer')", timeout=15_000
    )
    assert str(run / "report.html") in shown.locator("#live").inner_text()
