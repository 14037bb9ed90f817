"""HashiCorp Vault's Transit engine as its API documentation describes it (tests/data/vault_transit.json names the version):
encrypt and decrypt of an aes256-gcm96 key with versions. It refuses what is not documented, so that an adapter that passes
here says nothing that Vault would not understand.
"""

import base64
import binascii
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.test"
DOCUMENTED: dict[str, Any] = json.loads((Path(__file__).parent.parent / "data" / "vault_transit.json").read_text())
SPOKEN = ("encrypt", "decrypt")  # what this one answers


class Refused(Exception):
    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(*errors)
        self.status, self.errors = status, list(errors)


@dataclass
class Vault:
    """The state of the server, for tests to look at and change."""

    mount: str = "transit"
    keys: dict[str, list[bytes]] = field(default_factory=lambda: {"telemed": [secrets.token_bytes(32)]})
    lowest: int = 1  # min_decryption_version
    sealed: bool = False
    binds: bool = True  # False: a Vault from before associated_data, which ignores it
    address: str = ""

    def rotate(self, key: str = "telemed") -> None:
        self.keys[key].append(secrets.token_bytes(32))

    def answer(self, path: str, token: str, said: dict[str, Any]) -> dict[str, Any]:
        if self.sealed:
            raise Refused(503, "Vault is sealed")
        if token != TOKEN:
            raise Refused(403, "permission denied")
        version, mount, verb, key = path.strip("/").split("/")
        if version != "v1" or mount != self.mount or verb not in SPOKEN:
            raise Refused(404, f'no handler for route "{path}". route entry not found.')
        documented = DOCUMENTED[verb]
        if unknown := set(said) - set(documented["parameters"]):
            raise Refused(400, f"not documented: {unknown}")
        if missing := set(documented["required"]) - set(said):
            raise Refused(400, f"missing: {missing}")
        if key not in self.keys:
            raise Refused(400, "encryption key not found")
        aad = _decoded(said.get("associated_data", "")) if self.binds else b""
        data = self._encrypt(key, said, aad) if verb == "encrypt" else self._decrypt(key, said, aad)
        rest = {
            "lease_id": "",
            "renewable": False,
            "lease_duration": 0,
            "wrap_info": None,
            "warnings": None,
            "auth": None,
        }
        return {"request_id": secrets.token_hex(16), **rest, "data": data}

    def _encrypt(self, key: str, said: dict[str, Any], aad: bytes) -> dict[str, Any]:
        version, nonce = len(self.keys[key]), secrets.token_bytes(12)
        sealed = nonce + AESGCM(self.keys[key][-1]).encrypt(nonce, _decoded(said["plaintext"]), aad)
        return {"ciphertext": f"vault:v{version}:{base64.b64encode(sealed).decode()}"}

    def _decrypt(self, key: str, said: dict[str, Any], aad: bytes) -> dict[str, Any]:
        head, version, body = [*said["ciphertext"].split(":"), "", ""][:3]
        if head != "vault" or not version[1:].isdigit():
            raise Refused(400, "invalid ciphertext: no prefix")
        if not self.lowest <= int(version[1:]) <= len(self.keys[key]):
            raise Refused(400, "ciphertext or signature version is disallowed by policy (too old)")
        sealed = _decoded(body)
        try:
            plain = AESGCM(self.keys[key][int(version[1:]) - 1]).decrypt(sealed[:12], sealed[12:], aad)
        except InvalidTag as error:
            raise Refused(400, "cipher: message authentication failed") from error
        return {"plaintext": base64.b64encode(plain).decode()}


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise Refused(400, "failed to base64-decode") from error


@contextmanager
def running() -> Iterator[Vault]:
    vault = Vault()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, body = 200, vault.answer(self.path, self.headers.get("X-Vault-Token", ""), said)
            except Refused as refused:
                status, body = refused.status, {"errors": refused.errors}
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    vault.address = f"127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield vault
    finally:
        server.shutdown()
        server.server_close()
