"""What every place of a root key can do, and how it says no."""

from typing import Protocol


class WrongKey(Exception):
    """A wrapped key that no root key we have wrapped for this subject."""


class Unavailable(Exception):
    """The place of the root key does not answer, or does not let us in. Nothing is read or written without it."""


class RootKey(Protocol):
    """Wraps 32-byte data keys; ``context`` names the subject, so that a wrapped key cannot be given to another."""

    def wrap(self, key: bytes, context: str) -> tuple[str, bytes]:
        """The name of the root key used and the wrapped key. Raises Unavailable."""

    def unwrap(self, name: str, wrapped: bytes, context: str) -> bytes:
        """The data key. Raises WrongKey, Unavailable."""

    def knows(self, name: str) -> bool:
        """Is the root key of this name one of ours?"""
