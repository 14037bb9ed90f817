"""What must be true before the first request and the first task: the keys work, and whoever was erased stays erased."""

from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from telemed.core import keys, kms, tombstones


class NotReady(Exception):
    """One sentence that says what to do before the platform starts."""


def check() -> None:
    """Raises NotReady."""
    try:
        kms.try_out()
        if settings.PRODUCTION:
            keys.try_out(settings.SIGNING["key"], settings.SIGNING["certificate"])
        tombstones.refuse_unless_replayed()
    except (ImproperlyConfigured, tombstones.NotReplayed) as error:
        raise NotReady(f"telemed cannot start: {error}") from error
    except DatabaseError as error:
        raise NotReady(
            "telemed cannot start: the database does not answer, or manage.py prepare was not run."
        ) from error
    except OSError as error:
        raise NotReady(f"telemed cannot start: TOMBSTONES_URL does not answer ({error}).") from error


def check_before_fork() -> None:
    """``check`` for a process that others will be forked from: no connection is handed down. Ends the process."""
    try:
        check()
    except NotReady as error:
        raise SystemExit(str(error)) from error
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # of the PostgreSQL backend


async def lifespan(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI server starts to listen when this says so."""
    while (await receive())["type"] == "lifespan.startup":
        try:
            await sync_to_async(check)()
        except NotReady as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
