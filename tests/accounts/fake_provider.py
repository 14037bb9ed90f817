"""An OpenID provider that vouches (OpenID Connect for Identity Assurance 1.0), on a port of this machine. It checks what
a real one checks: the client, the redirect address, the PKCE verifier, that a code works once, and the bearer of the
userinfo endpoint. Its answer was held against schema/verified_claims.json of the OpenID Foundation's working group."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT = ("clinic", "secret of the clinic")
CLAIMS = {"given_name": "Amira", "family_name": "Osman", "birthdate": "1985-03-12"}


class FakeProvider:
    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock, self.key = clock, rsa.generate_private_key(65537, 2048)
        self.signs_with = self.key
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": self}))
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.codes: dict[str, dict[str, str]] = {}
        self.token_facts: dict[str, Any] = {}  # what the ID token says besides
        self.subject_of_userinfo = "person-1"
        self.verified: Any = {
            "verification": {"trust_framework": "uk_diatf", "time": "2026-11-01T10:00:00Z"},
            "claims": dict(CLAIMS),
        }
        self.asked: dict[str, Any] = {}

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def consent(self, address: str) -> str:
        """The person signs in and agrees: where the browser is sent, with the code."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (query["client_id"], query["response_type"], query["code_challenge_method"]) == (
            CLIENT[0],
            "code",
            "S256",
        )
        assert "openid" in query["scope"].split()
        self.asked = json.loads(query["claims"])
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        back = urlsplit(query["redirect_uri"])
        return f"{back.path}?code={code}&state={query['state']}"

    def token(self, form: dict[str, str], client: tuple[str, str]) -> dict[str, Any] | None:
        query = self.codes.pop(form.get("code", ""), None)
        if query is None or client != CLIENT or form["redirect_uri"] != query["redirect_uri"]:
            return None
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        )
        if challenge != query["code_challenge"]:
            return None
        now = datetime.now(tz=self.clock().tzinfo)
        claims = {
            "iss": self.issuer, "aud": CLIENT[0], "sub": "person-1", "iat": now, "exp": now + timedelta(minutes=5), "nonce": query["nonce"],
            **self.token_facts,
        }  # fmt: skip
        token = jwt.encode(claims, self.signs_with, algorithm="RS256", headers={"kid": "k1"})
        return {"access_token": "bearer-1", "token_type": "Bearer", "id_token": token}

    def get(self, path: str, bearer: str) -> dict[str, Any] | None:
        match path:
            case "/.well-known/openid-configuration":
                names = {
                    "authorization_endpoint": "authorize",
                    "token_endpoint": "token",
                    "userinfo_endpoint": "userinfo",
                    "jwks_uri": "jwks",
                }
                return {"issuer": self.issuer, **{name: f"{self.issuer}/{part}" for name, part in names.items()}}
            case "/jwks":
                key = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
                return {"keys": [{**key, "kid": "k1", "use": "sig", "alg": "RS256"}]}
            case "/userinfo" if bearer == "Bearer bearer-1":
                return {
                    "sub": self.subject_of_userinfo,
                    **({"verified_claims": self.verified} if self.verified else {}),
                }
        return None


class _Handler(BaseHTTPRequestHandler):
    provider: FakeProvider

    def do_GET(self) -> None:
        self._answer(self.provider.get(self.path, self.headers.get("Authorization", "")))

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        name, _colon, secret = (
            base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode().partition(":")
        )
        self._answer(self.provider.token({key: values[0] for key, values in parse_qs(text).items()}, (name, secret)))

    def _answer(self, found: dict[str, Any] | None) -> None:
        body = json.dumps(found or {"error": "invalid_request"}).encode()
        self.send_response(200 if found else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""
