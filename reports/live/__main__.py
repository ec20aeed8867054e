"""Serve the report of a study while it runs: `python -m reports.live runs/demo`, until Ctrl-C.

A search does it by itself with `python -m search.run ... --live`.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from reports.live.page import NO_RECORD, LivePage, record_version
from reports.live.server import LiveServer, loopback_socket, port_problem, url_of
from spikefront.command import run_command
from spikefront.numbers import whole

NICENESS = 10
"""The niceness of a server that a search started, so that its trials go first."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns 0 after Ctrl-C, 2 with one line if the port cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m reports.live",
        description="Serve a study's report to this machine; it follows the record while the study runs.",
    )
    parser.add_argument("run", metavar="RUN", help="the study's folder, such as runs/demo; it may come later")
    parser.add_argument("--port", metavar="N", type=whole(), default=0, help="default: a free one")
    parser.add_argument("--socket", type=int, help=argparse.SUPPRESS)
    return run_command(lambda: _command(parser.parse_args(argv)))


def _command(arguments: argparse.Namespace) -> int:
    page = LivePage(Path(arguments.run))
    if arguments.socket is not None:
        serve_for_parent(page, arguments.socket)
        return 0
    try:
        listening = loopback_socket(arguments.port)
    except (OSError, OverflowError) as error:
        print(f"no live report: {port_problem('--port', arguments.port, error)}", file=sys.stderr)
        return 2
    if record_version(page.run) == NO_RECORD:
        print(f"{page.run}: no record yet; the page waits for it")
    print(f"live report: {url_of(listening)} (Ctrl-C ends it)", flush=True)
    try:
        LiveServer(listening, page).serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


def serve_for_parent(page: LivePage, descriptor: int) -> None:
    """Serve on a socket inherited from the parent process, until the parent has ended in any way.

    The parent holds the other end of our standard input and never writes; when it ends, we read end of file.
    """
    os.nice(NICENESS)
    server = LiveServer(socket.socket(fileno=descriptor), page)

    def end_with_parent() -> None:
        sys.stdin.buffer.read()
        server.shutdown()

    threading.Thread(target=end_with_parent, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
