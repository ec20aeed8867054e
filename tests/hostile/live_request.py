"""A raw request to the live page of a run: `live-request RUN FILE`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str]) -> int:
    """Serve the run, send what stands in the file, read the answer, and stop."""
    from reports.live.page import LivePage
    from reports.live.server import LiveServer, loopback_socket

    run, request = arguments
    listening = loopback_socket()
    server = LiveServer(listening, LivePage(Path(run)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    port = listening.getsockname()[1]
    try:
        content = Path(request).read_bytes().replace(b"{port}", str(port).encode())
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            _ask(client, content)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    return 0


def _ask(client: socket.socket, content: bytes) -> None:
    try:
        client.sendall(content)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65_536):
            pass
    except (ConnectionError, TimeoutError):
        pass  # to hang up on nonsense is an answer
