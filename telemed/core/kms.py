"""Where the root key lives. The rest of the platform only asks to wrap and unwrap data keys.

``KMS_URL=file:///path``: a file of lines ``<name> <32 bytes in base64>``, the first line wraps, all lines unwrap.
"""

import base64
import os
import secrets
from functools import cache
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class WrongKey(Exception):
    """A wrapped key that this root key did not wrap for this subject."""


class RootKey(Protocol):
    """Wraps 32-byte data keys; ``context`` names the subject, so that a wrapped key cannot be given to another."""

    def wrap(self, key: bytes, context: str) -> tuple[str, bytes]:
        """The name of the root key used and the wrapped key."""

    def unwrap(self, name: str, wrapped: bytes, context: str) -> bytes:
        """The data key. Raises WrongKey."""


class KeyFile:
    """Root keys in a file that only the service may read."""

    def __init__(self, path: Path) -> None:
        lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
        self.keys = {name: base64.b64decode(value, validate=True) for name, value in lines}
        self.name = lines[0][0]

    def wrap(self, key: bytes, context: str) -> tuple[str, bytes]:
        nonce = secrets.token_bytes(12)
        return self.name, nonce + AESGCM(self.keys[self.name]).encrypt(nonce, key, context.encode())

    def unwrap(self, name: str, wrapped: bytes, context: str) -> bytes:
        try:
            return AESGCM(self.keys[name]).decrypt(wrapped[:12], wrapped[12:], context.encode())
        except (KeyError, InvalidTag) as error:
            raise WrongKey(f"the data key of {context} was not wrapped by a root key we have") from error


def make_file(path: Path) -> None:
    """Write a fresh root key. Refuses to replace one: everything encrypted under it would be lost."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"root-{secrets.token_hex(4)} {base64.b64encode(secrets.token_bytes(32)).decode()}\n")


@cache
def root() -> RootKey:
    path: Path = settings.KMS_ROOT
    if not path.exists():
        if not settings.DEMO:
            raise ImproperlyConfigured(
                f"KMS_URL names {path}, which does not exist. Restore the root key, or make one with: manage.py make_keys"
            )
        make_file(path)
    return KeyFile(path)
