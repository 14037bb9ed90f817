"""What happens before there is a virtual environment."""

import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from telemed.embedded import install as installing
from telemed.embedded import own_environment
from telemed.embedded.processes import Trouble
from tests.embedded.standin import ROOT

NOWHERE = "http://127.0.0.1:1/simple"
CODE = "import sys; sys.modules['ensurepip'] = None; from telemed.embedded import install; sys.exit(install.main([]))"


@pytest.fixture
def fresh(checkouts: Callable[[], Path]) -> Path:
    """A checkout that needs one small package."""
    folder = checkouts()
    shutil.copytree(ROOT / "telemed" / "embedded", folder / "telemed" / "embedded")
    (folder / "telemed" / "__init__.py").touch()
    (folder / "wheels").mkdir()
    name = folder / "wheels" / "stone-1-py3-none-any.whl"
    with zipfile.ZipFile(name, "w") as wheel:
        wheel.writestr("stone.py", "weight = 1\n")
        wheel.writestr("stone-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: stone\nVersion: 1\n")
        wheel.writestr("stone-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("stone-1.dist-info/RECORD", "")
    digest = subprocess.run(["sha256sum", name], check=True, capture_output=True, text=True).stdout.split()[0]
    (folder / "requirements.txt").write_text(f"stone==1 --hash=sha256:{digest}\n")
    return folder


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once, because pip takes its time to unpack itself."""
    folder = tmp_path_factory.mktemp("environment") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


@pytest.fixture
def equipped(fresh: Path, environment: Path) -> Path:
    """A checkout with an environment in which nothing is installed yet."""
    shutil.copytree(environment, fresh / ".venv", symlinks=True)
    return fresh


def run(folder: Path, *command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in own_environment(os.environ).items() if not name.startswith("PIP_")}
    found = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder / "wheels")} | env
    return subprocess.run(command, check=False, cwd=folder, env=clean | found, capture_output=True, text=True)


def install(folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return run(folder, sys.executable, "-m", "telemed.embedded.install", **env)


def test_the_first_installation_says_what_takes_time_and_the_second_is_silent(fresh: Path) -> None:
    first = install(fresh)
    assert first.returncode == 0, first.stderr
    assert [line.split()[0] for line in first.stdout.splitlines()] == ["Making", "Installing"]
    assert first.stderr == ""
    done = run(fresh, ".venv/bin/python", "-c", "import stone; print(stone.weight)")
    assert done.stdout == "1\n"
    started = time.monotonic()
    second = install(fresh)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert time.monotonic() - started < 3


def test_a_changed_list_is_installed_into_the_same_environment(equipped: Path) -> None:
    install(equipped)
    kept = equipped / ".venv" / "kept"
    kept.touch()
    with (equipped / "requirements.txt").open("a") as file:
        file.write("# one more line\n")
    assert install(equipped).stdout.startswith("Installing")
    assert kept.exists()


def test_a_broken_environment_is_made_again(fresh: Path) -> None:
    install(fresh)
    (fresh / ".venv" / "bin" / "python").unlink()
    assert install(fresh).stdout.startswith("Making")
    assert run(fresh, ".venv/bin/python", "-c", "import stone").returncode == 0


def test_no_network_is_one_sentence(equipped: Path) -> None:
    done = install(equipped, PIP_NO_INDEX="0", PIP_FIND_LINKS="", PIP_INDEX_URL=NOWHERE)
    assert done.returncode == 1
    assert "the package index cannot be reached, check the network (or proxy) and start again" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_package_with_another_hash_is_one_sentence(equipped: Path) -> None:
    (equipped / "requirements.txt").write_text(f"stone==1 --hash=sha256:{'0' * 64}\n")
    done = install(equipped)
    assert done.returncode == 1
    assert "do not trust that index" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_package_that_does_not_exist_is_one_sentence(equipped: Path) -> None:
    (equipped / "requirements.txt").write_text(f"water==1 --hash=sha256:{'0' * 64}\n")
    done = install(equipped)
    assert done.returncode == 1
    assert "requirements.txt was not installed (ERROR:" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_python_without_venv_is_one_sentence(fresh: Path) -> None:
    done = run(fresh, sys.executable, "-c", CODE)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert done.returncode == 1
    assert done.stderr.endswith(f"has no venv module: run apt-get install {version}-venv.\n")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A machine without Chromium on which nothing but these tools can be called; they write down what they were asked."""

    def have(*names: str, root: bool) -> Path:
        (tmp_path / ".local").mkdir()
        (tmp_path / "env").symlink_to("/usr/bin/env")
        rest = {"sudo": 'shift; test "$1" = true || exec "$@"'}
        for name in names:
            (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/asked\n{rest.get(name, "")}\n')
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
        monkeypatch.setattr(installing, "CHROMIUM", tmp_path / "chromium")
        return tmp_path

    return have


APT = ["-q update", "-q install -y --no-install-recommends chromium fonts-dejavu-core"]


def test_root_installs_chromium_with_apt(tools: Callable[..., Path]) -> None:
    folder = tools("apt-get", "sudo", root=True)
    installing.chromium(folder)
    assert (folder / "asked").read_text().splitlines() == [f"apt-get {words}" for words in APT]


def test_others_install_chromium_with_sudo_that_asks_nothing(tools: Callable[..., Path]) -> None:
    folder = tools("apt-get", "sudo", root=False)
    installing.chromium(folder)
    asked = ["sudo -n true"]
    for words in APT:
        asked += [f"sudo -n env DEBIAN_FRONTEND=noninteractive apt-get {words}", f"apt-get {words}"]
    assert (folder / "asked").read_text().splitlines() == asked


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("apt-get",), "the browser tests need Chromium: run sudo apt-get install chromium fonts-dejavu-core"),
        ((), "the browser tests need {}/chromium: install Chromium with the package manager of this system."),
    ],
)
def test_who_may_not_install_chromium_gets_one_sentence(
    tools: Callable[..., Path], names: tuple[str, ...], said: str
) -> None:
    folder = tools(*names, root=False)
    with pytest.raises(Trouble) as refused:
        installing.chromium(folder)
    assert (str(refused.value), (folder / "asked").exists()) == (said.format(folder), False)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_too_little_room_is_one_sentence(fresh: Path) -> None:
    disk = fresh / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900m", "none", disk], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        shutil.copytree(fresh / "telemed", disk / "telemed")
        done = install(disk)
    finally:
        subprocess.run(["umount", disk], check=True)
    assert done.returncode == 1
    assert "free at least 1500 MB and start again" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_wrong_choice_of_python_is_one_sentence(fresh: Path) -> None:
    done = run(fresh, "sh", "telemed/embedded/python.sh", PYTHON="/bin/false")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("telemed: PYTHON=/bin/false is not a Python 3.11, 3.12 or 3.13")


def test_no_python_at_all_is_one_sentence(fresh: Path) -> None:
    done = run(fresh, "/bin/sh", "telemed/embedded/python.sh", PATH="/nonexistent", PYTHON="")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("telemed: Python 3.11, 3.12 or 3.13 was not found")


def test_the_python_of_the_environment_comes_first(fresh: Path) -> None:
    (fresh / ".venv" / "bin").mkdir(parents=True)
    (fresh / ".venv" / "bin" / "python").symlink_to(sys.executable)
    assert run(fresh, "sh", "telemed/embedded/python.sh", PYTHON="").stdout == ".venv/bin/python\n"
    named = run(fresh, "sh", "telemed/embedded/python.sh", PYTHON=sys.executable)
    assert named.stdout == f"{sys.executable}\n"
