"""The mark of the installation that made an archive: a signature over its manifest with the key of the papers."""

import base64
import json

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from django.conf import settings


class Forged(Exception):
    """Signed by nobody whom we trust, or changed after it was signed."""


def sign(content: bytes) -> bytes:
    """A signature file: certificate and signature, readable for people who look."""
    key = serialization.load_pem_private_key(settings.SIGNING["key"].read_bytes(), None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(content, ec.ECDSA(hashes.SHA256()))
    elif isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    else:
        raise Forged("the signing key is neither EC nor RSA")
    certificate = settings.SIGNING["certificate"].read_text()
    facts = {
        "over": "manifest.json",
        "hash": "SHA-256",
        "certificate": certificate,
        "signature": base64.b64encode(signature).decode(),
    }
    return json.dumps(facts, indent=2).encode()


def check(content: bytes, seal: bytes, *, trusted: bytes) -> str:
    """Whose certificate signed ``content``. ``trusted`` is the certificate (PEM) that it must be. Raises Forged."""
    try:
        facts = json.loads(seal)
        certificate = x509.load_pem_x509_certificate(facts["certificate"].encode())
        signature = base64.b64decode(facts["signature"], validate=True)
        expected = x509.load_pem_x509_certificate(trusted)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise Forged("the signature cannot be read") from error
    if certificate.fingerprint(hashes.SHA256()) != expected.fingerprint(hashes.SHA256()):
        raise Forged(f"it was signed by {certificate.subject.rfc4514_string()}, whose certificate was not given")
    _verify(expected.public_key(), signature, content)
    return expected.subject.rfc4514_string()


def _verify(key: object, signature: bytes, content: bytes) -> None:
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
        else:
            raise Forged("the certificate holds neither an EC nor an RSA key")
    except InvalidSignature as error:
        raise Forged("the manifest was changed after it was signed") from error
