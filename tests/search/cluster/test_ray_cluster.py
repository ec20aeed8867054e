from __future__ import annotations

import logging
import os

import pytest

from search.cluster.ray_cluster import ray_cluster, refuse_ray_client
from search.cluster.ray_start import ENVIRONMENT, require_answer
from search.errors import SearchError


def test_ray_client_is_refused_with_advice() -> None:
    with pytest.raises(SearchError, match=r"ray://head:1.*ray job submit.*head node"):
        refuse_ray_client("ray://head:1")
    refuse_ray_client("auto")


@pytest.mark.usefixtures("ray_session")
def test_a_ray_of_this_process_is_used_as_it_is_and_left_running() -> None:
    import ray

    level = logging.getLogger("ray").level
    with ray_cluster("local") as (node,):
        assert (node.cpus, node.gpus) == (2.0, 0.0)
        assert logging.getLogger("ray").level == logging.CRITICAL
    assert ray.is_initialized()
    assert logging.getLogger("ray").level == level
    assert ray._private.worker._worker_logs_enabled


@pytest.mark.usefixtures("ray_session")
def test_the_environment_is_put_back_and_the_users_own_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_CHDIR_TO_TRIAL_DIR", "1")
    with ray_cluster("local"):
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
        assert os.environ["RAY_CHDIR_TO_TRIAL_DIR"] == "1"
    assert "RAY_USAGE_STATS_ENABLED" not in os.environ
    assert os.environ["RAY_CHDIR_TO_TRIAL_DIR"] == "1"


@pytest.mark.parametrize(
    "address", ["nohost", "127.0.0.1:1", "host.invalid:6379", ":", "127.0.0.1:port", "127.0.0.1:99999"]
)
def test_an_address_where_nothing_answers_is_refused_at_once(address: str) -> None:
    with pytest.raises(SearchError, match=r"--address: got .*: nothing answers there"):
        require_answer(address)


def test_ray_finds_its_own_clusters() -> None:
    require_answer("local")
    require_answer("auto")
