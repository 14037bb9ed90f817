"""Is the process alive, and is everything it needs there?"""

from collections.abc import Callable

from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError

from telemed.core.tasks import HEARTBEAT


def healthz(request: HttpRequest) -> HttpResponse:
    """The process lives."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")


def readyz(request: HttpRequest) -> JsonResponse:
    """Database, Redis, worker and storage each answered. 503 names the part that did not."""
    parts = {name: _answer(check) for name, check in CHECKS.items()}
    ready = all(answer == "ok" for answer in parts.values())
    response = JsonResponse({"ready": ready, "parts": parts}, status=200 if ready else 503)
    response._has_been_logged = True  # type: ignore[attr-defined]  # asked every second while starting: the answer says it all
    return response


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _redis() -> None:
    cache.set("readyz", 1, 5)
    if cache.get("readyz") != 1:
        raise OSError("it forgot a value")


def _worker() -> None:
    if cache.get(HEARTBEAT) is None:
        raise OSError("no sign of life for 30 seconds")


def _storage() -> None:
    name = default_storage.save("readyz", ContentFile(b"ok"))
    default_storage.delete(name)


CHECKS: dict[str, Callable[[], None]] = {"database": _database, "redis": _redis, "worker": _worker, "storage": _storage}


def _answer(check: Callable[[], None]) -> str:
    try:
        check()
    except (DatabaseError, RedisError, OSError) as error:
        return str(error).splitlines()[0][:120] or type(error).__name__
    return "ok"
