"""Whether Ray lives, seen from a process that stands for its raylet."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.cluster import ray_watch as module
from search.cluster.no_worker import SECONDS_WITHOUT_WORKER, NoWorkerNotice
from search.cluster.ray_watch import RayWatch, connection
from search.errors import RayDiedError, StudyFailedError
from search.tune.stop_request import StopRequest

RAYLET = """
import socket, sys, time
listening = socket.socket(socket.AF_UNIX); listening.bind(sys.argv[1]); listening.listen()
print("ready", flush=True)
taken, _ = listening.accept()
time.sleep(100)
"""


@pytest.fixture
def raylet(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    path = str(tmp_path / "r")
    process = subprocess.Popen([sys.executable, "-c", RAYLET, path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    made = connection(path)
    assert made is not None
    yield process, made
    made.close()
    process.kill()
    process.communicate()


def _until_dead(watch: RayWatch) -> float:
    began = time.monotonic()
    while watch.died() is None:
        assert time.monotonic() - began < 10
        time.sleep(0.001)
    return time.monotonic() - began


def test_the_death_of_the_raylet_is_noticed_even_before_anybody_reaps_it(
    raylet: tuple[subprocess.Popen[str], socket.socket],
) -> None:
    process, made = raylet
    watch = RayWatch(made, cure="start it again (`ray start`), then ")
    watch.require()
    os.kill(process.pid, signal.SIGKILL)
    _until_dead(watch)
    with pytest.raises(
        RayDiedError,
        match=r"Ray's raylet on this machine has died, killed or out of memory; "
        r"start it again \(`ray start`\), then continue with --resume",
    ):
        watch.require()


def test_a_raylet_that_is_gone_before_it_is_watched_is_dead(tmp_path: Path) -> None:
    made = connection(f"unix://{tmp_path / 'nobody'}")
    watch = RayWatch(made)
    assert watch.died() == "raylet"
    assert made is not None
    made.close()
    assert connection("tcp://127.0.0.1:1") is None


def test_of_our_own_ray_only_what_is_needed_counts() -> None:
    dead: list[str] = ["log_monitor", "dashboard"]
    watch = RayWatch(None, lambda: dead)
    assert watch.died() is None
    dead.append("gcs_server")
    assert watch.died() == "gcs_server"


def test_what_workers_report_after_rays_death_is_not_recorded() -> None:
    dead: list[str] = []
    stop = StopRequest(require=RayWatch(None, lambda: dead).require)
    done: list[int] = []
    stop.guard(lambda: done.append(1))
    dead.append("raylet")
    stop.guard(lambda: done.append(2))
    assert done == [1]
    assert stop.is_wanted()
    assert isinstance(stop.error, StudyFailedError)


def test_who_ends_the_study_may_end_ray_with_it() -> None:
    stop = StopRequest(require=RayWatch(None, lambda: ["raylet"]).require)
    stop.interrupted = True
    assert stop.guard(lambda: 1) is None
    assert stop.error is None
    assert stop.ending() == "interrupted"


def test_a_driver_that_waits_for_a_dead_ray_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import threading, time\n"
        "from search.cluster import ray_watch\n"
        "ray_watch.SECONDS_TO_END = 0.2\n"
        "watch = ray_watch.RayWatch(None, lambda: ['gcs_server'])\n"
        "threading.Thread(target=ray_watch._end_if_stuck, args=(watch, threading.Event())).start()\n"
        "time.sleep(100)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "the study failed: Ray's gcs_server on this machine has died, killed or out of memory; "
        "continue with --resume\n"
    )


def test_one_that_ends_by_itself_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.os, "_exit", lambda code: pytest.fail("it had ended"))
    has_ended = threading.Event()
    has_ended.set()
    module._end_if_stuck(RayWatch(None, lambda: ["raylet"]), has_ended)


def test_no_worker_for_a_minute_is_reported_once_with_the_log() -> None:
    now, lines = [0.0], []
    notice = NoWorkerNotice(lines.append, lambda: "/tmp/ray/logs", lambda: now[0])
    for second in range(int(SECONDS_WITHOUT_WORKER)):
        now[0] = second
        notice.poll(is_waiting=True)
    assert lines == []
    for second in (60, 61, 500):
        now[0] = second
        notice.poll(is_waiting=True)
    (line,) = lines
    assert "no worker has come up for 60 s" in line
    assert "/tmp/ray/logs" in line
    notice.poll(is_waiting=False)
    now[0] = 530
    notice.poll(is_waiting=True)
    assert len(lines) == 1, "a new wait begins anew"
    now[0] = 590
    notice.poll(is_waiting=True)
    assert len(lines) == 2
