"""What a browser needs to find a path for sound and picture."""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings


def servers(seat_id: UUID, now: datetime) -> dict[str, Any]:
    """ICE servers with credentials for TURN_TTL seconds (the TURN REST API: username is "<expiry>:<who>").

    The name that the TURN server logs is a hash: it says nothing about the person or the visit.
    """
    turn: dict[str, Any] = settings.TURN
    if not turn["urls"]:
        return {"ttl": turn["ttl"], "servers": []}
    who = hmac.digest(turn["secret"].encode(), b"seat" + seat_id.bytes, hashlib.sha256).hex()[:16]
    username = f"{int(now.timestamp()) + turn['ttl']}:{who}"
    password = base64.b64encode(hmac.digest(turn["secret"].encode(), username.encode(), hashlib.sha1)).decode()
    plain = [url for url in turn["urls"] if url.startswith("stun")]
    relays = [url for url in turn["urls"] if not url.startswith("stun")]
    found: list[dict[str, Any]] = [{"urls": plain}] if plain else []
    if relays:
        found.append({"urls": relays, "username": username, "credential": password})
    return {"ttl": turn["ttl"], "servers": found}
