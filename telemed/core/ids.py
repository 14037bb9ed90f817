"""Identifiers: ordered ones for rows, short ones for people."""

import secrets
import time
from uuid import UUID

# Crockford's alphabet leaves out I, L, O and U, so that a code survives handwriting and the telephone.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def uuid7() -> UUID:
    """A version 7 UUID (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then 74 random bits.

    Made by the application, because a row must know its key before its fields are encrypted.
    """
    milliseconds = time.time_ns() // 1_000_000
    tail = secrets.randbits(76)
    high = (milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | (tail >> 62 & 0xFFF) << 64
    return UUID(int=high | 0b10 << 62 | tail & (1 << 62) - 1)


def code(length: int) -> str:
    """``length`` random characters of ALPHABET, five bits each."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def typed(value: str) -> str:
    """A code as a person typed it: spaces and dashes gone, look-alikes folded, upper case."""
    folded = value.upper().translate(str.maketrans("ILOU", "110V", " -"))
    return "".join(character for character in folded if character in ALPHABET)
