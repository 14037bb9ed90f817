"""Sessions live in the database; Redis keeps a copy that is quicker to read. While Redis is away people stay signed in.

Ending a session still needs Redis: its copy would be believed as long as it is there.
"""

from typing import Any

from django.contrib.sessions.backends import cached_db
from redis.exceptions import RedisError


class SessionStore(cached_db.SessionStore):
    def load(self) -> dict[str, Any]:
        try:
            return dict(super().load())
        except RedisError:
            row: Any = self._get_session_from_db()  # type: ignore[attr-defined]  # the stubs do not know it
            return dict(self.decode(row.session_data)) if row else {}

    def exists(self, session_key: str | None) -> bool:
        try:
            return bool(super().exists(session_key))  # type: ignore[arg-type]  # None is asked for too
        except RedisError:
            return bool(self.get_model_class().objects.filter(session_key=session_key).exists())
