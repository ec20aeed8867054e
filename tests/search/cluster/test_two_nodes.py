"""A cluster of two nodes on this machine, the second without the repository.

Each node is a `ray start` of its own. The second one's Python is a virtual environment whose only content
is a path to the packages of the first: path entries are not searched for .pth files, so the editable
install does not follow. Its working folder is empty, and the driver's is not the repository, because
Ray puts the driver's working folder on the path of every worker.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from search.study.folder import RunFolder
from search.study.opening import open_existing
from search.trials.to_record import study_record
from search.worker.data_root import DATA_VARIABLE
from snncore.data.files import FILES
from studies.model import Study
from tests.search.two_nodes import NODE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
N_EPOCHS = 9
SPACE = f"""
name: toy
base: {{{{data: {{{{root: {{root}}}}}}, optim: {{{{epochs: {N_EPOCHS}, batch_size: 700}}}}}}}}
search:
  T: {{{{int: [1, 8]}}}}
  model.width: {{{{choice: [1.0]}}}}
objectives: {{{{val_accuracy: maximize, n_parameters: minimize}}}}
budget: {{{{trials: 4}}}}
sampler: {{{{name: random}}}}
resources: {{{{cpu: 1, gpu: 0}}}}
"""
TOKEN = "0123456789abcdef" * 4


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _environment(**more: str) -> dict[str, str]:
    """Nothing of the repository, and the token that every part of this cluster must have."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": TOKEN,
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
        **more,
    }


class TwoNodes:
    """Starts the nodes, and ends all that is left of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{_free_port()}"
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}
        self._log = (folder / "nodes.log").open("wb")

    def start(self, name: str, python: Path, *options: str) -> None:
        place = self.folder / f"node-{name}"
        place.mkdir()
        self.nodes[name] = subprocess.Popen(
            [
                str(python), "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1", "--num-gpus=0",
                "--object-store-memory=100000000", "--min-worker-port=0", "--max-worker-port=0", *options,
            ],
            cwd=place,
            env=_environment(**{NODE: name, DATA_VARIABLE: str(self.data(name))}),
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip

    def data(self, name: str) -> Path:
        """The data root of a node."""
        return self.folder / f"data-{name}"

    def trained(self, name: str) -> list[dict[str, Any]]:
        """The epochs that a node has trained."""
        path = self.data(name) / "epochs.txt"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def start_head(self) -> None:
        port = self.address.rpartition(":")[2]
        options = ("--head", "--node-ip-address=127.0.0.1", f"--port={port}", "--include-dashboard=false")
        self.start("first", Path(sys.executable), *options)
        _wait_for(lambda: _answers(int(port)), "the head node")

    def start_second(self, python: Path) -> None:
        self.start("second", python, f"--address={self.address}", "--dashboard-agent-listen-port=0")
        log = self.folder / "nodes.log"
        _wait_for(lambda: log.read_bytes().count(b"Ray runtime started") == 2, "the second node")

    def kill(self, name: str) -> None:
        """As when the machine loses its power: everything at once."""
        node = self.nodes.pop(name)
        parent = psutil.Process(node.pid)
        everything = [*parent.children(recursive=True), parent]
        for process in everything:
            process.send_signal(signal.SIGSTOP)  # so that none sees another's end and cleans up
        for process in everything:
            process.kill()
        node.wait(30)
        psutil.wait_procs(everything[:-1], timeout=30)

    def close(self) -> None:
        for name in list(self.nodes):
            self.kill(name)
        self._log.close()

    def driver(self, *options: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.search.two_nodes", *options, "--address", self.address],
            cwd=self.folder,
            env=_environment(PYTHONPATH=str(ROOT), **environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(is_there: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not is_there():
        assert time.monotonic() < deadline, f"{what}: not there after {seconds} s"
        time.sleep(0.1)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[TwoNodes]:
    nodes = TwoNodes(tmp_path)
    try:
        nodes.start_head()
        yield nodes
    finally:
        nodes.close()


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """A Python with every package of this one but the repository's."""
    home = tmp_path / "bare"
    venv.create(home, symlinks=True, with_pip=False)
    (site,) = home.glob("lib/python*/site-packages")
    (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = home / "bin" / "python"
    assert _can_import(python, "torch, ray, pydantic")
    assert not _can_import(python, "search")
    assert not _can_import(python, "snncore")
    return python


def _can_import(python: Path, names: str) -> bool:
    code = f"import importlib.util as u; assert all(u.find_spec(n) for n in '{names}'.split(', '))"
    command = [python, "-c", code]
    return subprocess.run(command, cwd="/", env=_environment(), capture_output=True).returncode == 0


def _write_space(folder: Path) -> str:
    path = folder / "toy.yaml"
    path.write_text(SPACE.format(root=folder / "data"))
    return str(path)


def _record(folder: Path) -> Study:
    study, attributes = open_existing(RunFolder.of(folder / "runs", "toy"))
    return study_record(study, attributes)


@pytest.mark.parametrize("kept", ["run folder", "URI"])
def test_trials_run_on_both_nodes_and_one_goes_on_elsewhere_when_its_node_dies(
    cluster: TwoNodes, bare_python: Path, tmp_path: Path, kept: str
) -> None:
    cluster.start_second(bare_python)
    uri = ["--checkpoints", f"file://{tmp_path}/elsewhere"] if kept == "URI" else []
    process = cluster.driver("--space", _write_space(tmp_path), *uri)
    place = tmp_path / "elsewhere" if uri else tmp_path / "runs" / "toy" / "checkpoints"

    def has_checkpoint_of_second() -> bool:
        if process.poll() is not None:
            pytest.fail(process.communicate()[0])
        trained = {row["T"] for row in cluster.trained("second") if row["epoch"] > 3}
        if not trained:
            return False
        numbers = [trial.number for trial in _record(tmp_path).trials if trial.config["T"] in trained]
        # Below a URI each study has a folder of its own.
        return any(list(place.glob(f"**/trial-{number:04d}/epoch-*")) for number in numbers)

    _wait_for(has_checkpoint_of_second, "a checkpoint of the second node", 200)
    cluster.kill("second")
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output

    record = _record(tmp_path)
    assert [trial.state for trial in record.trials] == ["complete"] * 4
    for number in range(4):
        assert [row.epoch for row in record.epochs if row.number == number] == list(range(1, N_EPOCHS + 1))
    assert {"first"} <= {trial.device for trial in record.trials} <= {"first", "second"}
    (interrupted,) = (trial for trial in record.trials if trial.attempts > 1)
    assert (interrupted.attempts, interrupted.device) == (2, "first")
    before, after = (
        [row["epoch"] for row in cluster.trained(name) if row["T"] == interrupted.config["T"]]
        for name in ("second", "first")
    )
    assert before == list(range(1, before[-1] + 1))
    assert 1 < after[0] <= before[-1] + 1, "it went on from a checkpoint"
    assert after == list(range(after[0], N_EPOCHS + 1))
    for row in cluster.trained("second"):
        assert "py_modules" in row["rooms"]
        assert str(ROOT) not in row["rooms"]


def test_a_node_with_another_torch_and_no_data_is_refused_in_one_message(
    cluster: TwoNodes, bare_python: Path, tmp_path: Path
) -> None:
    (site,) = bare_python.parents[1].glob("lib/python*/site-packages")
    info = site / "torch-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 1.2.3\n")
    cluster.start_second(bare_python)
    images = cluster.data("first") / "cifar-100-python"
    images.mkdir(parents=True)
    for name in FILES["cifar100"].names:
        (images / name).touch()
    process = cluster.driver("--space", _write_space(tmp_path), "--set", "data.name=cifar100")
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 2, output
    first, second, third = output.strip().splitlines()
    assert first == "error: 1 of 2 nodes cannot run this study:"
    host = f"  {socket.gethostname()} ("
    assert second.startswith(host)
    assert ": torch 1.2.3, the driver has 2." in second
    assert third.startswith(host)
    assert f": data: cifar100 is not at hand: the folder {cluster.data('second')} does not exist; " in third
    assert not (tmp_path / "runs" / "toy").exists()


def test_another_token_is_refused_in_one_line(cluster: TwoNodes, tmp_path: Path) -> None:
    process = cluster.driver("--space", _write_space(tmp_path), RAY_AUTH_TOKEN="f" * 64)
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 2, output
    last = output.strip().splitlines()[-1]  # gRPC writes a line of its own before
    assert last.startswith(f"error: --address: no Ray cluster at '{cluster.address}': ")
    assert "ray get-auth-token" in last
    assert "Traceback" not in output
