"""A web server on this machine that answers as servers in the world do: well, badly, or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

Answer = Callable[[BaseHTTPRequestHandler], None]


def sends(content: bytes, status: int = 200, length: int | None = None, **headers: str) -> Answer:
    """The content; length: what the header says of it, None the truth."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(content)

    return answer


def redirects(to: str) -> Answer:
    return sends(b"", 302, Location=to)


def drips(n_per_second: int = 20, n_seconds: float = 3.0) -> Answer:
    """A file that comes byte by byte."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100000000")
        request.end_headers()
        for _ in range(int(n_per_second * n_seconds)):
            try:
                request.wfile.write(b"x")
            except OSError:
                return
            time.sleep(1 / n_per_second)

    return answer


def hangs(seconds: float = 3.0) -> Answer:
    """Nothing at all, not even a status."""
    return lambda request: time.sleep(seconds)


@contextmanager
def serving(answers: dict[str, Answer]) -> Iterator[str]:
    """The address of a server that gives the answers by path; the dictionary may change meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.get(self.path, sends(b"", 404))(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is given
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        http.block_on_close = False
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()
