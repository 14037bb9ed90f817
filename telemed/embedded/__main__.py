"""python -m telemed.embedded [--throwaway] [--pg DIR] -- COMMAND…: run a command with a database and a Redis."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from telemed import embedded
from telemed.embedded.processes import STOPPING, interrupt, leashed


def run(command: Sequence[str], env: Mapping[str, str]) -> int:
    """The command has our terminal, so Ctrl-C reaches it directly; other signals are passed on."""
    process = subprocess.Popen(leashed(command, signal.SIGTERM), env=env)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGINT:
            process.send_signal(number)

    for number in STOPPING:
        signal.signal(number, pass_on)
    code = process.wait()
    return code if code >= 0 else 128 - code


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m telemed.embedded", description=__doc__)
    parser.add_argument("--throwaway", action="store_true", help="fresh servers, removed afterwards")
    parser.add_argument("--pg", type=Path, metavar="DIR", help="directory of the PostgreSQL programs to use")
    parser.add_argument("command", nargs="+")
    words = parser.parse_args()
    for number in STOPPING:
        signal.signal(number, interrupt)
    try:
        with embedded.servers(throwaway=words.throwaway, pg=words.pg) as env:
            return run(words.command, {**os.environ, **env})
    except embedded.Trouble as trouble:
        print(f"telemed: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
