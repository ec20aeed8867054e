"""Serves one page on the loopback interface, read-only."""

from __future__ import annotations

import json
import socket
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from reports.live.page import LivePage
from spikefront.command import fault

LOOPBACK = "127.0.0.1"
HOSTS = (LOOPBACK, "localhost")

_METHODS = "GET, HEAD"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def loopback_socket(port: int = 0) -> socket.socket:
    """A socket that listens on the loopback interface; port 0 takes a free one.

    Raises:
        OSError: the port is in use, or this user may not use it.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        listening.listen(32)
    except (OSError, OverflowError):
        listening.close()
        raise
    return listening


def url_of(listening: socket.socket) -> str:
    """Where a browser finds what is served on the socket."""
    return f"http://{LOOPBACK}:{listening.getsockname()[1]}/"


class LiveServer(ThreadingHTTPServer):
    """Serves a page on a socket that listens already; `serve_forever` until `shutdown`."""

    daemon_threads = True

    def __init__(self, listening: socket.socket, page: LivePage) -> None:
        super().__init__(listening.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.page = page
        port = listening.getsockname()[1]
        self.hosts = frozenset(f"{host}:{port}" for host in HOSTS)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print one line; nothing if the browser has closed the connection."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            print(f"live report: a request failed: {fault(error)}", file=sys.stderr)


class _Handler(BaseHTTPRequestHandler):
    """`/` is the page; `/version` gives the record's version and the path of the final report as JSON."""

    server: LiveServer
    timeout = 20

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            # Another host name that resolves to this address (DNS rebinding): a foreign page must not read
            # this.
            self.send_error(HTTPStatus.FORBIDDEN, "ask for 127.0.0.1 or localhost, with the port")
            return
        try:
            path, page = urlsplit(self.path).path, self.server.page
        except ValueError:  # such as http://[::1
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        if path == "/":
            self._send("text/html; charset=utf-8", page.get().body, with_body)
        elif path == "/version":
            answer = {"version": page.version(), "report": str(page.run / "report.html")}
            self._send("application/json", json.dumps(answer).encode(), with_body)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send(self, kind: str, body: bytes, with_body: bool) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """An error page; unknown methods are answered with 405."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            code, message = HTTPStatus.METHOD_NOT_ALLOWED, None
        super().send_error(code, message, explain)

    def end_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Allow", _METHODS)
        super().end_headers()

    def version_string(self) -> str:
        return "SpikeFront"

    def log_message(self, *args: Any) -> None:
        """Print nothing: the terminal is used by the search."""


def port_problem(option: str, port: int, error: Exception) -> str:
    """Why a port cannot be used, and what to do."""
    return f"{option} {port}: {error}; choose another from 1024 to 65535, or leave it out for a free one"
