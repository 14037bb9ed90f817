"""Long content as chunks that cannot be changed, moved, dropped or added: each is sealed with its number and with whether
it is the last. Nonce: 7 zero bytes | counter (4) | 1 when last; so every content has a key of its own.
"""

from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from telemed.core.crypto import Tampered

TAG = 16


def nonce(number: int, is_last: bool) -> bytes:
    return bytes(7) + number.to_bytes(4, "big") + (b"\x01" if is_last else b"\x00")


def cut(pieces: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Pieces of any length as chunks of ``size`` bytes, each with whether it is the last. Nothing at all is one empty
    chunk."""
    kept = bytearray()
    for piece in pieces:
        at = 0
        while len(kept) + len(piece) - at > size:
            take = size - len(kept)
            yield bytes(kept) + piece[at : at + take], False
            kept.clear()
            at += take
        kept += piece[at:]
    yield bytes(kept), True


def sealed(pieces: Iterable[bytes], key: bytes, aad: bytes, size: int) -> Iterator[bytes]:
    cipher = AESGCM(key)
    for number, (plain, is_last) in enumerate(cut(pieces, size)):
        yield cipher.encrypt(nonce(number, is_last), plain, aad)


def opened(pieces: Iterable[bytes], key: bytes, aad: bytes, size: int) -> Iterator[bytes]:
    """The plain chunks of all that ``sealed`` made. Raises Tampered."""
    cipher = AESGCM(key)
    for number, (chunk, is_last) in enumerate(cut(pieces, size + TAG)):
        try:
            yield cipher.decrypt(nonce(number, is_last), chunk, aad)
        except InvalidTag as error:
            raise Tampered(f"chunk {number} was changed, or the end is missing") from error
