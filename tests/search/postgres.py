"""Debian's PostgreSQL, started for a test in a folder of its own, on a unix socket."""

from __future__ import annotations

import getpass
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
OWNER = "postgres"


def missing() -> str | None:
    """Why no server can be started here, or None."""
    if not PROGRAMS:
        return "no PostgreSQL server: apt-get install postgresql"
    if importlib.util.find_spec("psycopg") is None:
        return "no psycopg: pip install 'spikefront[postgresql]'"
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        return "PostgreSQL does not run as root, and there is no runuser"
    return None


@contextmanager
def server() -> Iterator[str]:
    """The URL of an empty database."""
    # Not below pytest's folder, which only its owner may enter; a socket's path is 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, OWNER)
        data = folder / "data"
        control = str(PROGRAMS[-1])
        # Names of users and databases are those of initdb's superuser.
        _run(str(PROGRAMS[-1].with_name("initdb")), "-D", str(data), "-U", OWNER, "-A", "trust", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        _run(control, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://{OWNER}@/{OWNER}?host={folder}"
        finally:
            _run(control, "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(*command: str) -> None:
    as_owner = ["runuser", "-u", OWNER, "--"] if os.geteuid() == 0 and getpass.getuser() != OWNER else []
    done = subprocess.run(
        [*as_owner, *command],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
