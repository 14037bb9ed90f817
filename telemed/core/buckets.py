"""Files in a bucket of Amazon S3 or a server that speaks like it. Credentials, region and endpoint are those that boto3
finds (AWS_ACCESS_KEY_ID, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3 …). What goes there is encrypted already.

django-storages saves, deletes and lists. It would fetch a whole file to read a piece of it, so reading is ours.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import File
from storages.backends.s3 import S3Storage

GONE = {"NoSuchKey", "404"}
PAST_THE_END = {"InvalidRange", "416"}


class Bucket(S3Storage):
    """Raises OSError like a disk does."""

    default_content_type = "application/octet-stream"

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        return File(cast("IO[bytes]", _Reader(self, name)), name)

    def _save(self, name: str, content: Any) -> str:
        with _like_a_disk():
            return str(super()._save(name, content))

    def delete(self, name: str) -> None:
        with _like_a_disk():
            super().delete(name)

    def piece(self, name: str, start: int) -> Any:
        """The body of the object from ``start``, as it comes. Raises FileNotFoundError; None when it is not so long."""
        key = self._normalize_name(name)
        try:
            answer = self.connection.meta.client.get_object(Bucket=self.bucket_name, Key=key, Range=f"bytes={start}-")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in PAST_THE_END:
                return None
            raise (FileNotFoundError(name) if code in GONE else OSError(f"the bucket said {code}")) from error
        except BotoCoreError as error:
            raise OSError(f"the bucket does not answer ({type(error).__name__})") from error
        return answer["Body"]


class _Reader(io.RawIOBase):
    """Reads on from wherever it was told to; one request serves all that is read in a row."""

    def __init__(self, bucket: Bucket, name: str) -> None:
        self.bucket, self.path, self.at = bucket, name, 0
        self.body: Any = None
        self.body = self.bucket.piece(name, 0)  # a file that is not there is missed now

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence != 0:
            raise io.UnsupportedOperation("only from the start")
        if offset != self.at:
            self._hang_up()
            self.at = offset
        return offset

    def read(self, size: int | None = -1) -> bytes:
        if self.body is None:
            self.body = self.bucket.piece(self.path, self.at)
        if self.body is None:
            return b""
        with _like_a_disk():
            data = bytes(self.body.read() if size is None or size < 0 else self.body.read(size))
        self.at += len(data)
        return data

    def close(self) -> None:
        self._hang_up()
        super().close()

    def _hang_up(self) -> None:
        if self.body is not None:
            self.body.close()
            self.body = None


@contextmanager
def _like_a_disk() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise OSError(f"the bucket does not answer ({type(error).__name__})") from error
