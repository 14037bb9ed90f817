"""Somebody else vouches for who a person is: the protocol, and the adapter for providers that speak OpenID Connect for
Identity Assurance 1.0 (verified_claims in the answer of the userinfo endpoint)."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlencode

import jwt
import requests
from django.conf import settings

SECONDS = 10  # that a provider may take for one answer
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")  # never what the token itself asks for
SCOPE = "openid"


class ProviderError(Exception):
    """The provider did not vouch: it is away, it answered something else, or what it says does not count here."""


@dataclass(frozen=True)
class Vouched:
    """What a provider says about a person, and under which rules it found that out."""

    name: str
    birth_date: date
    framework: str


class Ekyc(Protocol):
    name: str

    def address(self, *, back: str, state: str, nonce: str, verifier: str) -> str:
        """Where to send the person. Raises ProviderError."""

    def fetch(self, code: str, *, back: str, nonce: str, verifier: str) -> Vouched:
        """What the provider says, after the person came back with ``code``. Raises ProviderError."""


class IdentityAssurance:
    """An OpenID provider: authorization code with PKCE, then the verified claims of the person."""

    def __init__(self, *, issuer: str, client_id: str, client_secret: str, frameworks: list[str]) -> None:
        self.name, self.client_id, self.secret, self.frameworks = issuer, client_id, client_secret, frameworks

    def address(self, *, back: str, state: str, nonce: str, verifier: str) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": back, "scope": SCOPE, "state": state, "nonce": nonce,
            "code_challenge": challenge, "code_challenge_method": "S256", "claims": json.dumps(self._wanted()),
        }  # fmt: skip
        return f"{self._facts()['authorization_endpoint']}?{urlencode(query)}"

    def fetch(self, code: str, *, back: str, nonce: str, verifier: str) -> Vouched:
        facts = self._facts()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        tokens = _json("POST", facts["token_endpoint"], data=form, auth=(self.client_id, self.secret))
        subject = self._subject(tokens, facts["jwks_uri"], nonce)
        said = _json(
            "GET", facts["userinfo_endpoint"], headers={"Authorization": f"Bearer {tokens.get('access_token', '')}"}
        )
        if said.get("sub") != subject:
            raise ProviderError("the answer is about somebody else")
        return next(self._vouched(said), None) or _nothing()

    def _facts(self) -> dict[str, Any]:
        facts = _json("GET", f"{self.name}/.well-known/openid-configuration")
        if facts.get("issuer") != self.name:
            raise ProviderError("the configuration is of another issuer")
        if missing := {"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"} - facts.keys():
            raise ProviderError(f"the configuration names no {min(missing)}")
        return facts

    def _wanted(self) -> dict[str, Any]:
        """The claims parameter: who the person is, verified under one of the frameworks that count here."""
        verification = {"trust_framework": {"values": self.frameworks}}
        claims = dict.fromkeys(("given_name", "family_name", "birthdate"))
        return {"userinfo": {"verified_claims": {"verification": verification, "claims": claims}}}

    def _subject(self, tokens: dict[str, Any], jwks_uri: str, nonce: str) -> str:
        """The person of the ID token, if it was made by this provider, for us, for this very sign-in."""
        try:
            token = tokens["id_token"]
            keys = jwt.PyJWKSet.from_dict(_json("GET", jwks_uri))
            key = keys[jwt.get_unverified_header(token)["kid"]]
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=ALGORITHMS, audience=self.client_id, issuer=self.name,
                options={"require": ["exp", "iat", "sub"]},
            )  # fmt: skip
        except (jwt.PyJWTError, KeyError, TypeError) as error:
            raise ProviderError(f"the ID token does not hold: {type(error).__name__}") from error
        if claims.get("nonce") != nonce:
            raise ProviderError("the ID token is of another sign-in")
        return str(claims["sub"])

    def _vouched(self, said: dict[str, Any]) -> Iterator[Vouched]:
        """What counts of the verified claims: one object or several, each with its own framework."""
        found: Any = said.get("verified_claims")
        several: list[Any] = found if isinstance(found, list) else [found]
        for one in several:
            try:
                framework, claims = str(one["verification"]["trust_framework"]), one["claims"]
                name = f"{claims['given_name']} {claims['family_name']}".strip()
                born = date.fromisoformat(claims["birthdate"])
            except (KeyError, TypeError, ValueError):
                continue
            if framework in self.frameworks:
                yield Vouched(name, born, framework)


@cache
def provider() -> Ekyc | None:
    """The provider of this installation, if there is one."""
    return IdentityAssurance(**settings.EKYC) if settings.EKYC["issuer"] else None


def _nothing() -> Vouched:
    raise ProviderError("nothing was vouched for under a framework that counts here")


def _json(method: str, address: str, **options: Any) -> dict[str, Any]:
    try:
        answer = requests.request(method, address, timeout=SECONDS, allow_redirects=False, **options)
        answer.raise_for_status()
        found = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise ProviderError(f"the provider did not answer: {type(error).__name__}") from error
    if answer.status_code != 200 or not isinstance(found, dict):
        raise ProviderError("the provider answered something else")
    return found
