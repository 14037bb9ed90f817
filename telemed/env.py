"""Reads the environment. A wrong or missing value ends the boot with one sentence that names it."""

import base64
import binascii
from collections.abc import Callable, Collection
from typing import Any, NoReturn, TypeVar
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

import environ

env = environ.Env()
T = TypeVar("T")


def refuse(sentence: str) -> NoReturn:
    """End the boot without a traceback: whoever runs the server reads one sentence."""
    raise SystemExit(f"telemed cannot start: {sentence}")


def text(name: str, default: str = "") -> str:
    """The value of a variable; one that is set to nothing counts as not set."""
    return str(env.str(name, default="")).strip() or default


def needed(name: str, *, what: str, demo: str, production: bool) -> str:
    """A value that production must set and demo mode can invent."""
    value = text(name)
    if value or not production:
        return value or demo
    refuse(f"{name} is not set. It is {what}; see docs/configuration.md.")


def parsed(name: str, default: T, read: Callable[[str], T], what: str) -> T:
    value = text(name)
    if not value:
        return default
    try:
        return read(value)
    except (ValueError, KeyError, TypeError, OSError):
        refuse(f"{name}={value!r} is not {what}; see docs/configuration.md.")


def whole(name: str, default: int, *, least: int = 1) -> int:
    number = parsed(name, default, int, "a whole number")
    if number < least:
        refuse(f"{name}={number} is too small; the least is {least}.")
    return number


def flag(name: str, default: bool = False) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    return parsed(name, default, lambda value: words[value.lower()], "1 or 0")


def names(name: str, default: list[str] | None = None) -> list[str]:
    return [part.strip() for part in text(name).split(",") if part.strip()] or list(default or [])


def one_of(name: str, default: str, known: Collection[str], what: str) -> str:
    def read(value: str) -> str:
        if value not in known:
            raise ValueError
        return value

    return parsed(name, default, read, what)


def zone(name: str, default: str) -> str:
    return parsed(name, default, lambda value: ZoneInfo(value).key, "a time zone like Europe/London")


def minutes(name: str, default: list[int]) -> list[int]:
    found = parsed(
        name, default, lambda value: [int(part) for part in value.split(",")], "a list of minutes like 1440,15"
    )
    if min(found) < 1:
        refuse(f"{name}={text(name)!r}: a reminder comes at least one minute before.")
    return found


HOSTED = {"http", "https", "smtp", "smtps", "smtp+tls", "smtp+ssl", "redis", "rediss"}
NAMED = {
    "postgres": "database",
    "postgresql": "database",
    "unix": "socket",
    "redis+socket": "socket",
    "storage": "folder",
}


def url(name: str, value: str, schemes: set[str]) -> SplitResult:
    """``value`` of the variable ``name``, split; ends the boot when its scheme is not one we can use, or what it must name is
    missing."""
    try:
        split = urlsplit(value)
        _ = split.port
    except ValueError:
        refuse(f"{name}={value!r} is not a URL; see docs/configuration.md.")
    if split.scheme not in schemes:
        refuse(f"{name}={value!r} must start with {' or '.join(sorted(f'{scheme}://' for scheme in schemes))}.")
    if split.scheme in HOSTED and not split.hostname:
        refuse(f"{name}={value!r} names no host, like {split.scheme}://clinic.example.")
    if (thing := NAMED.get(split.scheme)) and not split.path.strip("/"):
        refuse(f"{name}={value!r} names no {thing}; see docs/configuration.md.")
    return split


def on_this_machine(name: str, value: str) -> None:
    """Demo mode signs anyone in, so it must not reach what real people use; fakes on this machine are fine."""
    parts = urlsplit(value)
    if service := {"s3": "S3", "aws-kms": "KMS"}.get(parts.scheme):
        amazon = text(f"AWS_ENDPOINT_URL_{service}") or text("AWS_ENDPOINT_URL") or "https://amazonaws.com"
        parts = urlsplit(amazon)
    host = (parts.hostname or "").lower()
    if host not in ("", "localhost", "127.0.0.1", "::1") and not host.startswith("%2f"):  # %2f: the folder of a socket
        refuse(f"demo mode is for this machine only, and {name} names another one.")


def key32(name: str, value: str) -> bytes:
    """A 32-byte key written in base64 (``openssl rand -base64 32``)."""
    try:
        key = base64.b64decode(value, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        refuse(f"{name} is not a key: it must be 32 random bytes in base64 (openssl rand -base64 32).")
    return key


def root_key(name: str, value: str, *, token: str) -> None:
    """End the boot when ``value`` does not name a root key that ``core.kms`` can use."""
    parts = url(name, value, {"file", "vault", "vault+http", "aws-kms"})
    path = parts.path.strip("/")
    match parts.scheme:
        case "file" if not path:
            refuse(f"{name}={value!r} names no file, like file:///etc/telemed/root.key.")
        case "vault+http" if parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            refuse(f"{name}={value!r}: without TLS only Vault on this machine is spoken to; use vault://.")
        case "vault" | "vault+http" if not parts.hostname or "/" not in path:
            refuse(f"{name}={value!r} must name host, mount and key, like vault://vault.example:8200/transit/telemed.")
        case "vault" | "vault+http" if not token:
            refuse("VAULT_TOKEN is not set. It is the token that may encrypt and decrypt; see docs/configuration.md.")
        case "aws-kms" if not parts.hostname or not path:
            refuse(f"{name}={value!r} must name region and key, like aws-kms://eu-west-1/alias/telemed.")


def storage(name: str, value: str) -> dict[str, Any]:
    """An entry of Django's STORAGES for a folder (file://) or a bucket of any S3-compatible server (s3://)."""
    parts = url(name, value, {"file", "s3"})
    if parts.scheme == "file":
        if not parts.path.strip("/"):
            refuse(f"{name}={value!r} names no folder, like file:///srv/telemed/files.")
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": parts.path}}
    if not parts.hostname:
        refuse(f"{name}={value!r} names no bucket, like s3://bucket/folder.")
    place = {"bucket_name": parts.hostname, "location": parts.path.strip("/")}
    return {"BACKEND": "telemed.core.buckets.Bucket", "OPTIONS": place}
