"""How many different things somebody touched lately, counted in Redis: exact, for every process together, and without a
query in the request."""

import logging
from datetime import datetime, timedelta
from functools import cache as kept

from django.conf import settings
from django.core.cache import cache
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger("telemed.distinct")


def add(pile: str, thing: str, *, now: datetime, within: timedelta) -> int:
    """Put ``thing`` on the pile. Returns how many different ones lie there that are not older than ``within``; 0 when
    Redis is away, which must not fail the page."""
    key = cache.make_key(f"distinct.{pile}")
    try:
        with _redis().pipeline() as pipe:
            pipe.zadd(key, {thing: now.timestamp()})
            pipe.zremrangebyscore(key, "-inf", f"({(now - within).timestamp()}")
            pipe.zcard(key)
            pipe.expire(key, within)
            return int(pipe.execute()[2])
    except (RedisError, OSError) as error:
        logger.warning("nothing was counted: %s", error)
        return 0


def forget(pile: str) -> None:
    cache.delete(f"distinct.{pile}")


@kept
def _redis() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
