"""What `test_chaos` needs: a driver that replays a table, a cluster whose node can be removed, and kills.

`python -m tests.search.chaos drive TRAINER ...` is `python -m search.run ...` with that trainer.
`python -m tests.search.chaos cluster` prints the address of a cluster of one node and the process id of its
raylet, then does what the lines of its input say: `add` a second node (answered by its raylet's process id)
or `remove` it. It ends with its input.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
CPUS_PER_NODE = 2
MAX_HITS = 2
"""Workers and nodes killed in one driver's life: a third failure of one trial in it would be its end."""


class TwoNodes:
    """A cluster of `ray.cluster_utils` in a process of its own. raylets: process ids by node."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._log = (folder / "cluster.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.search.chaos", "cluster"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        self.address, head = self._answer().split()
        self.raylets = {"first": int(head)}
        self.add()

    def add(self) -> None:
        """The second node joins."""
        self.raylets["second"] = int(self._ask("add"))

    def remove(self) -> None:
        """The second node is gone without a word."""
        del self.raylets["second"]
        self._ask("remove")

    def workers(self, node: str | None = None) -> dict[int, str]:
        """The workers that live, of one node or of all: what each does (its title), by process id."""
        found = {}
        for name, raylet in self.raylets.items():
            if node not in (None, name):
                continue
            for process in psutil.Process(raylet).children():
                with suppress(psutil.NoSuchProcess, IndexError):
                    command = process.cmdline()
                    # Until Ray gives it a title a worker shows the command it was started by.
                    if command[0].startswith("ray::") or any("default_worker.py" in word for word in command):
                        found[process.pid] = command[0]
        return found

    def close(self) -> None:
        """End everything."""
        for stream in (self.process.stdin, self.process.stdout, self._log):
            assert stream is not None
            stream.close()
        self.process.wait(60)

    def _ask(self, line: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        answer = self.process.stdout.readline().strip()
        assert answer, f"the cluster died: see {self._log.name}"
        return answer


class Journal:
    """What drivers have written so far, read as it grows. Trials are named by Optuna's numbers."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: set[tuple[str, str]] = set()
        self.ended: list[str] = []
        self.processes: dict[str, int] = {}
        self.n_measured_again = 0
        self.n_records = 0
        self._n_read = 0

    def read(self) -> None:
        """Take in what is new; a line that is not whole yet waits."""
        with self._path.open("rb") as file:
            file.seek(self._n_read)
            whole = file.read().rpartition(b"\n")[0]
        if whole:
            self._n_read += len(whole) + 1
            for line in whole.decode().splitlines():
                self._take(line)

    def _take(self, line: str) -> None:
        self.n_records += 1
        self.n_measured_again += '"amended"' in line
        match = re.search(r'"trial_id":(\d+),"user_attr":\{"([^"]+)":', line)
        if match is None:
            return
        trial, name = match.groups()
        if name.startswith("epoch-"):
            self.rows.add((trial, name))
        elif name == "end":
            self.ended.append(trial)
        elif name == "start" and (worker := re.search(r'"worker":"(\d+)"', line)):
            self.processes[trial] = int(worker.group(1))

    def busy(self) -> set[int]:
        """The processes of trials that have begun and not ended, as far as is recorded."""
        return {process for trial, process in self.processes.items() if trial not in self.ended}


@dataclass
class Chaos:
    """Kills, and starts drivers again. start: of a driver. killed: what was killed, in words."""

    random: random.Random
    cluster: TwoNodes
    journal: Journal
    start: Callable[[], subprocess.Popen[bytes]]
    killed: list[str] = field(default_factory=list)
    n_hits: int = 0

    def __post_init__(self) -> None:
        self.driver = self.start()
        self._began = time.monotonic()

    def strike(self, at_once: bool = False) -> None:
        """Kill something chosen at random, at a moment that goes with it; one or two kills."""
        if at_once:
            kinds: list[Callable[[], None]] = [
                partial(self._end_driver, "driver"),
                self._kill_worker_that_trains,
                partial(self._remove_node, "node"),
            ]
            self.random.choice(kinds[:1] if self.n_hits >= MAX_HITS else kinds)()
            return
        kinds = [
            self._kill_driver,
            self._kill_driver_at_an_end,
            self._kill_driver_that_starts,
            self._kill_worker_that_trains,
            self._kill_worker_between_trials,
            self._kill_worker_that_starts,
            self._remove_node_that_trains,
            self._remove_node_while_trials_are_pending,
            self._remove_node_while_a_driver_starts,
        ]
        if self.n_hits >= MAX_HITS:
            kinds = kinds[:3]
        self.random.choice(kinds)()

    def until_progress(self, n: int) -> None:
        """Wait until so many epochs and quiet measurements are recorded, each counted once."""
        self.until(lambda: len(self.journal.rows) + self.journal.n_measured_again >= n)

    def until(self, is_there: Callable[[], bool], seconds: float = 240) -> None:
        """Wait for something that the driver, which must live, makes come true."""
        deadline = time.monotonic() + seconds
        while True:
            self.journal.read()
            if is_there():
                return
            code = self.driver.poll()
            assert code is None, f"the driver ended early, with {code}; {self.killed}"
            assert time.monotonic() < deadline, f"no progress within {seconds} s; {self.killed}"
            time.sleep(0.002)

    # drivers

    def _kill_driver(self) -> None:
        """Within milliseconds after a record, whichever it is."""
        n = self.journal.n_records + self.random.randint(1, 5)
        self.until(lambda: self.journal.n_records >= n)
        self._end_driver("driver")

    def _kill_driver_at_an_end(self) -> None:
        """Between a trial's end and what Optuna is told of it, or soon after."""
        self._wait_for_end()
        self._end_driver("driver, at an end")

    def _kill_driver_that_starts(self) -> None:
        self._end_driver("driver")
        time.sleep(self.random.uniform(0.0, 8.0))
        self._end_driver("driver, as it starts")

    def _end_driver(self, what: str) -> None:
        self.driver.kill()
        self.driver.wait(30)
        self._note(what)
        self.n_hits = 0
        self.driver = self.start()

    # workers

    def _kill_worker_that_trains(self) -> None:
        self._kill_one_of(lambda: [pid for pid, does in self.cluster.workers().items() if ".train" in does])

    def _kill_worker_between_trials(self) -> None:
        """The one whose trial has just ended; it is about to take the next."""
        self._wait_for_end()
        last = self.journal.processes[self.journal.ended[-1]]
        self._kill_one_of(lambda: [pid for pid in self.cluster.workers() if pid == last] or [0])

    def _kill_worker_that_starts(self) -> None:
        """A new driver's, before its first step."""
        before = set(self.cluster.workers())
        self._end_driver("driver")
        self._kill_one_of(lambda: [pid for pid in self.cluster.workers() if pid not in before])

    def _kill_one_of(self, candidates: Callable[[], list[int]]) -> None:
        self.until(lambda: bool(candidates()))
        found = candidates()
        if not found:
            return
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.random.choice(found))
            title = process.cmdline()[0]
            process.kill()
            self._hit(f"worker {title}")

    # nodes

    def _remove_node_that_trains(self) -> None:
        self.until(lambda: bool(self.journal.busy() & self.cluster.workers("second").keys()))
        self._remove_node("node")

    def _remove_node_while_trials_are_pending(self) -> None:
        """A new driver has recorded something, so that its first workers are starting."""
        self._end_driver("driver")
        n = self.journal.n_records
        self.until(lambda: self.journal.n_records > n)
        self._remove_node("node, trials pending")

    def _remove_node_while_a_driver_starts(self) -> None:
        self._end_driver("driver")
        time.sleep(self.random.uniform(0.0, 8.0))
        self._remove_node("node, as a driver starts")

    def _remove_node(self, what: str) -> None:
        self.cluster.remove()
        self._hit(what)
        time.sleep(self.random.uniform(0.0, 3.0))
        self.cluster.add()

    def _wait_for_end(self) -> None:
        n = len(self.journal.ended)
        self.until(lambda: len(self.journal.ended) > n)

    def _hit(self, what: str) -> None:
        self.n_hits += 1
        self._note(what)

    def _note(self, what: str) -> None:
        seconds = time.monotonic() - self._began
        self.killed.append(f"{what} ({seconds:.0f} s, {len(self.journal.rows)} rows)")


def drive(arguments: list[str]) -> int:
    """The command line of a search; the first argument is the trainer."""
    from search import run

    trainer, *rest = arguments
    options = run._options
    run._options = lambda *parts: replace(options(*parts), trainer=trainer)
    return run.main(rest)


def serve() -> int:
    """The cluster, told by lines what to do."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": CPUS_PER_NODE, "include_dashboard": False}
    )
    print(cluster.address, _raylet(cluster.head_node), flush=True)
    node = None
    for line in sys.stdin:
        if line.strip() == "add":
            node = cluster.add_node(num_cpus=CPUS_PER_NODE)
            print(_raylet(node), flush=True)
        else:
            cluster.remove_node(node, allow_graceful=False)
            print("removed", flush=True)
    cluster.shutdown()
    return 0


def _raylet(node: object) -> int:
    (raylet,) = node.all_processes["raylet"]  # type: ignore[attr-defined]
    return int(raylet.process.pid)


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    sys.exit(drive(rest) if command == "drive" else serve())
