"""The loop: cases in child processes, what they show, and the smallest input for each fault."""

from __future__ import annotations

import pickle
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, islice, takewhile
from pathlib import Path
from random import Random

from tests.hostile.case import Case
from tests.hostile.child import Child, Ended, Limits
from tests.hostile.doors import ALL_DOORS, OF_FILES
from tests.hostile.findings import Finding, judge
from tests.hostile.minimise import Minimiser

POLL_S = 0.02


@dataclass
class Fault:
    """Findings that are the same: the first case with it, its output, and the number of cases by door."""

    finding: Finding
    door: str
    number: int
    output: str
    n_by_door: Counter[str] = field(default_factory=Counter)
    case: Case | None = None
    is_repeatable: bool = True


@dataclass
class Result:
    """n_cases: by door. n_taken: cases whose command ended with 0. faults: in the order they were found."""

    n_cases: Counter[str] = field(default_factory=Counter)
    n_taken: Counter[str] = field(default_factory=Counter)
    faults: dict[tuple[str, str, str], Fault] = field(default_factory=dict)

    def repeatable(self) -> list[Fault]:
        """The faults that were seen a second time."""
        return [fault for fault in self.faults.values() if fault.is_repeatable]


def make_case(door: str, seed: int, number: int) -> Case:
    """The case of this number, the same one always; below zero with nothing in it changed."""
    case = ALL_DOORS[door](Random(f"{seed} {abs(number)} {door}"))
    return case if number >= 0 else replace(case, files=case.genuine, specials={})


class Fuzzer:
    """Runs cases below a scratch folder, `jobs` at a time."""

    def __init__(self, scratch: Path, limits: Limits, jobs: int, say: Callable[[str], None]) -> None:
        self._scratch, self._limits, self._jobs, self._say = scratch, limits, jobs, say
        self._count = count()
        self.result = Result()

    def check(self, doors: Sequence[str], seed: int) -> list[str]:
        """The doors that refuse what is genuine: behind a closed one nothing can be found."""
        jobs = ((door, -1) for door in doors if door in OF_FILES)
        return [
            f"{door}: genuine input is refused with {ended.code}: {ended.output}"
            for door, _, ended in self._each(jobs, seed)
            if ended.code not in (0, None) or judge(ended)
        ]

    def fuzz(self, doors: Sequence[str], seed: int, numbers: Iterator[int], until: float) -> None:
        """Run the cases of `numbers`, going round the doors, until they or the time have come to an end."""
        jobs = ((doors[number % len(doors)], number) for number in numbers)
        for door, number, ended in self._each(takewhile(lambda _: time.monotonic() < until, jobs), seed):
            self._note(door, number, ended)

    def run(self, case: Case) -> Ended:
        """One case, alone."""
        return self._alone(lambda: case)

    def describe(self, door: str, seed: int, number: int) -> Case:
        """A case, made in a process of its own: making one may start threads, which must not be forked."""
        folder = self._fresh()

        def make() -> Case:
            (folder / "case").write_bytes(pickle.dumps(make_case(door, seed, number)))
            raise SystemExit

        child = Child(make, folder, self._limits)
        while child.poll() is None:
            time.sleep(POLL_S)
        case: Case = pickle.loads((folder / "case").read_bytes())
        shutil.rmtree(folder, ignore_errors=True)
        return case

    def minimise(self, seed: int, seconds: float) -> None:
        """Find a small case for each fault, within a time for all of them."""
        faults = [fault for fault in self.result.faults.values() if fault.finding.kind != "fuzzer"]
        until = time.monotonic() + seconds
        for at, fault in enumerate(faults):
            left = (until - time.monotonic()) / (len(faults) - at)
            case = fault.case = self.describe(fault.door, seed, fault.number)
            again = self.run(case)
            found = judge(again, fault.door)
            fault.is_repeatable = found is not None and found.kind == fault.finding.kind
            if fault.is_repeatable:
                fault.case = Minimiser(
                    case, lambda smaller, fault=fault: self._has(smaller, fault), left
                ).run()
                fault.output = self.run(fault.case).output

    def _has(self, case: Case, fault: Fault) -> bool:
        found = judge(self.run(case), fault.door)
        return found is not None and found.key == fault.finding.key

    def _alone(self, make: Callable[[], Case]) -> Ended:
        folder = self._fresh()
        child = Child(make, folder, self._limits)
        try:
            while (ended := child.poll()) is None:
                time.sleep(POLL_S / 4)
        except BaseException:
            child.end()
            raise
        shutil.rmtree(folder, ignore_errors=True)
        return ended

    def _fresh(self) -> Path:
        folder = self._scratch / f"{next(self._count):06}"
        folder.mkdir()
        return folder

    def _each(self, jobs: Iterator[tuple[str, int]], seed: int) -> Iterator[tuple[str, int, Ended]]:
        """Run cases by door and number, so many at a time as there are jobs; each as soon as it has ended."""
        running: dict[Child, tuple[str, int, Path]] = {}
        try:
            while True:
                for door, number in islice(jobs, self._jobs - len(running)):
                    folder = self._fresh()
                    child = Child(partial(make_case, door, seed, number), folder, self._limits)
                    running[child] = door, number, folder
                if not running:
                    return
                time.sleep(POLL_S)
                for child, (door, number, folder) in list(running.items()):
                    ended = child.poll()
                    if ended is not None:
                        del running[child]
                        shutil.rmtree(folder, ignore_errors=True)
                        yield door, number, ended
        finally:
            for child in running:
                child.end()

    def _note(self, door: str, number: int, ended: Ended) -> None:
        self.result.n_cases[door] += 1
        self.result.n_taken[door] += ended.code in (0, None) and not ended.was_killed and not ended.signal
        finding = judge(ended, door)
        if finding is None:
            return
        known = self.result.faults.get(finding.key)
        if known is None:
            known = self.result.faults[finding.key] = Fault(finding, door, number, ended.output)
            self._say(f"{finding} ({door}, case {number})")
        known.n_by_door[door] += 1
