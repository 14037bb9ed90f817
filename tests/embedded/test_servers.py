"""`python -m telemed.embedded` and `servers`."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from telemed import embedded, run
from telemed.embedded import own_environment, servers
from tests.embedded.standin import ROOT, processes

FIFTEEN = Path("/usr/lib/postgresql/15/bin")
SHOW = "import os; print(*(os.environ.get(n) for n in ('TELEMED_MODE', 'TELEMED_TESTING', 'TELEMED_LOCAL')))"


def ours(*words: str) -> list[str]:
    return [sys.executable, "-m", "telemed.embedded", *words]


def outside(**env: str) -> dict[str, str]:
    return own_environment(os.environ) | env


def test_throwaway_servers_answer_and_leave_nothing_behind() -> None:
    with servers(throwaway=True) as env:
        folder = Path(env["TELEMED_LOCAL"])
        assert (env["TELEMED_MODE"], env["TELEMED_TESTING"]) == ("demo", "1")
        with psycopg.connect(env["DATABASE_URL"]) as link:
            for name in ("btree_gist", "pg_trgm", "citext", "unaccent"):
                link.execute(f"CREATE EXTENSION {name}")
            assert link.execute("SHOW fsync").fetchone() == ("off",)
            assert link.execute("SELECT lower('ÄÉЖ'), 'Zoë' ILIKE 'zOË'").fetchone() == ("äéж", True)
        client = redis.Redis.from_url(env["REDIS_URL"])
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        client.close()
    assert not folder.exists()
    assert processes(folder) == []


def test_strangers_without_the_password_are_refused() -> None:
    with servers(throwaway=True) as env:
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(env["DATABASE_URL"].replace("telemed:", "telemed:x"))
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(env["REDIS_URL"].replace("redis://:", "redis://:x")).ping()


def test_a_configured_database_is_never_used_for_throwaway() -> None:
    with servers(throwaway=True, environ={"DATABASE_URL": "postgres://clinic", "TELEMED_MODE": "production"}) as env:
        assert "127.0.0.1" in env["DATABASE_URL"]
        assert env["TELEMED_MODE"] == "demo"


def test_a_database_of_somebody_elses_is_never_a_demo_unasked(checkout: Path) -> None:
    real = {"DATABASE_URL": "postgres://clinic.example/records"}
    sentence = "with a DATABASE_URL and no TELEMED_MODE nothing is invented: set REDIS_URL"
    with pytest.raises(embedded.Trouble, match=sentence), servers(local=checkout, environ=real):
        pass
    with servers(local=checkout, environ={**real, "REDIS_URL": "redis://clinic.example"}) as env:
        assert env.get("TELEMED_MODE") is None  # which is production
    with servers(local=checkout, environ={**real, "TELEMED_MODE": "demo"}) as env:
        assert (env["DATABASE_URL"], env["TELEMED_MODE"]) == (real["DATABASE_URL"], "demo")


def test_the_command_gets_the_environment_and_gives_its_code() -> None:
    done = subprocess.run(
        ours("--throwaway", "--", sys.executable, "-c", f"{SHOW}; raise SystemExit(7)"),
        check=False,
        cwd=ROOT,
        env=outside(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 7
    mode, testing, local = done.stdout.split()
    assert (mode, testing) == ("demo", "1")
    assert not Path(local).exists()


def test_a_command_that_does_not_exist_is_one_line() -> None:
    done = subprocess.run(
        ours("--throwaway", "--", "no-such-program"),
        check=False,
        cwd=ROOT,
        env=outside(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 127
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_command_leaves_nothing_behind(number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        process = subprocess.Popen(
            ours("--throwaway", "--", sys.executable, "-c", "print('up', flush=True); import time; time.sleep(1000)"),
            cwd=ROOT,
            env=outside(TMPDIR=folder),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(number)
        assert process.wait(10) == 128 + number
        process.stdout.close()
        assert list(Path(folder).iterdir()) == []
        assert processes(Path(folder)) == []


def test_a_command_joins_the_running_application_of_its_checkout(checkout: Path, project: run.Project) -> None:
    with run.stack(local=checkout, project=project) as stack:
        with servers(local=checkout, environ={"X": "1"}) as env:
            assert env["DATABASE_URL"] == stack.env["DATABASE_URL"]
            assert env["X"] == "1"
        stack.wait_ready(1)


def test_two_commands_do_not_share_servers_that_end_with_the_first(checkout: Path) -> None:
    with (
        servers(local=checkout, environ={}),
        pytest.raises(embedded.Trouble, match="wait until it is done"),
        servers(local=checkout, environ={}),
    ):
        pass


@pytest.mark.skipif(not FIFTEEN.exists(), reason="needs Debian's PostgreSQL 15")
def test_debians_postgresql_15_serves_as_well() -> None:
    with servers(throwaway=True, pg=FIFTEEN) as env, psycopg.connect(env["DATABASE_URL"]) as link:
        assert link.info.server_version // 10000 == 15
        link.execute("CREATE EXTENSION btree_gist")


@pytest.mark.skipif(not FIFTEEN.exists(), reason="needs Debian's PostgreSQL 15")
def test_without_the_wheel_the_systems_postgresql_is_found() -> None:
    code = (
        "import sys; sys.path = [p for p in sys.path if 'site-packages' not in p]; sys.path.insert(0, '.')\n"
        "from telemed.embedded.postgres import Postgres; from pathlib import Path\n"
        "server = Postgres(Path('/nowhere')); print(server._installation()[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert Path(done.stdout.strip()).is_relative_to("/usr/lib/postgresql")


@pytest.mark.skipif(not FIFTEEN.exists(), reason="needs Debian's PostgreSQL 15")
def test_data_keeps_the_version_that_made_it(checkout: Path) -> None:
    with servers(local=checkout, environ={}, pg=FIFTEEN):
        pass
    with servers(local=checkout, environ={}) as env, psycopg.connect(env["DATABASE_URL"]) as link:
        assert link.info.server_version // 10000 == 15


def test_a_directory_without_postgresql_is_one_sentence() -> None:
    with pytest.raises(embedded.Trouble, match="no PostgreSQL in /tmp"), servers(throwaway=True, pg=Path("/tmp")):
        pass


def test_a_directory_that_cannot_be_written_is_one_sentence(checkout: Path) -> None:
    (checkout / "file").write_text("")
    with pytest.raises(embedded.Trouble, match="cannot write in"), servers(local=checkout / "file" / "x", environ={}):
        pass


def test_a_line_of_the_env_file_that_is_not_one_is_one_sentence(checkout: Path) -> None:
    (checkout / ".env").write_text("A=1\nnot a line\n")
    with pytest.raises(embedded.Trouble, match=r"line 2 of .* is not KEY=VALUE"):
        embedded.place.settings(checkout, {})


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_an_ordinary_user_can_use_it(checkouts: Callable[..., Path]) -> None:
    nobody = pwd.getpwnam("nobody")
    folder = checkouts()
    shutil.copytree(ROOT / "telemed" / "embedded", folder / "telemed" / "embedded")
    (folder / "telemed" / "__init__.py").touch()
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    python = "/usr/bin/python3"  # ours may be below a private home
    packages = next(Path(sys.prefix).glob("lib/python*/site-packages"))
    done = subprocess.run(
        [python, "-m", "telemed.embedded", "--throwaway", "--", python, "-c", SHOW],
        check=False,
        cwd=folder,
        env=outside(PYTHONPATH=f"{folder}:{packages}", HOME=str(folder)),
        capture_output=True,
        text=True,
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
    )
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["demo", "1"]), done.stderr
    time.sleep(0.2)
    assert processes(folder) == []
