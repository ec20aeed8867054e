"""Whether Ray still runs on this machine: without its raylet no worker starts, and Ray waits for ever.

The kernel may kill a raylet when memory runs out, like any other process.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress

from search.errors import RayDiedError
from spikefront.lasting_output import complain

_NEEDED = ("raylet", "gcs_server")
"""The processes without which Ray cannot continue; it can without its monitors."""

SECONDS_TO_END = 20.0
"""So long after Ray's death the driver may take to end by itself. Ray's own code may wait for what is dead,
where no exception reaches it; when that is the GCS, it would end the process after 60 s."""


class RayWatch:
    """Whether the processes that Ray needs on this machine are alive.

    raylet: a connection to the raylet, never used: the system closes it when the raylet dies, for whatever
    reason; None where it cannot be watched this way. dead: the kinds of processes of our own Ray that have
    died. cure: what to do before continuing, for the message.
    """

    def __init__(
        self,
        raylet: socket.socket | None,
        dead: Callable[[], Collection[str]] = tuple,
        cure: str = "",
    ) -> None:
        self._raylet, self._dead, self._cure = raylet, dead, cure
        self._died: str | None = None

    def died(self) -> str | None:
        """What has died; asked some ten times a second, and before anything is recorded: microseconds."""
        if self._died is None:
            self._died = next((kind for kind in self._dead() if kind in _NEEDED), None)
        if self._died is None and self._raylet is not None and _is_closed(self._raylet):
            self._died = "raylet"
        return self._died

    def require(self) -> None:
        """Check that all of them live.

        Raises:
            RayDiedError: one does not.
        """
        if self.died():
            raise RayDiedError(self.message())

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """A block that calls Ray: once Ray has died, this process is ended `SECONDS_TO_END` after it."""
        has_ended = threading.Event()
        threading.Thread(target=_end_if_stuck, args=(self, has_ended), daemon=True).start()
        try:
            yield
        finally:
            has_ended.set()

    def message(self) -> str:
        """What the user reads of it."""
        died = f"Ray's {self._died} on this machine has died, killed or out of memory"
        return f"{died}; {self._cure}continue with --resume"


@contextmanager
def ray_watch(address: str) -> Iterator[RayWatch]:
    """A watch over the Ray that this process is connected to, for the time of the block."""
    import ray
    from ray._private import worker

    node = worker._global_node
    assert node is not None, "Ray runs"
    cure = "" if address == "local" else "start it again (`ray start`), then "
    raylet = connection(str(node.raylet_socket_name))
    # Asking for them reaps them, too: a worker that looks for its raylet takes one that is not for alive.
    watch = RayWatch(raylet, lambda: [kind for kind, _ in node.dead_processes()], cure)
    try:
        yield watch
    finally:
        if watch.died():
            with watch.bounded():
                ray.shutdown()
        if raylet is not None:
            raylet.close()


def _end_if_stuck(watch: RayWatch, has_ended: threading.Event) -> None:
    """End this process when Ray has died and nothing else ends it; the storage is whole at any moment."""
    while not has_ended.wait(1.0):
        if watch.died() and not has_ended.wait(SECONDS_TO_END):
            complain(f"the study failed: {watch.message()}")
            with suppress(Exception):
                _kill_own_processes()
            os._exit(1)


def _kill_own_processes() -> None:
    from ray._private import worker

    if worker._global_node is not None:
        worker._global_node.kill_all_processes(check_alive=False, allow_graceful=False)


def connection(name: str) -> socket.socket | None:
    """A connection to the raylet of this socket; None where Ray has none of the system's own (Windows)."""
    if name.startswith("tcp://"):
        return None
    raylet = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with suppress(OSError):  # nothing listens there any more; the first check finds out
        raylet.connect(name.removeprefix("unix://"))
    return raylet


def logs_folder() -> str:
    """Where Ray's logs of this machine are."""
    from ray._private import worker

    node = worker._global_node
    return "its session folder" if node is None else str(node.get_logs_dir_path())


def _is_closed(connection: socket.socket) -> bool:
    poll = select.poll()  # `select` itself knows no descriptor above 1023
    poll.register(connection, select.POLLIN)
    try:
        return bool(poll.poll(0)) and not connection.recv(1, socket.MSG_PEEK)
    except OSError:
        return True
