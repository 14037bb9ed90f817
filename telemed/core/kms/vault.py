"""``vault://host:8200/<mount>/<key>``: the Transit engine of HashiCorp Vault (or OpenBao), over its documented HTTP API.
The root key never leaves Vault: it is sent data keys to wrap, with the subject as associated data. VAULT_TOKEN says who
we are, VAULT_NAMESPACE where the mount is, if it has one.

The policy of the token needs ``update`` on ``<mount>/encrypt/<key>`` and ``<mount>/decrypt/<key>``, and nothing else.
"""

import base64
from typing import Any
from urllib.parse import urlsplit

import requests

from telemed.core.kms.base import Unavailable, WrongKey

SECONDS = 5
REFUSED = ("message authentication failed", "invalid ciphertext", "unable to decrypt")  # said with status 400


class Transit:
    def __init__(self, url: str, *, token: str, namespace: str = "") -> None:
        parts = urlsplit(url)
        scheme = "http" if parts.scheme == "vault+http" else "https"
        self.mount, _slash, self.key = parts.path.strip("/").rpartition("/")
        self.base = f"{scheme}://{parts.netloc}/v1/{self.mount}"
        self.session = requests.Session()
        self.session.headers.update({"X-Vault-Token": token, "X-Vault-Request": "true"})
        if namespace:
            self.session.headers["X-Vault-Namespace"] = namespace

    def wrap(self, key: bytes, context: str) -> tuple[str, bytes]:
        sealed = str(self._ask("encrypt", context, plaintext=_base64(key))["ciphertext"])
        version = sealed.split(":")[1]  # vault:v3:…
        return f"{self._name}{version}", sealed.encode()

    def unwrap(self, name: str, wrapped: bytes, context: str) -> bytes:
        return base64.b64decode(self._ask("decrypt", context, ciphertext=wrapped.decode())["plaintext"])

    def knows(self, name: str) -> bool:
        return name.startswith(self._name)

    @property
    def _name(self) -> str:
        return f"vault:{self.mount}/{self.key}:"

    def _ask(self, verb: str, context: str, **said: str) -> dict[str, Any]:
        """The ``data`` of the answer. Keys that are derived take the subject as their context; others ignore it."""
        bound = {"associated_data": _base64(context.encode()), "context": _base64(context.encode())}
        try:
            answer = self.session.post(f"{self.base}/{verb}/{self.key}", json={**said, **bound}, timeout=SECONDS)
            words = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise Unavailable(f"Vault at {self.base} does not answer ({type(error).__name__})") from error
        if answer.ok:
            data: dict[str, Any] = words["data"]
            return data
        why = "; ".join(map(str, words.get("errors") or ["no reason given"]))
        if verb == "decrypt" and answer.status_code == 400 and any(sign in why for sign in REFUSED):
            raise WrongKey(f"Vault does not open the data key of {context}: {why}")
        raise Unavailable(f"Vault at {self.base} refused to {verb} with {self.key} ({answer.status_code}: {why})")


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
