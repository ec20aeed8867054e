"""Commands with a fault each, to see that the fuzzer finds them."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.hostile.case import PAYLOAD


def _raises(arguments: Sequence[str]) -> int:
    if arguments and b"!" in Path(arguments[0]).read_bytes():
        raise IndexError("planted")
    return 0


def _tells_a_fault(arguments: Sequence[str]) -> int:
    from spikefront.command import run_command

    return run_command(lambda: _raises(arguments))


def _hangs(arguments: Sequence[str]) -> int:
    time.sleep(60)
    return 0


def _takes_memory(arguments: Sequence[str]) -> int:
    taken = b"x" * (360 * 2**20)  # more than 300, and less than what the system would refuse then
    time.sleep(60)
    return len(taken)


def _asks_for_memory(arguments: Sequence[str]) -> int:
    return len(bytearray(2**36))


def _runs_code(arguments: Sequence[str]) -> int:
    class Payload:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return exec, (PAYLOAD,)

    pickle.loads(pickle.dumps(Payload()))
    return 2


def _aborts(arguments: Sequence[str]) -> int:
    os.abort()


def _leaves_a_file(arguments: Sequence[str]) -> int:
    print("error: no such study")
    Path("typo.db").touch()
    return 2


def _exits_oddly(arguments: Sequence[str]) -> int:
    return 77


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "planted-raises": _raises,
    "planted-unexpected": _tells_a_fault,
    "planted-hangs": _hangs,
    "planted-takes-memory": _takes_memory,
    "planted-asks-for-memory": _asks_for_memory,
    "planted-runs-code": _runs_code,
    "planted-aborts": _aborts,
    "planted-leaves-a-file": _leaves_a_file,
    "planted-exits-oddly": _exits_oddly,
}
