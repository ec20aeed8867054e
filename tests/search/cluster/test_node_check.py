"""What nodes answer, and what is said about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from search.cluster import node_check as nodes
from search.cluster.data_check import node_requirements, require_data
from search.cluster.node_check import NEEDED, Facts, NodeRequirements, complaints, look, own_versions
from search.cluster.ray_cluster import _ask, _Unsettled, examined, live_nodes, ray_cluster
from search.cluster.ray_start import ROOMS, our_packages
from search.cluster.resources import Node
from search.errors import SearchError
from search.worker.checkpoints import CheckpointKeeper
from search.worker.data_root import DATA_VARIABLE, local_root, with_local_root
from search.worker.trial_run import TrialRun
from snncore.machine import processor_model
from tests.search.fakes import Choice, FakeTrainer, make_space, starts
from tests.search.worker.test_trial_run import _job, _reports

OURS = {"python": "3.11", "torch": "2.13.0", "ray": "2.60.0"}


def _facts(**changes: Any) -> Facts:
    versions = {**OURS, **changes.pop("versions", {})}
    return Facts(**{"host": "gpu-3", "versions": versions, **changes})


@pytest.fixture
def _our_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.cluster.ray_cluster.own_versions", lambda: OURS)


def test_this_machine_has_all_it_needs() -> None:
    facts = look(NodeRequirements())
    assert (facts.missing, facts.problems) == ((), ())
    assert complaints(facts, own_versions()) == []
    assert set(facts.versions) == {"python", "torch", "ray"}
    assert facts.versions["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_build_of_a_package_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "version", lambda name: {"torch": "2.13.0+cu130", "ray": "2.60.0"}[name])
    monkeypatch.setattr(nodes.platform, "python_version_tuple", lambda: ("3", "11", "9"))
    assert own_versions() == OURS


@pytest.mark.usefixtures("_our_versions")
def test_all_that_is_wrong_with_all_nodes_comes_in_one_message() -> None:
    found = [
        Node("a", 1, 0),
        Node("b", 1, 0),
        Node("c", 1, 0),
        Node("d", 1, 0),
    ]
    answers: list[Facts | str] = [
        _facts(),
        _facts(versions={"python": "3.12", "torch": "2.12.1"}),
        _facts(missing=("pydantic", "spikingjelly"), versions={"ray": None}),
        "does not answer within 120 s",
    ]
    with pytest.raises(SearchError) as caught:
        examined(found, answers)
    assert str(caught.value).splitlines() == [
        "3 of 4 nodes cannot run this study:",
        "  b: python 3.12, the driver has 3.11",
        "  b: torch 2.12.1, the driver has 2.13.0",
        "  c: lacks pydantic, spikingjelly; install there what the driver has",
        "  d: does not answer within 120 s",
    ]


@pytest.mark.usefixtures("_our_versions")
def test_nodes_come_back_with_the_memory_of_their_gpus() -> None:
    found = [Node("a", 8, 2, node_id="1"), Node("b", 8, 0), Node("c", 8, 1)]
    answers = [_facts(gpu_memory_mib=24_564.0), _facts(gpu_memory_mib=8192.0), _facts()]
    a, b, c = examined(found, answers)
    assert (a.gpu_memory_mib, a.node_id, a.name) == (24_564.0, "1", "a")
    assert b.gpu_memory_mib is None, "it has GPUs, but not for Ray"
    assert c.gpu_memory_mib is None


def test_packages_that_are_missing_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NEEDED, "no_such_module", "no-such-package")
    monkeypatch.setitem(NEEDED, "no_such.module", "no-such-either")
    facts = look(NodeRequirements(data=(("cifar100", "/nowhere"),)))
    assert facts.missing == ("no-such-package", "no-such-either")
    assert facts.problems == (), "what needs our code is not looked at without its packages"


@pytest.mark.slow
def test_every_package_that_a_trial_loads_is_looked_for() -> None:
    """A trial with the real trainer, in a process of its own; of what it loads, what we depend on."""
    code = """
import sys, tempfile
from pathlib import Path
import search.tune.trainable
from search.worker.trial_run import TrialRun
from search.config_key import resolve
from search.worker.jobs import Job
from tests.search.fakes import make_space
space = make_space(base={"optim.epochs": 1, "optim.batch_size": 128})
config, _ = resolve(space, {"T": 2, "model.width": 1.0})
trial_run = TrialRun(Job(0, config, 1, tempfile.mkdtemp()))
kinds = []
while not kinds or kinds[-1] != "end":
    kinds.append(trial_run.step().kind)
assert kinds == ["probe", "epoch", "end"], kinds
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tops = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    installed = packages_distributions()
    loaded = {name.lower() for top in tops for name in installed.get(top, ())}
    requirements = [text for text in distribution("spikefront").requires or () if "extra ==" not in text]
    ours = {text.split("[")[0].split("<")[0].split(">")[0].strip().lower() for text in requirements}
    needed = {name.split("[")[0] for name in NEEDED.values()}
    assert needed <= ours
    assert len(loaded & ours) >= 8
    assert loaded & ours <= needed


def test_data_are_looked_for_where_the_node_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = NodeRequirements(data=(("cifar10", str(tmp_path / "a")), ("digits", str(tmp_path / "a"))))
    (problem,) = look(wanted).problems
    assert problem.startswith(f"data: cifar10 is not at hand: the folder {tmp_path}/a does not exist")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "b"))
    (problem,) = look(wanted).problems
    assert f"the folder {tmp_path}/b does not exist" in problem


def test_a_place_for_checkpoints_that_a_node_cannot_write_is_a_problem(tmp_path: Path) -> None:
    assert look(NodeRequirements(checkpoints=f"file://{tmp_path}/bucket")).problems == ()
    (problem,) = look(NodeRequirements(checkpoints="file:///proc/nothing")).problems
    assert problem.startswith("checkpoints: got 'file:///proc/nothing': cannot be written: ")


def test_what_nodes_must_have_for_a_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = Choice(("digits", "cifar10"))
    wanted = node_requirements(make_space("data", search={"data.name": names}), "s3://bucket/x")
    root = str(tmp_path / "data")
    assert wanted == NodeRequirements((("digits", root), ("cifar10", root)), "s3://bucket/x")


def test_a_node_may_have_a_data_root_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"T": 1, "data": {"name": "digits", "root": "/shared"}}
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    assert with_local_root(config) == config
    monkeypatch.setenv(DATA_VARIABLE, "~/mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert with_local_root(config)["data"] == {"name": "digits", "root": f"{tmp_path}/mine"}
    assert config["data"]["root"] == "/shared"  # type: ignore[index]
    monkeypatch.setenv(DATA_VARIABLE, "")
    assert local_root("/shared") == "/shared"


def test_a_trial_reads_the_nodes_own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "mine"))
    assert _reports(TrialRun(_job(tmp_path)))[-1].state == "complete"
    assert len(starts(tmp_path / "mine")) == 1
    assert starts(tmp_path / "data") == []


def test_the_drivers_own_look_goes_by_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "mine"))
    with pytest.raises(SearchError, match=f"the folder {tmp_path}/mine does not exist"):
        require_data(make_space(tmp_path / "data", base={"data.name": "cifar10"}))


@pytest.mark.parametrize(
    ("answer", "models", "memory"),
    [
        ("RTX 4090, 24564, [N/A]\n", ("RTX 4090",), 24_564.0),
        ("B, 81920, Disabled\nA, 8192, Disabled\nB, 81920, Disabled\n", ("A", "B"), 8192.0),
        ("H200, 143771, Enabled\n", ("H200",), None),
        ("", (), None),
        ("No devices were found\n", (), None),
        ("A, [N/A], [N/A]\n", ("A",), None),
    ],
)
def test_the_models_of_gpus_and_the_memory_of_the_smallest(
    answer: str, models: tuple[str, ...], memory: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes.subprocess, "run", lambda *a, **k: SimpleNamespace(stdout=answer))
    facts = look(NodeRequirements())
    assert (facts.gpus, facts.gpu_memory_mib) == (models, memory)
    assert facts.processor == processor_model()


@pytest.mark.usefixtures("ray_session")
def test_a_node_is_asked_by_a_task_on_it(tmp_path: Path) -> None:
    with ray_cluster("auto", NodeRequirements()) as (node,):
        assert node.node_id == live_nodes()[0].node_id != ""
    wanted = NodeRequirements(data=(("cifar10", str(tmp_path / "none")),))
    with pytest.raises(SearchError, match=r"1 of 1 nodes cannot run this study:\n  .*: data: cifar10"), \
            ray_cluster("auto", wanted):  # fmt: skip
        pytest.fail("it was let in")


def test_two_nodes_of_one_machine_have_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def entry(node_id: str, host: str, alive: bool = True) -> dict[str, Any]:
        return {
            "NodeID": node_id * 28, "Alive": alive, "NodeManagerHostname": host,
            "NodeManagerAddress": "10.0.0.1", "Resources": {"CPU": 2.0},
        }  # fmt: skip

    found = [entry("ab", "one"), entry("cd", "one"), entry("ef", "two"), entry("00", "three", alive=False)]
    monkeypatch.setattr(ray, "nodes", lambda: found)
    names = [node.name for node in live_nodes()]
    assert names == ["one (10.0.0.1) abababab", "one (10.0.0.1) cdcdcdcd", "two (10.0.0.1)"]


def test_the_rooms_that_a_worker_imports_are_sent() -> None:
    """Whatever a trial with the real trainer loads of ours; `reports` stays at home."""
    code = """
import sys
import search.tune.trainable, search.cluster.node_check, search.worker.trainer, search.worker.trial_run
import snncore.training.session, snncore.measure.probe
import search.worker.remote_checkpoints, search.worker.checkpoint_place
print(*{name.partition(".")[0] for name in sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = {"search", "snncore", "spaces", "studies", "reports"}
    assert set(done.stdout.split()) & rooms <= set(ROOMS)
    for path in our_packages()["py_modules"]:
        assert (Path(path) / "__init__.py").is_file()


def test_what_is_asked_needs_nothing_but_the_standard_library() -> None:
    code = "import sys; b = set(sys.modules); import search.cluster.node_check; print(*set(sys.modules) - b)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    tops = {name.partition(".")[0] for name in done.stdout.split()}
    assert tops - set(sys.stdlib_module_names) <= {"search", "spikefront", "__mp_main__"}


def test_the_keeper_takes_what_a_job_says(tmp_path: Path) -> None:
    for place in (str(tmp_path / "plain"), f"file://{tmp_path}/uri"):
        session = FakeTrainer("cpu", 1).session(_job(tmp_path).config)
        session.epochs_trained = 2
        CheckpointKeeper(place, 0.0).save(session)
    assert json.loads((tmp_path / "plain" / "epoch-0002" / "state.json").read_text()) == {"epochs_trained": 2}
    assert list((tmp_path / "uri").glob("epoch-0002-*.json"))


@pytest.mark.usefixtures("ray_session", "_our_versions")
def test_nodes_that_come_and_go_are_asked_until_all_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has died is on Ray's list for a while, one that has just come is not known everywhere."""
    import ray

    head, gone, fresh = (Node(name, 1.0, 0.0, node_id=name) for name in ("head", "ab" * 28, "fresh"))
    (lost,) = _ask(ray, [gone], NodeRequirements())
    assert isinstance(lost, _Unsettled)
    rounds = [
        ((head, gone, fresh), [_facts(), lost, lost]),
        ((head, gone, fresh), [_facts(), lost, _facts()]),
        ((head, fresh), [_facts(), _facts()]),
    ]
    monkeypatch.setattr("search.cluster.ray_cluster.SECONDS_BETWEEN_LOOKS", 0.0)
    monkeypatch.setattr("search.cluster.ray_cluster._ask", lambda *arguments: rounds.pop(0)[1])
    monkeypatch.setattr("search.cluster.ray_cluster.live_nodes", lambda: rounds[0][0])
    with ray_cluster("auto", NodeRequirements()) as found:
        assert found == (head, fresh)


def _die_once(wanted: NodeRequirements) -> Facts:
    marker = Path(str(wanted.checkpoints))
    if not marker.exists():
        marker.touch()
        os._exit(1)
    return look(NodeRequirements())


@pytest.mark.usefixtures("ray_session")
def test_a_node_whose_worker_is_killed_as_it_looks_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("search.cluster.ray_cluster.look", _die_once)
    with ray_cluster("auto", NodeRequirements(checkpoints=str(tmp_path / "died"))) as (node,):
        assert node.cpus == 2.0
    assert (tmp_path / "died").exists()


@pytest.mark.usefixtures("ray_session", "_our_versions")
def test_a_node_that_stays_out_of_reach_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.cluster.ray_cluster.LOOK_TIMEOUT_S", 0.0)
    monkeypatch.setattr(
        "search.cluster.ray_cluster._ask", lambda *arguments: [_Unsettled("cannot run our code: gone")]
    )
    with (
        pytest.raises(SearchError, match=r"1 of 1 nodes .*\n.*: gone"),
        ray_cluster("auto", NodeRequirements()),
    ):
        pytest.fail("it was let in")


@pytest.mark.usefixtures("ray_session", "_our_versions")
def test_a_head_that_only_drives_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def ask(ray: Any, able: list[Node], wanted: NodeRequirements) -> list[Facts | str]:
        asked.extend(able)
        return [_facts() for _ in able]

    head, worker = Node("head", 0.0, 0.0), Node("worker", 8.0, 0.0)
    monkeypatch.setattr("search.cluster.ray_cluster._ask", ask)
    monkeypatch.setattr("search.cluster.ray_cluster.live_nodes", lambda: (head, worker))
    with ray_cluster("auto", NodeRequirements()) as found:
        assert list(found) == asked == [worker]
    monkeypatch.setattr("search.cluster.ray_cluster.live_nodes", lambda: (head,))
    with ray_cluster("auto", NodeRequirements()) as found:
        assert found == (head,), "for the message that nothing fits anywhere"
