"""Becomes another program that dies with the process which started it.

Usage: python -I -S leash.py PARENT SIGNAL UID GID COMMAND…   (UID 0: stay who we are)

It is a program of its own because the code between fork and exec of a threaded Python may deadlock, and because an
interpreter under a private home can only be started before the change of user.
"""

import os
import signal
import sys
from contextlib import suppress

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, death, uid, gid = (int(word) for word in sys.argv[1:5])
    libc = None
    with suppress(ImportError, OSError):
        import ctypes  # before the change of user: afterwards it may be out of reach

        libc = ctypes.CDLL(None)
    if uid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if libc is not None and sys.platform == "linux":
        libc.prctl(PR_SET_PDEATHSIG, death)
    if os.getppid() != parent:
        sys.exit(1)  # the parent went before the leash was on
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and an exec would hand that on
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvp(sys.argv[5], sys.argv[5:])
    except OSError as error:
        print(f"telemed: {sys.argv[5]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main()
