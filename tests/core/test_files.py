"""Files go in and out piece by piece, to a disk or a bucket, and only as much of them as is asked for."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage, storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from pytest_django import Settings

from telemed.core import files, uploads
from telemed.core.buckets import Bucket
from telemed.core.models import StoredFile

SIZE = 3 * files.CHUNK + 777


def kept(content: Any, now: datetime) -> StoredFile:
    return files.save(content, owner="patient:amira", purpose="t", name="n.pdf", content_type="text/plain", now=now)


@pytest.fixture
def content() -> bytes:
    return os.urandom(SIZE)


@pytest.fixture
def row(content: bytes, now: datetime, db: None) -> StoredFile:
    return kept(content, now)


def asked(row: StoredFile, wanted: str, **headers: str) -> Any:
    return files.respond(row, request=RequestFactory().get("/", headers={"range": wanted, **headers}))


RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=0-", 0, SIZE),
    ("bytes=100-199", 100, 200),
    (f"bytes={files.CHUNK - 1}-{2 * files.CHUNK}", files.CHUNK - 1, 2 * files.CHUNK + 1),
    (f"bytes={files.CHUNK}-{files.CHUNK}", files.CHUNK, files.CHUNK + 1),
    ("bytes=-1", SIZE - 1, SIZE),
    ("bytes=-99999999", 0, SIZE),
    (f"bytes=5-{SIZE * 9}", 5, SIZE),
]


@pytest.mark.parametrize(("wanted", "start", "end"), RANGES)
def test_a_range_is_answered_with_just_that(row: StoredFile, content: bytes, wanted: str, start: int, end: int) -> None:
    answer = asked(row, wanted)
    assert b"".join(answer.streaming_content) == content[start:end]
    whole = (start, end) == (0, SIZE)
    assert (answer.status_code, answer.get("Content-Range"), answer["Content-Length"], answer["Accept-Ranges"]) == (
        200 if whole else 206, None if whole else f"bytes {start}-{end - 1}/{SIZE}", str(end - start), "bytes",
    )  # fmt: skip


@pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
def test_a_range_that_is_not_there_is_416(row: StoredFile, wanted: str) -> None:
    answer = asked(row, wanted)
    assert (answer.status_code, answer["Content-Range"], answer.content) == (416, f"bytes */{SIZE}", b"")


@pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=a-b", "bytes=-", "lines=1-2", "bytes=0-1,5-6", ""])
def test_what_is_no_single_range_is_answered_with_the_whole_file(row: StoredFile, content: bytes, wanted: str) -> None:
    answer = asked(row, wanted)
    assert (answer.status_code, b"".join(answer.streaming_content) == content) == (200, True)


def test_a_range_of_an_older_file_is_answered_with_the_whole_file(row: StoredFile) -> None:
    assert asked(row, "bytes=0-1", **{"if-range": '"old"'}).status_code == 200


def test_pieces_of_any_size_become_the_same_file(content: bytes, now: datetime, db: None) -> None:
    pieces = [content[at : at + 10_007] for at in range(0, SIZE, 10_007)]
    row = kept(iter([b"", *pieces]), now)
    assert (row.size, b"".join(files.read(row)) == content) == (SIZE, True)
    assert kept([], now).size == 0


def test_a_file_is_saved_without_ever_being_whole_in_memory(now: datetime, db: None) -> None:
    """The storage takes each sealed chunk before the next piece is asked for."""
    path = Path(default_storage.path(""))
    sizes = []

    def pieces() -> Iterator[bytes]:
        for _ in range(40):
            yield bytes(files.CHUNK)
            newest = max(path.rglob("*"), key=lambda file: file.stat().st_mtime_ns if file.is_file() else 0)
            sizes.append(newest.stat().st_size)

    kept(pieces(), now)
    assert sizes[-1] > 30 * files.CHUNK


async def test_under_asgi_a_file_goes_out_in_parts(row: StoredFile, content: bytes) -> None:
    answer = files.respond(row)
    stream: AsyncIterator[bytes] = aiter(answer)  # type: ignore[arg-type]
    parts = [part async for part in stream]
    assert b"".join(parts) == content
    assert max(map(len, parts)) <= files.AT_ONCE * files.CHUNK


# --- uploads ----------------------------------------------------------------------------------------------------------
class NoDisk:
    """Temporary files are refused while this is on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("NamedTemporaryFile", "TemporaryFile", "mkstemp"):
            monkeypatch.setattr(tempfile, name, self.refuse)
        monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", self.refuse)

    def refuse(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("what was sent would have been written to the disk")


@pytest.mark.parametrize("size", [100, 3_000_000, uploads.LARGEST, uploads.LARGEST + 1, 9_000_000])
def test_an_upload_of_any_size_never_touches_the_disk(
    size: int, rf: RequestFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = rf.post("/", {"file": SimpleUploadedFile("a.pdf", b"%PDF-" + bytes(size - 5)), "name": "typed"})
    NoDisk(monkeypatch)
    file: Any = request.FILES["file"]
    assert (file.size, request.POST["name"]) == (size, "typed")
    assert len(file.read()) <= uploads.LARGEST


@pytest.mark.django_db(transaction=True)
async def test_the_body_of_a_large_request_is_not_spooled(monkeypatch: pytest.MonkeyPatch) -> None:
    from asgiref.testing import ApplicationCommunicator

    from telemed.asgi import limited

    NoDisk(monkeypatch)
    scope = {
        "type": "http", "method": "POST", "path": "/healthz", "query_string": b"", "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 5000), "server": ("localhost", 8000), "root_path": "", "scheme": "http",
    }  # fmt: skip
    wire: Any = ApplicationCommunicator(limited, scope)  # type: ignore[no-untyped-call]
    for number in range(10):
        await wire.send_input({"type": "http.request", "body": bytes(1024 * 1024), "more_body": number < 9})
    assert (await wire.receive_output(10))["status"] in (200, 403, 405)


def test_a_file_that_is_too_large_is_refused_with_a_sentence(client: Client) -> None:
    sent = SimpleUploadedFile("a.pdf", b"%PDF-")
    sent.size = uploads.LARGEST + 1
    with pytest.raises(Exception, match="Send one of at most 6 MB"):
        uploads.checked(sent, (uploads.PDF,))


# --- buckets ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def bucket(aws: str, settings: Settings) -> Bucket:
    """The storage of files is a bucket of an S3-compatible server."""
    import boto3

    from telemed import env

    name = f"telemed-{os.urandom(4).hex()}"
    boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    place = env.storage("STORAGE_URL", f"s3://{name}/files")
    settings.STORAGES = {**settings.STORAGES, "default": place}
    found = storages["default"]
    assert isinstance(found, Bucket)
    return found


def test_files_live_in_a_bucket(bucket: Bucket, content: bytes, now: datetime, db: None) -> None:
    row = kept([content[:1000], content[1000:]], now)
    name = f"{row.pk.hex[-2:]}/{row.pk.hex}"
    assert b"".join(files.read(row)) == content
    assert (
        b"".join(asked(row, f"bytes={files.CHUNK - 1}-{2 * files.CHUNK}").streaming_content)
        == (content[files.CHUNK - 1 : 2 * files.CHUNK + 1])
    )
    with bucket.open(name) as file:
        sealed = file.read()
    assert (len(sealed), content[:64] in sealed) == (SIZE + 4 * files.TAG, False)
    files.destroy(row)
    assert not bucket.exists(name)
    with pytest.raises(FileNotFoundError):
        bucket.open(name)


def test_a_large_file_goes_to_a_bucket_in_parts(bucket: Bucket, now: datetime, db: None) -> None:
    size = 20 * 1024 * 1024  # more than one part of a multipart upload
    row = kept((bytes(1024 * 1024) for _ in range(20)), now)
    assert (row.size, sum(map(len, files.read(row)))) == (size, size)
    assert sum(map(len, files.read(row, size - 10))) == 10


def test_a_bucket_that_is_away_fails_like_a_disk(
    bucket: Bucket, row: StoredFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    client = boto3.client("s3")
    for entry in client.list_objects_v2(Bucket=bucket.bucket_name)["Contents"]:
        client.delete_object(Bucket=bucket.bucket_name, Key=entry["Key"])
    client.delete_bucket(Bucket=bucket.bucket_name)
    with pytest.raises(OSError, match="NoSuchBucket"):
        list(files.read(row))
    with pytest.raises(OSError, match="the bucket"):
        kept(b"x", row.created_at)


@pytest.mark.parametrize(
    ("url", "said"),
    [("s3://", "names no bucket"), ("file://", "names no folder"), ("ftp://x/y", "must start with file:// or s3://")],
)
def test_a_wrong_place_ends_the_boot_with_a_sentence(url: str, said: str) -> None:
    from telemed import env

    with pytest.raises(SystemExit, match=said):
        env.storage("STORAGE_URL", url)
