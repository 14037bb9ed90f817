"""Encrypted files: 64 KiB chunks of AES-256-GCM, so that a reader can start anywhere and a changed, moved, missing or
added chunk is refused.

The key is random per file; its envelope is bound to the row.
Files are written and read chunk by chunk, and their plain bytes never touch a disk.
"""

import hashlib
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from http import HTTPStatus
from itertools import chain, islice
from pathlib import Path
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from telemed.core import chunks, crypto, integrity
from telemed.core.ids import uuid7
from telemed.core.models import StoredFile

CHUNK = 64 * 1024
TAG = chunks.TAG
AT_ONCE = 16  # chunks that one hop to a thread opens
RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def save(
    content: bytes | Iterable[bytes],
    *,
    owner: str,
    purpose: str,
    name: str,
    content_type: str,
    now: datetime,
    row_id: UUID | None = None,
) -> StoredFile:
    """Encrypt ``content``, whole or piece by piece, for the subject ``owner`` and keep it. Returns the row that ``read``
    needs. ``row_id``: the key that the file had where it comes from."""
    key, made = secrets.token_bytes(32), row_id or uuid7()
    sealed = _Sealing([content] if isinstance(content, bytes) else content, key, made)
    row = StoredFile(
        id=made, owner=owner, purpose=purpose, name=name, content_type=content_type, created_at=now, key=key
    )
    if row_id and default_storage.exists(_path(row)):  # left by a work that was given up: no row knows it
        default_storage.delete(_path(row))
    default_storage.save(_path(row), sealed)
    row.size, row.sealed_sha256 = sealed.plain_size, sealed.sha256.digest()
    row.save(force_insert=True)
    return row


def read(row: StoredFile, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Plain bytes from ``start`` up to but not including ``end``. Raises crypto.Tampered."""
    end = row.size if end is None else min(end, row.size)
    cipher, last = AESGCM(row.key), _last(row.size)
    try:
        with default_storage.open(_path(row), "rb") as file:
            for number in range(start // CHUNK, max(start, end - 1) // CHUNK + 1):
                file.seek(number * (CHUNK + TAG))
                # One byte more after the last chunk: something was added to the file.
                plain = _open_chunk(file.read(CHUNK + TAG + (number == last)), cipher, row, number)
                first = number * CHUNK
                yield plain[max(0, start - first) : end - first]
    except FileNotFoundError as error:
        raise _tampered(row, "is gone") from error


def respond(row: StoredFile, *, request: HttpRequest | None = None, download: bool = False) -> HttpResponseBase:
    """The file, or the range that ``request`` asks for, as an answer that no cache keeps and no browser guesses about or
    runs. What does not open is said before the first byte is sent."""
    part = _wanted(request, row.size)
    if part is None:
        return HttpResponse(
            status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers={"Content-Range": f"bytes */{row.size}"}
        )
    start, end = part
    plain = read(row, start, end)
    response = _Streamed(integrity.watched(chain([next(plain)], plain), request), content_type=row.content_type)
    if (start, end) != (0, row.size):
        response.status_code = HTTPStatus.PARTIAL_CONTENT
        response["Content-Range"] = f"bytes {start}-{end - 1}/{row.size}"
    response["Accept-Ranges"] = "bytes"
    response["Content-Length"] = str(end - start)
    response["Content-Disposition"] = str(content_disposition_header(download, row.name))
    response["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    return response


def destroy(row: StoredFile) -> None:
    """Delete the file and the key that opens it. Bytes go first: when the rest fails, the row is still there to try again."""
    default_storage.delete(_path(row))
    row.delete()


def copy(row: StoredFile, folder: Path) -> None:
    """The encrypted file as it lies in the storage, beside a backup. A file never changes, so one that is there stays."""
    target = folder / _path(row)
    if target.exists() and target.stat().st_size == sealed_size(row):
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    half = target.with_name(f"{target.name}.part")
    with default_storage.open(_path(row), "rb") as source, half.open("wb") as out:
        shutil.copyfileobj(source, out, CHUNK)
    half.replace(target)


def put_back(row: StoredFile, folder: Path) -> bool:
    """Take the encrypted file from where ``copy`` put it. False when it is not there."""
    if not (source := folder / _path(row)).exists():
        return False
    default_storage.delete(_path(row))
    with source.open("rb") as file:
        default_storage.save(_path(row), File(file))
    return True


def fault_of(row: StoredFile) -> str:
    """What is wrong with the file in the storage, told without its key: "is gone", "was changed", or nothing."""
    digest, size = hashlib.sha256(), 0
    try:
        with default_storage.open(_path(row), "rb") as file:
            while piece := file.read(CHUNK * AT_ONCE):
                digest.update(piece)
                size += len(piece)
    except FileNotFoundError:
        return "is gone"
    same = row.sealed_sha256 is None or digest.digest() == bytes(row.sealed_sha256)
    return "" if same and size == sealed_size(row) else "was changed"


def sealed_size(row: StoredFile) -> int:
    return row.size + TAG * (_last(row.size) + 1)


class _Streamed(StreamingHttpResponse):
    """Django collects a synchronous stream before an ASGI server gets to see it; this one goes out as it is opened."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._parts()

    async def _parts(self) -> AsyncIterator[bytes]:
        source: Iterator[bytes] = iter(self)
        while part := await sync_to_async(_some)(source):
            yield part


def _some(source: Iterator[bytes]) -> bytes:
    return b"".join(islice(source, AT_ONCE))


class _Sealing(File):  # type: ignore[type-arg]  # it takes no parameter at run time
    """The encrypted bytes of a file, made while the storage takes them. Afterwards it knows how much went in, and the hash
    of what came out (that of the plain bytes would tell who has the same file)."""

    def __init__(self, pieces: Iterable[bytes], key: bytes, row_id: UUID) -> None:
        super().__init__(None, name=row_id.hex)
        self.plain_size, self.sha256 = 0, hashlib.sha256()
        self._sealed = self._chunks(pieces, AESGCM(key), row_id.bytes)
        self._left = b""

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        return self._sealed

    def read(self, size: int | None = -1) -> bytes:
        while (size is None or size < 0 or len(self._left) < size) and (more := next(self._sealed, b"")):
            self._left += more
        size = len(self._left) if size is None or size < 0 else size
        answer, self._left = self._left[:size], self._left[size:]
        return answer

    def seekable(self) -> bool:
        return False

    def _chunks(self, pieces: Iterable[bytes], cipher: AESGCM, row_id: bytes) -> Iterator[bytes]:
        for number, (plain, is_last) in enumerate(chunks.cut(pieces, CHUNK)):
            self.plain_size += len(plain)
            chunk = cipher.encrypt(chunks.nonce(number, is_last), plain, row_id)
            self.sha256.update(chunk)
            yield chunk


def _wanted(request: HttpRequest | None, size: int) -> tuple[int, int] | None:
    """The bytes that are asked for (RFC 9110, section 14), None when there are none such. Several ranges, or one that holds
    only for an older file (If-Range), are answered with the whole file."""
    asked: Any = RANGE.fullmatch(request.headers.get("Range", "").replace(" ", "")) if request else None
    if not asked or asked[0] == "bytes=-" or (request and "If-Range" in request.headers):
        return 0, size
    first, last = (int(digits) if digits else None for digits in asked.groups())
    if first is None:
        return (max(0, size - (last or 0)), size) if last and size else None
    if first >= size or (last is not None and last < first):
        return None if first >= size else (0, size)
    return first, min(size, size if last is None else last + 1)


def _path(row: StoredFile) -> str:
    return f"{row.id.hex[-2:]}/{row.id.hex}"


def _last(size: int) -> int:
    return max(0, size - 1) // CHUNK


def _open_chunk(sealed: bytes, cipher: AESGCM, row: StoredFile, number: int) -> bytes:
    try:
        return cipher.decrypt(chunks.nonce(number, number == _last(row.size)), sealed, row.id.bytes)
    except InvalidTag as error:
        raise _tampered(row, "was changed") from error


def _tampered(row: StoredFile, how: str) -> crypto.Tampered:
    error = crypto.Tampered(f"file {row.id} {how}")
    error.place, error.row = "core.storedfile.content", str(row.id)
    return error
