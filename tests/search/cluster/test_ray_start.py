"""Ray's surroundings without Ray: what of the user's environment it is given, and where it works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from search.cluster import ray_start
from search.cluster.ray_start import ENVIRONMENT, OF_ANOTHER_RAY, environment, ray_folder, temporary_folders
from search.errors import SearchError

MAX_SOCKET = len("/session_2000-01-01_00-00-00_000000_4194304/sockets/plasma_store")


def test_under_uv_run_ray_builds_no_environment_of_its_own() -> None:
    """Ray reads the variable when it is imported, so it must stand before that."""
    code = (
        "import sys\n"
        "from search.cluster.ray_start import environment\n"
        "assert 'ray' not in sys.modules\n"
        "with environment('local'):\n"
        "    from ray._private import ray_constants\n"
        "print(ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV)\n"
    )
    clean = {name: text for name, text in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean, check=True)
    assert done.stdout == "False\n"


def test_a_ray_of_our_own_knows_nothing_of_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OF_ANOTHER_RAY:
        monkeypatch.setenv(name, "10.1.2.3:6379")
    with environment("auto"):
        assert os.environ["RAY_ADDRESS"] == "10.1.2.3:6379", "who joins one may name it so"
    with environment("local"):
        assert not set(OF_ANOTHER_RAY) & os.environ.keys()
    assert all(os.environ[name] == "10.1.2.3:6379" for name in OF_ANOTHER_RAY)


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_CHDIR_TO_TRIAL_DIR", "1")
    with environment("local"):
        assert os.environ["RAY_CHDIR_TO_TRIAL_DIR"] == "1"
        assert os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] == "0"
    assert "RAY_ENABLE_UV_RUN_RUNTIME_ENV" not in os.environ


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_a_folder_too_long_for_a_socket_is_passed_over(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 70)
    long.mkdir()
    monkeypatch.setenv(name, str(long))
    folder = ray_folder(temporary_folders())
    assert not folder.is_relative_to(long)
    assert len(os.fsencode(folder)) + MAX_SOCKET <= 107


def test_the_users_folder_is_taken_where_it_will_do(monkeypatch: pytest.MonkeyPatch, short: Path) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(short))
    assert ray_folder(temporary_folders()) == short / "ray"
    monkeypatch.setenv("RAY_TMPDIR", str(short / "mine"))
    assert temporary_folders()[0] == short / "mine", "Ray's own variable goes first"
    assert ray_folder(temporary_folders()) == short / "ray", "it does not exist"


@pytest.fixture
def short() -> object:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="s", dir="/tmp") as name:
        yield Path(name)


def test_a_relative_folder_is_one_of_here(monkeypatch: pytest.MonkeyPatch, short: Path) -> None:
    (short / "t").mkdir()
    monkeypatch.chdir(short)
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "t")
    assert ray_folder(temporary_folders()) == short / "t" / "ray"


def test_a_folder_of_another_user_is_not_shared(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine of many users /tmp/ray may be somebody's who lets nobody else in."""
    (short / "ray").mkdir()
    writable = ray_start.tempfile.TemporaryFile

    def refuse(dir: Path) -> object:  # noqa: A002
        if dir == short / "ray":
            raise PermissionError(13, "Permission denied")
        return writable(dir=dir)

    monkeypatch.setattr("search.cluster.ray_start.tempfile.TemporaryFile", refuse)
    assert ray_folder([short]) == short / f"ray-{os.getuid()}"


def test_without_any_folder_all_are_listed_with_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/var")
    with pytest.raises(SearchError) as caught:
        ray_folder([Path("/no-such-folder"), Path("/var/tmp"), Path("/" + "x" * 200), Path("/proc")])
    lines = str(caught.value).splitlines()
    assert lines[0] == "Ray needs a folder for its sockets and logs, and can use none of these:"
    assert lines[1] == "  /no-such-folder: No such file or directory"
    assert lines[2] == "  /var/tmp: Ray works in no folder of a virtual environment (/var)"
    assert "the path is too long by" in lines[3]
    assert lines[4].startswith("  /proc: ")
    assert lines[5] == "set RAY_TMPDIR to a folder with a short path that can be written"


def test_a_full_disk_is_passed_over(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import namedtuple

    usage = namedtuple("usage", ["total", "used", "free"])
    monkeypatch.setattr("search.cluster.ray_start.shutil.disk_usage", lambda path: usage(1, 1, 5 * 2**20))
    with pytest.raises(SearchError, match="only 5 MiB are free"):
        ray_folder([short])


def test_a_setting_that_ray_cannot_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would crash this process at `import ray`."""
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setattr(
        "search.cluster.ray_start._can_import_ray", lambda settings: "junk" not in settings.values()
    )
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "100")
    ray_start.require_readable_settings()
    monkeypatch.setenv("RAY_health_check_period_ms", "junk")
    with pytest.raises(SearchError) as caught:
        ray_start.require_readable_settings()
    assert str(caught.value).splitlines()[1:] == ["  RAY_health_check_period_ms=junk"]


@pytest.mark.slow
def test_ray_does_crash_over_such_a_setting() -> None:
    assert ray_start._can_import_ray({"RAY_health_check_period_ms": "5000"})
    assert not ray_start._can_import_ray({"RAY_health_check_period_ms": "junk"})


@pytest.mark.parametrize("error", [OSError("first\nsecond"), RuntimeError(), KeyError("RAY_X")])
def test_a_ray_that_cannot_be_started_is_one_block(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**options: object) -> None:
        assert options["_node_ip_address"] == "127.0.0.1"
        raise error

    monkeypatch.setattr("search.cluster.ray_start._init", fail)
    monkeypatch.setattr("ray.shutdown", lambda: None)
    monkeypatch.setenv("RAY_health_check_period_ms", "junk")
    with pytest.raises(SearchError) as caught:
        ray_start.start("local", print)
    text = str(caught.value)
    assert text.startswith("Ray could not be started: ")
    assert "second" not in text
    assert "/session_latest/logs" in text
    assert "RAY_health_check_period_ms" in text
    assert "RAY_CLIENT_MODE" not in text, "Ray itself sets that one"


def test_without_a_loopback_interface_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.cluster.ray_start.LOOPBACK", "192.0.2.77")  # of nobody
    with pytest.raises(SearchError, match=r"192.0.2.77, which cannot be reached .* ip link set lo up"):
        ray_start.start("local", print)


def test_a_start_that_takes_long_is_reported_with_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr("search.cluster.ray_start.SLOW_S", 0.05)
    monkeypatch.setattr("search.cluster.ray_start._init", lambda **options: time.sleep(0.5))
    lines: list[str] = []
    ray_start.start("local", lines.append)
    (line,) = lines
    assert line.startswith("Ray has not started within 0.05 s; its logs are in ")


def test_a_hangup_is_kept_from_the_processes_of_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = []
    monkeypatch.setattr(
        "search.cluster.ray_start._init",
        lambda **options: blocked.append(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    )
    ray_start.start("local", print)
    assert signal.SIGHUP in blocked[0]
    assert signal.SIGHUP not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize("address", ["local", "auto"])
def test_tunes_settings_are_ours(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """TUNE_RESULT_DIR and RAY_AIR_LOCAL_CACHE_DIR end Ray Tune by being set, others by their value."""
    users = {"TUNE_RESULT_DIR": "/x", "RAY_AIR_LOCAL_CACHE_DIR": "/y", "TUNE_WARN_THRESHOLD_S": "junk"}
    for name, text in users.items():
        monkeypatch.setenv(name, text)
    with environment(address):
        assert "TUNE_RESULT_DIR" not in os.environ
        assert "RAY_AIR_LOCAL_CACHE_DIR" not in os.environ
        assert os.environ["TUNE_WARN_THRESHOLD_S"] == ENVIRONMENT["TUNE_WARN_THRESHOLD_S"]
    assert {name: os.environ[name] for name in users} == users


def test_without_a_home_the_token_of_a_ray_of_our_own_is_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "missing"))
    with environment("local"):
        assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
    assert "RAY_AUTH_TOKEN" not in os.environ
    assert not (tmp_path / "missing").exists()
    with environment("auto"):
        assert "RAY_AUTH_TOKEN" not in os.environ, "another Ray has its own"
    monkeypatch.setenv("HOME", str(tmp_path))
    with environment("local"):
        assert "RAY_AUTH_TOKEN" not in os.environ


def test_a_working_directory_that_is_gone_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SearchError, match=r"working directory cannot be used .* cd to one that exists"):
        ray_start.start("local", print)
    monkeypatch.chdir(tmp_path)
