"""Where the root key lives. The rest of the platform only asks to wrap and unwrap data keys.

KMS_URL names the place that wraps, KMS_OLD_URLS (separated by commas) those that only unwrap what they wrapped before.
"""

import secrets
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from telemed.core.kms import keyfile
from telemed.core.kms.base import RootKey, Unavailable, WrongKey

__all__ = ["RootKey", "Roots", "Unavailable", "WrongKey", "key_file", "make_file", "root", "try_out"]
make_file = keyfile.make


class Roots:
    """The root key in use and those before it."""

    def __init__(self, current: RootKey, old: list[RootKey]) -> None:
        self.current, self.all = current, [current, *old]

    def wrap(self, key: bytes, context: str) -> tuple[str, bytes]:
        return self.current.wrap(key, context)

    def unwrap(self, name: str, wrapped: bytes, context: str) -> bytes:
        for one in self.all:
            if one.knows(name):
                return one.unwrap(name, wrapped, context)
        raise WrongKey(f"the data key of {context} was wrapped by {name}, which neither KMS_URL nor KMS_OLD_URLS knows")

    def knows(self, name: str) -> bool:
        return any(one.knows(name) for one in self.all)


@cache
def root() -> Roots:
    return Roots(_opened(settings.KMS_URL), [_opened(url) for url in settings.KMS_OLD_URLS])


def key_file(url: str = "") -> Path | None:
    """The file of root keys, if that is where they are."""
    parts = urlsplit(url or settings.KMS_URL)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def try_out() -> str:
    """Wrap a key and unwrap it again, before anybody depends on it. Returns the name of the root key.

    Raises ImproperlyConfigured when that fails, or when the root key would open a data key for another subject.
    """
    key, keys = secrets.token_bytes(32), root()
    try:
        name, wrapped = keys.wrap(key, "try-out:one")
        same = keys.unwrap(name, wrapped, "try-out:one") == key
    except (WrongKey, Unavailable) as error:
        raise ImproperlyConfigured(f"KMS_URL: {error}. Check the address, the key and who may use it.") from error
    try:
        keys.unwrap(name, wrapped, "try-out:other")
    except WrongKey:
        if same:
            return name
    except Unavailable as error:
        raise ImproperlyConfigured(f"KMS_URL: {error}. Check the address, the key and who may use it.") from error
    raise ImproperlyConfigured(
        "KMS_URL: the root key does not bind data keys to their subject. Use an AEAD key (aes256-gcm96) on Vault 1.12 or newer."
    )


def _opened(url: str) -> RootKey:
    match urlsplit(url).scheme:
        case "vault" | "vault+http":
            from telemed.core.kms.vault import Transit

            return Transit(url, token=settings.VAULT_TOKEN, namespace=settings.VAULT_NAMESPACE)
        case "aws-kms":
            from telemed.core.kms.aws import AwsKms

            return AwsKms(url, tenant=settings.TENANT)
        case _:
            return _key_file(Path(unquote(urlsplit(url).path)))


def _key_file(path: Path) -> RootKey:
    if not path.exists():
        if not settings.DEMO:
            raise ImproperlyConfigured(
                f"KMS_URL names {path}, which does not exist. Restore the root key, or make one with: manage.py make_keys"
            )
        keyfile.make(path)
    return keyfile.KeyFile(path)
