"""Where a page of ours is, for messages and for redirects across hosts."""

from collections.abc import Callable

from django.conf import settings

_home: list[Callable[[], str]] = []


def home_is(find: Callable[[], str]) -> None:
    """Who knows the clinics says how the address of the one at hand is found."""
    _home[:] = [find]


def absolute(path: str) -> str:
    """The whole address of ``path``: the back office may have a host of its own. One that is whole stays as it is."""
    if path.startswith(("http://", "https://")):
        return path
    if settings.ADMIN_HOST and path.startswith(f"/{settings.ADMIN_PATH}"):
        scheme = settings.PUBLIC_URL.split("://")[0]
        return f"{scheme}://{settings.ADMIN_HOST}{path}"
    return f"{settings.PUBLIC_URL}{path}"


def placed(path: str) -> str:
    """``path`` as a message keeps it: whole when the clinic at hand is at an address of its own."""
    base = _home[0]() if _home and path.startswith("/") else settings.PUBLIC_URL
    return path if base == settings.PUBLIC_URL or absolute(path) != f"{settings.PUBLIC_URL}{path}" else f"{base}{path}"


def reachable(path: str) -> str:
    """``path`` as it is, unless it lives on another host."""
    return absolute(path) if settings.ADMIN_HOST and path.startswith(f"/{settings.ADMIN_PATH}") else path
