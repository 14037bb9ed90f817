"""Where a page of ours is, for messages and for redirects across hosts."""

from django.conf import settings


def absolute(path: str) -> str:
    """The whole address of ``path``: the back office may have a host of its own."""
    if settings.ADMIN_HOST and path.startswith(f"/{settings.ADMIN_PATH}"):
        scheme = settings.PUBLIC_URL.split("://")[0]
        return f"{scheme}://{settings.ADMIN_HOST}{path}"
    return f"{settings.PUBLIC_URL}{path}"


def reachable(path: str) -> str:
    """``path`` as it is, unless it lives on another host."""
    return absolute(path) if settings.ADMIN_HOST and path.startswith(f"/{settings.ADMIN_PATH}") else path
