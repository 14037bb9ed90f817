"""Sessions are rows: what Django keeps in one, and what its owner sees of it. Each request reads the row and its person
in one query, so a session that was ended is dead at once, whatever happens to Redis. The name in the cookie is stored
only as a hash: who reads the database cannot sign in with it.

A signed-in session ends after ``User.idle_limit`` without a sign of its person, and SESSION_COOKIE_AGE after the sign-in.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, user_logged_in
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.db import IntegrityError, transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from telemed.accounts.models import DeviceSession, User
from telemed.core import audit, clock
from telemed.core.middleware import client_ip

GRAIN = timedelta(seconds=10)  # signs of the person are written at most so often


class SessionStore(SessionBase):
    row: DeviceSession | None = None  # as it was read
    lapsed = False  # there was one, and it ended because nobody used it, or because it was too old

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._facts: dict[str, Any] = {}  # columns to write with the next save

    def load(self) -> dict[str, Any]:
        rows = DeviceSession.objects.select_related("user").filter(name=name(self.session_key or ""))
        row = rows.first() if self.session_key else None
        if row and clock.now() < row.expires_at:
            self.row = row
            return dict(self.decode(row.session_data))
        self.lapsed = row is not None
        self._session_key = None
        return {}

    def exists(self, session_key: str) -> bool:
        return DeviceSession.objects.filter(name=name(session_key)).exists()

    def create(self) -> None:
        self._session_key = self._fresh_key()
        self.save(must_create=True)
        self.modified = True

    def save(self, must_create: bool = False) -> None:
        if self.session_key is None:
            self.create()
            return
        data = self.encode(self._get_session(no_load=must_create))  # type: ignore[attr-defined]  # the stubs do not know it
        if must_create:
            self._insert(data)
        elif not DeviceSession.objects.filter(name=name(self.session_key)).update(session_data=data, **self._facts):
            raise UpdateError
        self._facts = {}

    def encode(self, session_dict: dict[str, Any]) -> str:
        """Sealed: it may hold an address that somebody is proving, or what they read on their last page. Not under a data
        key, because pages must answer while the root key is away, and nobody is signed out by new data keys."""
        plain = json.dumps(session_dict, separators=(",", ":")).encode()
        return _cipher(settings.SECRET_KEY).encrypt(plain).decode()

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Empty when it does not open: whoever it was signs in again."""
        try:
            return dict(json.loads(_cipher(settings.SECRET_KEY).decrypt(session_data)))
        except (InvalidToken, ValueError):
            return {}

    def _fresh_key(self) -> str:
        return str(self._get_new_session_key())  # type: ignore[attr-defined]  # nor this

    def _insert(self, data: str) -> None:
        now = clock.now()
        times = {"started_at": now, "seen_at": now, "expires_at": now + settings.SESSION_AGE, **self._facts}
        row = DeviceSession(name=name(self.session_key or ""), session_data=data, **times)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            raise CreateError from error
        self.row = row

    def delete(self, session_key: str | None = None) -> None:
        if wanted := session_key or self.session_key:
            DeviceSession.objects.filter(name=name(wanted)).delete()

    def flush(self) -> None:
        super().flush()
        self.row, self._facts = None, {}

    def cycle_key(self) -> None:
        """The same session under a new name. The old name means nothing from this moment."""
        data = self._session  # type: ignore[attr-defined]  # read before the name changes
        fresh = self._fresh_key()
        old = self.session_key
        if old and DeviceSession.objects.filter(name=name(old)).update(name=name(fresh)):
            self._session_key = fresh
            self.modified = True
        else:
            self.create()
            self._session_cache = data

    @classmethod
    def clear_expired(cls) -> None:
        DeviceSession.objects.filter(expires_at__lte=clock.now()).delete()

    # --- the person behind it
    def begin(self, user: User, *, agent: str, network: str, now: datetime) -> None:
        """``user`` has just signed in here."""
        self._facts = {
            "user_id": user.pk, "agent": agent[:200], "network": network, "started_at": now, "seen_at": now, "travelled_at": None,
            "expires_at": min(now + user.idle_limit, now + settings.SESSION_AGE),
        }  # fmt: skip
        self.modified = True

    def travelled(self, now: datetime) -> None:
        """Whoever has just signed in here was far away a moment ago: nothing opens before another proof."""
        self._facts["travelled_at"] = now

    @property
    def doubtful(self) -> bool:
        """Nothing opens here before another proof."""
        return bool((self.row and self.row.travelled_at) or self._facts.get("travelled_at"))

    def person(self) -> User | None:
        """Whose session this is, while the account is open and the password is the one that was used to sign in."""
        wanted = self.get(SESSION_KEY)
        user = self.row.user if self.row else None
        if user is None or not user.is_active or wanted != str(user.pk):
            return None
        if self.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
            return None
        return user if _fits(self.get(HASH_SESSION_KEY), user) else None

    def reference(self) -> tuple[UUID | None, str]:
        """Which session this is, and how its person has proved who they are, for the access log."""
        records = self.get("account_authentication_methods", [])  # allauth's
        ways = dict.fromkeys(str(row.get("method", "")) for row in records)
        return self.row.pk if self.row else None, "+".join(ways)[:40]

    def touch(self, now: datetime) -> None:
        """A sign of the person: the idle time starts again. The 12 hours do not."""
        if self.get(SESSION_KEY) is not None and self.row and now - self.row.seen_at >= GRAIN:
            self.stay(now)

    def stay(self, now: datetime) -> None:
        """Begin the idle time anew, as long as it is for what the person is today."""
        row = self.row
        assert row
        row.seen_at, row.expires_at = now, row.end_if_idle_from(now)
        rows = DeviceSession.objects.open(now).filter(pk=row.pk)  # a socket may know less than the database
        rows.update(seen_at=row.seen_at, expires_at=row.expires_at)

    def still_open(self) -> bool:
        """The same, asked of the database once more. The key in the cookie may have changed meanwhile."""
        if self.row is None:
            return False
        rows = DeviceSession.objects.open(clock.now()).select_related("user")
        row = rows.filter(pk=self.row.pk, user__is_active=True, travelled_at=None).first()
        return bool(row and row.user and _fits(self.decode(row.session_data).get(HASH_SESSION_KEY), row.user))


@cache
def _cipher(secret: str) -> Fernet:
    return Fernet(urlsafe_b64encode(hmac.digest(secret.encode(), b"telemed.sessions", hashlib.sha256)))


@receiver(user_logged_in)
def _begin(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    agent, network = request.META.get("HTTP_USER_AGENT", ""), audit.shorten(client_ip(request))
    request.session.begin(user, agent=agent, network=network, now=clock.now())  # type: ignore[attr-defined]


def _fits(proof: str | None, user: User) -> bool:
    return constant_time_compare(proof or "", user.get_session_auth_hash())


def name(session_key: str) -> str:
    """How the session with this key is called in the database."""
    return hashlib.sha256(session_key.encode()).hexdigest()
