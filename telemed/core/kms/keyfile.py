"""``file:///path``: root keys in a file that only the service may read, a line ``<name> <32 bytes in base64>`` each. The
first line wraps, all lines unwrap. The file is read again when it changed, so that a new key needs no restart."""

import base64
import binascii
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.exceptions import ImproperlyConfigured

from telemed.core.kms.base import WrongKey


class KeyFile:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = 0
        self._keys: dict[str, bytes] = {}

    @property
    def keys(self) -> dict[str, bytes]:
        """The keys by name, the one that wraps first."""
        stamp = self.path.stat().st_mtime_ns
        if stamp != self._stamp:
            self._keys, self._stamp = _read(self.path), stamp
        return self._keys

    def wrap(self, key: bytes, context: str) -> tuple[str, bytes]:
        name, root = next(iter(self.keys.items()))
        nonce = secrets.token_bytes(12)
        return name, nonce + AESGCM(root).encrypt(nonce, key, context.encode())

    def unwrap(self, name: str, wrapped: bytes, context: str) -> bytes:
        try:
            return AESGCM(self.keys[name]).decrypt(wrapped[:12], wrapped[12:], context.encode())
        except (KeyError, InvalidTag) as error:
            raise WrongKey(f"the data key of {context} was not wrapped by a root key we have") from error

    def knows(self, name: str) -> bool:
        return name in self.keys


def make(path: Path) -> None:
    """Write a fresh root key. Refuses to replace one: everything encrypted under it would be lost."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(_line())


def add(path: Path) -> str:
    """Put a fresh key before the others, which stay to unwrap. Returns its name."""
    line = _line()
    _replace(path, line + path.read_text())
    return line.split()[0]


def drop(path: Path, names: set[str]) -> None:
    """Take keys out of use. They are kept in a file beside this one, so that a line can be put back."""
    if not names:
        return
    lines = [f"{line}\n" for line in path.read_text().splitlines() if line.strip()]
    out = [line for line in lines if line.split()[0] in names]
    beside = dropped(path)
    _replace(beside, (beside.read_text() if beside.exists() else "") + "".join(out))
    _replace(path, "".join(line for line in lines if line not in out))


def dropped(path: Path) -> Path:
    """Where the keys are that were taken out of use."""
    return path.with_name(f"{path.name}.old")


def _line() -> str:
    return f"root-{secrets.token_hex(4)} {base64.b64encode(secrets.token_bytes(32)).decode()}\n"


def _replace(path: Path, text: str) -> None:
    """At once: a process that reads meanwhile finds the old file or the new one."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _read(path: Path) -> dict[str, bytes]:
    try:
        lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
        keys = {name: base64.b64decode(value, validate=True) for name, value in lines}
    except (ValueError, binascii.Error) as error:
        raise ImproperlyConfigured(f"{path} is not a file of root keys. Restore it from your copy.") from error
    if not keys or {len(key) for key in keys.values()} != {32}:
        raise ImproperlyConfigured(f"{path} holds no root key of 32 bytes. Restore it from your copy.")
    return keys
