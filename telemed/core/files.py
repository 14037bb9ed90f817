"""Encrypted files: 64 KiB chunks of AES-256-GCM, so that a reader can start anywhere and a changed, moved, missing or
added chunk is refused.

Chunk nonce: 7 zero bytes | counter (4) | 1 when last. The key is random per file; its envelope is bound to the row.
"""

import hashlib
import secrets
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from telemed.core import crypto
from telemed.core.ids import uuid7
from telemed.core.models import StoredFile

CHUNK = 64 * 1024
TAG = 16


def save(content: bytes, *, owner: str, purpose: str, name: str, content_type: str, now: datetime) -> StoredFile:
    """Encrypt ``content`` for the subject ``owner`` and keep it. Returns the row that ``read`` needs."""
    key, row_id = secrets.token_bytes(32), uuid7()
    row = StoredFile(
        id=row_id, owner=owner, purpose=purpose, name=name, content_type=content_type, size=len(content),
        sha256=hashlib.sha256(content).digest(), created_at=now,
        key=crypto.seal(key, subject=owner, aad=_aad(row_id)),
    )  # fmt: skip
    default_storage.save(_path(row), ContentFile(b"".join(_chunks(content, key, row_id))))
    row.save(force_insert=True)
    return row


def read(row: StoredFile, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Plain bytes from ``start`` up to but not including ``end``. Raises crypto.Tampered."""
    end = row.size if end is None else min(end, row.size)
    key = crypto.open_sealed(bytes(row.key), aad=_aad(row.id))
    with default_storage.open(_path(row), "rb") as file:
        for number in range(start // CHUNK, max(start, end - 1) // CHUNK + 1):
            file.seek(number * (CHUNK + TAG))
            # One byte more after the last chunk: something was added to the file.
            plain = _open_chunk(file.read(CHUNK + TAG + (number == _last(row.size))), key, row, number)
            first = number * CHUNK
            yield plain[max(0, start - first) : end - first]


def respond(row: StoredFile, *, download: bool = False) -> StreamingHttpResponse:
    """The file as an answer that no cache keeps and no browser guesses about or runs."""
    response = StreamingHttpResponse(read(row), content_type=row.content_type)
    response["Content-Length"] = str(row.size)
    response["Content-Disposition"] = str(content_disposition_header(download, row.name))
    response["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    return response


def destroy(row: StoredFile) -> None:
    """Delete the file and the key that opens it. Bytes go first: when the rest fails, the row is still there to try again."""
    default_storage.delete(_path(row))
    row.delete()


def _path(row: StoredFile) -> str:
    return f"{row.id.hex[-2:]}/{row.id.hex}"


def _aad(row_id: UUID) -> bytes:
    return crypto.bound("core.storedfile.key", row_id)


def _last(size: int) -> int:
    return max(0, size - 1) // CHUNK


def _nonce(number: int, last: int) -> bytes:
    return bytes(7) + number.to_bytes(4, "big") + (b"\x01" if number == last else b"\x00")


def _chunks(content: bytes, key: bytes, row_id: UUID) -> Iterator[bytes]:
    cipher, last = AESGCM(key), _last(len(content))
    for number in range(last + 1):
        yield cipher.encrypt(_nonce(number, last), content[number * CHUNK : (number + 1) * CHUNK], row_id.bytes)


def _open_chunk(sealed: bytes, key: bytes, row: StoredFile, number: int) -> bytes:
    try:
        return AESGCM(key).decrypt(_nonce(number, _last(row.size)), sealed, row.id.bytes)
    except InvalidTag as error:
        raise crypto.Tampered(f"file {row.id} was changed") from error
