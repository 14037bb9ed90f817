"""The stack as tests use it from Python."""

import time
from pathlib import Path

import psycopg
import pytest
import redis

from telemed import run
from telemed.embedded import Trouble
from tests.embedded.standin import processes


def test_a_stack_says_where_it_is_and_leaves_nothing_running(checkout: Path, project: run.Project) -> None:
    with run.stack(local=checkout / "here", project=project, env={"SWEEP_SECONDS": "1"}) as stack:
        assert stack.url == f"http://localhost:{stack.port}" == stack.env["PUBLIC_URL"]
        assert stack.env["TELEMED_MODE"] == "demo"
        assert stack.env["TELEMED_LOCAL"] == str(checkout / "here")
        assert stack.env["SWEEP_SECONDS"] == "1"
        assert all(stack.running(name) for name in ("web", "worker", "beat", "redis", "postgres"))
    assert processes(checkout) == []
    assert "web is here" in (checkout / "here" / "stack.log").read_text()


def test_the_callers_own_database_is_not_used(
    checkout: Path, project: run.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "TELEMED_MODE"):
        monkeypatch.setenv(name, "production")
    with run.stack(local=checkout, project=project) as stack:
        assert "production" not in (stack.env[name] for name in ("DATABASE_URL", "REDIS_URL", "TELEMED_MODE"))


def test_a_killed_worker_takes_its_own_children_along_and_comes_back_when_asked(
    checkout: Path, project: run.Project
) -> None:
    with run.stack(local=checkout, project=project) as stack:
        stack.kill("worker")
        assert not stack.running("worker")
        assert not [line for line in processes(checkout) if "sys.stdin.read" in line or "worker.py" in line]
        stack.start("worker")
        assert stack.running("worker")


def test_a_web_that_is_started_again_answers(checkout: Path, project: run.Project) -> None:
    with run.stack(local=checkout, project=project) as stack:
        stack.stop("web")
        assert not stack.running("web")
        stack.start("web")
        stack.wait_ready(1)


def test_redis_keeps_its_port_and_its_data_over_a_restart(checkout: Path, project: run.Project) -> None:
    with run.stack(local=checkout, project=project) as stack:
        client = redis.Redis.from_url(stack.env["REDIS_URL"])
        client.set("kept", "yes")
        stack.restart_redis()
        assert client.get("kept") == b"yes"
        stack.kill("redis")
        with pytest.raises(redis.ConnectionError):
            redis.Redis.from_url(stack.env["REDIS_URL"], retry=None).get("kept")
        stack.start("redis")
        assert client.get("kept") == b"yes"
        client.close()


def test_postgres_comes_back_after_a_crash_on_the_same_port(checkout: Path, project: run.Project) -> None:
    with run.stack(local=checkout, project=project) as stack:
        stack.kill("postgres")
        stack.start("postgres")
        with psycopg.connect(stack.env["DATABASE_URL"]) as link:
            assert link.execute("SELECT 1").fetchone() == (1,)


def test_a_part_that_is_configured_elsewhere_cannot_be_killed(checkout: Path, project: run.Project) -> None:
    with (
        run.stack(local=checkout, project=project, env={"REDIS_URL": "redis://else:1/0"}) as stack,
        pytest.raises(ValueError, match="no redis of its own"),
    ):
        stack.kill("redis")


def test_one_directory_serves_one_stack(checkout: Path, project: run.Project) -> None:
    with (
        run.stack(local=checkout, project=project) as first,
        pytest.raises(Trouble, match=f"already runs at {first.url}"),
        run.stack(local=checkout, project=project),
    ):
        pass


def test_a_worker_that_ignores_the_request_to_end_is_ended(checkout: Path, project: run.Project) -> None:
    (checkout / "worker.py").write_text(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(1000)"
    )
    with run.stack(local=checkout, project=project) as stack:
        while "deaf" not in (checkout / "stack.log").read_text():
            time.sleep(0.05)
        asked = time.monotonic()
        stack.stop("worker")
        assert time.monotonic() - asked < 7
        assert not stack.running("worker")
    assert processes(checkout) == []
