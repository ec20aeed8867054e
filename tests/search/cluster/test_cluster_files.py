"""The files in cluster/ and the page about them, as far as they can be tried without a cluster."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray.autoscaler
import yaml

from search.cluster.node_check import SAME_VERSIONS
from search.run import _parser
from search.worker.data_root import DATA_VARIABLE
from studies.record import read_study

ROOT = Path(__file__).parents[3]
FILES = ROOT / "cluster"
PAGE = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")


def _yaml(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FILES / name).read_text(encoding="utf-8"))
    return loaded


def _pin(package: str) -> str:
    (line,) = re.findall(rf"^{package}==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    return str(line)


def test_the_autoscaler_file_meets_rays_own_schema() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    written = _yaml("ray-autoscaler.yaml")
    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    whole = prepare_config(dict(written))
    jsonschema.validate(whole, schema)
    validate_config(whole)
    workers = whole["available_node_types"]["local.cluster.node"]
    assert workers["min_workers"] == workers["max_workers"] == len(written["provider"]["worker_ips"])


def _ray_start(command: str) -> list[str]:
    """The options of a `ray start` command, which Ray's own parser takes."""
    from ray.scripts.scripts import start

    words = shlex.split(command)
    options = words[words.index("start") + 1 :]
    start.make_context("ray start", [word for word in options if not word.startswith("$")])
    return options


def test_the_autoscaler_files_commands_are_rays() -> None:
    file = _yaml("ray-autoscaler.yaml")
    head = _ray_start(file["head_start_ray_commands"][-1])
    worker = _ray_start(file["worker_start_ray_commands"][-1])
    assert {"--head", "--port=6379", "--num-cpus=0"} <= set(head)
    assert "--autoscaling-config=~/ray_bootstrap_config.yaml" in head
    assert "--address=$RAY_HEAD_IP:6379" in worker
    for command in (file["head_start_ray_commands"][-1], file["worker_start_ray_commands"][-1]):
        assert "RAY_AUTH_MODE=token " in command
    assert "~/.ray/auth_token" in file["file_mounts"]


def test_the_manifest_is_a_job_of_this_ray_whose_pods_agree() -> None:
    job = _yaml("kuberay.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert set(job["spec"]) == {
        "entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "rayClusterSpec",
    }  # fmt: skip
    cluster = job["spec"]["rayClusterSpec"]
    assert set(cluster) == {"rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs"}
    assert cluster["rayVersion"] == _pin("ray")
    assert cluster["authOptions"] == {"mode": "token"}
    (workers,) = cluster["workerGroupSpecs"]
    assert workers["replicas"] == workers["minReplicas"] == workers["maxReplicas"]
    pods = [group["template"]["spec"] for group in (cluster["headGroupSpec"], workers)]
    images = set()
    for pod in pods:
        (container,) = pod["containers"]
        images.add(container["image"])
        assert {mount["name"] for mount in container["volumeMounts"]} == {
            volume["name"] for volume in pod["volumes"]
        }
        assert container["resources"]["requests"] == container["resources"]["limits"]
    assert len(images) == 1
    for group in (cluster["headGroupSpec"], workers):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


def test_the_manifests_command_parses_and_resumes(tmp_path: Path) -> None:
    """Run by a real shell, with the shared folder here and an echo for Python."""
    entrypoint = _yaml("kuberay.yaml")["spec"]["entrypoint"].replace("/shared", str(tmp_path))
    echo = tmp_path / "python"
    echo.write_text('#!/bin/sh\necho "$@"\n')
    echo.chmod(0o755)

    def words() -> list[str]:
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = subprocess.run(
            shlex.split(entrypoint), env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    first = words()
    assert first[:2] == ["-m", "search.run"]
    journal = tmp_path / "runs" / "cifar100" / "journal.log"
    journal.parent.mkdir(parents=True)
    journal.write_text("{}\n")
    assert words() == [*first, "--resume"]
    options = _parser().parse_args(first[2:])
    assert (options.address, options.out, options.study) == ("auto", f"{tmp_path}/runs", "cifar100")


def test_the_image_is_of_this_ray() -> None:
    text = (FILES / "Dockerfile").read_text()
    assert f"FROM rayproject/ray:{_pin('ray')}-py3" in text
    assert "registry.example.org/spikefront:0.1" in text


def test_the_slurm_script_is_bash() -> None:
    subprocess.run(["bash", "-n", FILES / "slurm.sh"], check=True)
    assert os.access(FILES / "slurm.sh", os.X_OK)


def _slurm(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    """The script under a pretended Slurm of this one machine."""
    tools = tmp_path / "bin"
    tools.mkdir(exist_ok=True)
    for name, text in {
        "scontrol": "#!/bin/sh\necho localhost\n",
        "srun": '#!/bin/sh\nwhile [ "${1#--}" != "$1" ]; do shift; done\nexec "$@"\n',
    }.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    with socket.socket() as listener:  # the script makes its port from the job's number
        listener.bind(("127.0.0.1", 0))
        job = 20_000 + (listener.getsockname()[1] - 20_000) % 20_000
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "SLURM_JOB_ID": str(job),
        "SLURM_JOB_NODELIST": "localhost",
        "SLURM_CPUS_PER_TASK": "2",
        "SPIKEFRONT_PYTHON": sys.executable,
        "SPIKEFRONT_OUT": str(tmp_path / "runs"),
    }
    return subprocess.Popen(
        ["bash", FILES / "slurm.sh", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_slurm_script_wants_a_name_for_the_study(tmp_path: Path) -> None:
    process = _slurm(tmp_path, "--space", "digits")
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert output.startswith("slurm.sh: --study NAME is needed")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_slurm_script_runs_a_study_and_goes_on_with_it_after_its_signal(tmp_path: Path) -> None:
    arguments = ["--space", "digits", "--study", "mine", "--trials", "2", "--set", "optim.epochs=40"]
    process = _slurm(tmp_path, *arguments)
    journal = tmp_path / "runs" / "mine" / "journal.log"
    deadline = time.monotonic() + 200
    while not (journal.exists() and '"epoch-0002"' in journal.read_text()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 130, output
    assert "running" in {trial.state for trial in read_study(journal.parent).trials}
    again = _slurm(tmp_path, *arguments)
    output, _ = again.communicate(timeout=400)
    assert again.returncode == 0, output
    trials = read_study(journal.parent).trials
    assert len(trials) == 2
    assert "running" not in {trial.state for trial in trials}


def test_the_page_explains_every_file() -> None:
    for path in FILES.iterdir():
        assert f"cluster/{path.name}" in PAGE, path.name
    assert DATA_VARIABLE in PAGE
    for name in SAME_VERSIONS:
        assert name in PAGE.lower()


def test_the_pages_commands_parse() -> None:
    commands = [
        line.partition("  #")[0]
        for block in re.findall(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    runs = [line for line in commands if "search.run" in line]
    assert len(runs) >= 3
    for line in runs:
        words = shlex.split(line)
        _parser().parse_args(words[words.index("search.run") + 1 :])
    starts = [line for line in commands if "ray start" in line]
    assert len(starts) >= 2
    for line in starts:
        _ray_start(line)
