"""The report of a running study, served to this machine by a separate process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search.errors import SearchError

SECONDS_TO_END = 5.0


@contextmanager
def live_report(run: Path, port: int | None) -> Iterator[str | None]:
    """Serve the report of a run folder for the time of the block; gives the address, None without a port.

    The server reads what the driver records, and shares nothing else with it: neither can slow or break the
    other. Its standard input is a pipe that ends with the driver, however that dies, and the server with it.
    port: 0 takes a free one.

    Raises:
        SearchError: the port is in use, or may not be had.
    """
    if port is None:
        yield None
        return
    from reports.live.server import loopback_socket, port_problem, url_of

    try:
        listening = loopback_socket(port)
    except (OSError, OverflowError) as error:
        raise SearchError(port_problem("--live", port, error)) from None
    with listening:
        url, descriptor = url_of(listening), listening.fileno()
        server = subprocess.Popen(
            [sys.executable, "-m", "reports.live", str(run), "--socket", str(descriptor)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[descriptor],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # a Ctrl-C is for the driver, which stops the server when it ends
        )
    try:
        yield url
    finally:
        _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    assert server.stdin is not None, "it was started with a pipe"
    server.stdin.close()
    try:
        server.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
