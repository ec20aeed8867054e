"""`--live`: the report is served while a search runs, and the server ends with its driver."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from reports.live.server import loopback_socket
from search.errors import SearchError
from search.terminal.report_server import live_report
from tests.search.test_driver import Driver


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    with Driver(tmp_path) as made:
        yield made


def ask(port: int, path: str) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.1)


def is_served(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def started(driver: Driver, *options: str) -> tuple[subprocess.Popen[str], int]:
    """A driver with `--live`, and the port it tells."""
    process = driver.start("--live", *options, PYTHONUNBUFFERED="1")
    assert process.stdout is not None
    for line in process.stdout:
        if told := re.search(r"live report: http://127\.0\.0\.1:(\d+)/", line):
            return process, int(told[1])
    pytest.fail("no address was told")


@pytest.mark.slow
def test_a_search_serves_its_report_and_a_killed_server_does_not_touch_it(driver: Driver) -> None:
    # trials of four seconds: the sixteen outlast the page's start on a busy machine many times over
    process, port = started(driver, "--trials", "16", "--set", "optim.batch_size=1000")
    versions = set()

    def shows_a_finished_trial() -> bool:
        versions.add(json.loads(ask(port, "/version"))["version"])
        return re.search(r"\d+ trials? on the front", ask(port, "/")) is not None

    wait_until(shows_a_finished_trial, 60)
    assert process.poll() is None, "the search still runs"
    assert len(versions) > 1
    assert "<h1>toy</h1>" in ask(port, "/")
    servers = [one for one in psutil.Process(process.pid).children() if "reports.live" in one.cmdline()]
    for server in servers:
        server.kill()
    assert servers
    n_ended = driver.run.journal.read_text().count('"finished_at"')
    driver.wait_for(process, lambda journal: journal.count('"finished_at"') > n_ended)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "continue with: python -m search.run --resume --study toy --out " in output
    assert "Traceback" not in output
    states = {trial.state for trial in driver.record().trials}
    assert states == {"complete", "running"}


@pytest.mark.slow
def test_the_server_ends_with_an_interrupted_driver(driver: Driver) -> None:
    process, port = started(driver, "--trials", "16", "--set", "optim.batch_size=2000")
    ask(port, "/version")
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert not is_served(port)


@pytest.mark.slow  # tests/reports/live/test_live.py has it without a search
def test_the_server_ends_with_a_killed_driver(driver: Driver) -> None:
    process, port = started(driver)
    ask(port, "/version")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    wait_until(lambda: not is_served(port), 10)


def test_a_taken_port_is_reported_before_anything_begins(driver: Driver) -> None:
    with loopback_socket() as taken:
        port = taken.getsockname()[1]
        process = driver.start("--live", str(port))
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"error: --live {port}: " in output
    assert "in use" in output
    assert not driver.run.path.exists()


def test_without_a_port_nothing_is_served(tmp_path: Path) -> None:
    before = psutil.Process().children()
    with live_report(tmp_path, None) as url:
        assert url is None
        assert psutil.Process().children() == before
    with pytest.raises(SearchError, match=r"--live 70000: .*1024 to 65535"), live_report(tmp_path, 70_000):
        pass


def test_two_studies_at_once_have_a_server_each(tmp_path: Path) -> None:
    with live_report(tmp_path / "a", 0) as one, live_report(tmp_path / "b", 0) as other:
        assert one != other
        for url, name in ((one, "a"), (other, "b")):
            port = int((url or "").rstrip("/").rpartition(":")[2])
            assert json.loads(ask(port, "/version"))["report"] == str(tmp_path / name / "report.html")
